//! A process of the mesh: kept alive, killed on purpose, ended in order.

use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// What to run: this executable, with other arguments.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Spec {
    /// For people.
    pub name: String,
    pub arguments: Vec<String>,
    /// What it writes on standard error.
    pub log: PathBuf,
}

/// Something that nobody asked for.
#[derive(Debug)]
pub(crate) enum News {
    /// It is started again.
    Died {
        name: String,
        status: ExitStatus,
    },
    Unstartable {
        name: String,
        error: io::Error,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Starting,
    /// Its listeners are open.
    Ready {
        pid: u32,
    },
    Down,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    /// SIGKILL, and stay down.
    Kill,
    /// After an end in order, or from being down.
    Restart,
    /// An end in order, for good.
    Stop,
}

/// A handle; the process ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    spec: Spec,
    orders: mpsc::Sender<Order>,
    state: watch::Receiver<State>,
    keeper: JoinHandle<()>,
}

/// How long a process may take to end in order.
const GRACE: Duration = Duration::from_secs(6);
/// Between two starts of a process that dies at once.
const BACKOFF: Duration = Duration::from_millis(500);

impl Child {
    /// Starts it, and keeps it running.
    pub(crate) fn start(spec: Spec, news: mpsc::Sender<News>) -> Self {
        let (orders, taken) = mpsc::channel(4);
        let (tell, state) = watch::channel(State::Starting);
        let keeper = Keeper { spec: spec.clone(), orders: taken, state: tell, news };
        Self { spec, orders, state, keeper: tokio::spawn(keeper.keep()) }
    }

    pub(crate) const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Whether it got that far in time.
    pub(crate) async fn is_ready(&self, within: Duration) -> bool {
        let ready = |state: &State| matches!(state, State::Ready { .. });
        self.reaches(ready, within).await
    }

    /// SIGKILL; it stays down until [`Self::restart`]. Returns once it is gone.
    pub(crate) async fn kill(&self) {
        let _ = self.orders.send(Order::Kill).await;
        self.reaches(|state| *state == State::Down, GRACE).await;
    }

    /// From being down.
    pub(crate) async fn restart(&self) {
        let _ = self.orders.send(Order::Restart).await;
        self.reaches(|state| *state != State::Down, GRACE).await;
    }

    /// Ends it in order, and by force where that takes too long.
    pub(crate) async fn stop(mut self) {
        let _ = self.orders.send(Order::Stop).await;
        let _ = timeout(GRACE * 2, &mut self.keeper).await;
    }

    async fn reaches(&self, wanted: impl Fn(&State) -> bool, within: Duration) -> bool {
        let mut state = self.state.clone();
        matches!(timeout(within, state.wait_for(|state| wanted(state))).await, Ok(Ok(_)))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // The process goes with the task that holds it.
        self.keeper.abort();
    }
}

struct Keeper {
    spec: Spec,
    orders: mpsc::Receiver<Order>,
    state: watch::Sender<State>,
    news: mpsc::Sender<News>,
}

struct Process {
    process: tokio::process::Child,
    /// Closed, it tells the process to end.
    leash: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What comes after one life of the process.
enum Next {
    Again,
    Down,
    End,
}

impl Keeper {
    async fn keep(mut self) {
        loop {
            let started = Instant::now();
            self.state.send_replace(State::Starting);
            let next = match spawn(&self.spec) {
                Ok(process) => self.watch(process).await,
                Err(error) => {
                    let name = self.spec.name.clone();
                    self.tell(News::Unstartable { name, error });
                    Next::Again
                }
            };
            match next {
                Next::Again => sleep(BACKOFF.saturating_sub(started.elapsed())).await,
                Next::End => return,
                Next::Down => {
                    self.state.send_replace(State::Down);
                    match self.orders.recv().await {
                        Some(Order::Restart) => {}
                        Some(Order::Kill) => continue,
                        Some(Order::Stop) | None => return,
                    }
                }
            }
        }
    }

    async fn watch(&mut self, mut process: Process) -> Next {
        let pid = process.process.id().unwrap_or_default();
        let mut reads = true;
        loop {
            tokio::select! {
                line = process.lines.next_line(), if reads => match line {
                    Ok(Some(line)) if line.starts_with("ready") => {
                        self.state.send_replace(State::Ready { pid });
                    }
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => reads = false,
                },
                status = process.process.wait() => {
                    if let Ok(status) = status {
                        self.tell(News::Died { name: self.spec.name.clone(), status });
                    }
                    return Next::Again;
                }
                order = self.orders.recv() => match order {
                    Some(Order::Kill) => {
                        let _ = process.process.kill().await;
                        return Next::Down;
                    }
                    Some(Order::Restart) => {
                        end(process).await;
                        return Next::Again;
                    }
                    Some(Order::Stop) | None => {
                        end(process).await;
                        return Next::End;
                    }
                },
            }
        }
    }

    /// Whoever does not listen misses something.
    fn tell(&self, news: News) {
        let _ = self.news.try_send(news);
    }
}

async fn end(mut process: Process) {
    drop(process.leash.take());
    let Process { process: mut child, mut lines, .. } = process;
    // It must not wait for somebody to read what it still writes.
    let read = async { while let Ok(Some(_)) = lines.next_line().await {} };
    let ended = timeout(GRACE, async { tokio::join!(child.wait(), read) }).await;
    if ended.is_err() {
        let _ = child.kill().await;
    }
}

fn spawn(spec: &Spec) -> io::Result<Process> {
    let log = OpenOptions::new().create(true).append(true).open(&spec.log)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(&spec.arguments).arg("--leashed");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    // A Ctrl-C in the terminal is for whoever keeps the processes, who ends them in order.
    command.process_group(0).kill_on_drop(true);
    let mut process = command.spawn()?;
    let leash = process.stdin.take();
    let piped = || io::Error::other("standard output is not piped");
    let lines = BufReader::new(process.stdout.take().ok_or_else(piped)?).lines();
    Ok(Process { process, leash, lines })
}
