//! One program of the mesh, as a process of its own: started, killed, started again.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// How it is started, whenever it is.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) executable: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Where it writes what it has to say.
    pub(crate) log: PathBuf,
}

/// It runs. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Kept open, since it may write more.
    _stdout: BufReader<ChildStdout>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{program} is not ready; see {log}", program = .0.name(), log = .0.log.display())]
    NotReady(Box<Program>),
}

/// To say that it is ready.
const PATIENCE: Duration = Duration::from_secs(20);

impl Program {
    fn name(&self) -> String {
        self.arguments.first().cloned().unwrap_or_default()
    }

    /// Starts it, and waits until it says that it is ready.
    pub(crate) async fn start(self) -> Result<Process, ProcessError> {
        let log = std::fs::File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.executable);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.kill_on_drop(true).spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::BrokenPipe))?;
        let mut stdout = BufReader::new(stdout);
        let line = tokio::time::timeout(PATIENCE, ready_line(&mut stdout)).await;
        match line.unwrap_or_default() {
            Some(()) => Ok(Process { child, _stdout: stdout }),
            None => Err(ProcessError::NotReady(Box::new(self))),
        }
    }
}

/// Its first line is `ready name=value …`.
async fn ready_line(stdout: &mut BufReader<ChildStdout>) -> Option<()> {
    let mut line = String::new();
    stdout.read_line(&mut line).await.ok()?;
    line.starts_with("ready").then_some(())
}

impl Process {
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) async fn kill(mut self) -> Result<(), ProcessError> {
        Ok(self.child.kill().await?)
    }
}
