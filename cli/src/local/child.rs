//! A process of the mesh: kept alive, killed on purpose, ended in order.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
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

impl Spec {
    /// The last line of its log.
    pub(crate) fn last_words(&self) -> Option<String> {
        let mut file = File::open(&self.log).ok()?;
        let start = file.metadata().ok()?.len().saturating_sub(LAST_WORDS_MAX_BYTES);
        file.seek(SeekFrom::Start(start)).ok()?;
        let mut end = Vec::new();
        file.read_to_end(&mut end).ok()?;
        let end = String::from_utf8_lossy(&end);
        end.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
    }
}

/// Something that nobody asked for.
#[derive(Debug)]
pub(crate) enum News {
    /// It is started again.
    Ended {
        name: String,
        status: ExitStatus,
        /// What it said last, where it ended by an error.
        last: Option<String>,
    },
    Unstartable {
        name: String,
        error: io::Error,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Starting {
        /// How often it has died before it was ready.
        deaths: u32,
    },
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

const LAST_WORDS_MAX_BYTES: u64 = 1000;
/// How long a process may take to end in order.
const GRACE: Duration = Duration::from_secs(6);
/// A process that has died so often before it was ready will not be.
const DEATHS_MAX: u32 = 3;
/// Between two starts of a process that dies at once.
const BACKOFF: Duration = Duration::from_millis(500);

impl Child {
    /// Starts it, and keeps it running.
    pub(crate) fn start(spec: Spec, news: mpsc::Sender<News>) -> Self {
        let (orders, taken) = mpsc::channel(4);
        let (tell, state) = watch::channel(State::Starting { deaths: 0 });
        let keeper = Keeper { spec: spec.clone(), orders: taken, state: tell, news };
        Self { spec, orders, state, keeper: tokio::spawn(keeper.keep()) }
    }

    pub(crate) const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Whether it got that far in time.
    pub(crate) async fn is_ready(&self, within: Duration) -> bool {
        let decided = |state: &State| match state {
            State::Ready { .. } => true,
            State::Starting { deaths } => DEATHS_MAX <= *deaths,
            State::Down => false,
        };
        self.reaches(decided, within).await && matches!(*self.state.borrow(), State::Ready { .. })
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
    child: tokio::process::Child,
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
        let mut deaths = 0;
        loop {
            let started = Instant::now();
            self.state.send_replace(State::Starting { deaths });
            let next = match spawn(&self.spec) {
                Ok(process) => self.watch(process).await,
                Err(error) => {
                    let name = self.spec.name.clone();
                    self.tell(News::Unstartable { name, error });
                    Next::Again
                }
            };
            deaths = match *self.state.borrow() {
                State::Starting { deaths } => deaths + 1,
                State::Ready { .. } | State::Down => 0,
            };
            match next {
                Next::Again => sleep(BACKOFF.saturating_sub(started.elapsed())).await,
                Next::End => return,
                Next::Down => {
                    self.state.send_replace(State::Down);
                    if !self.is_wanted_again().await {
                        return;
                    }
                }
            }
        }
    }

    async fn watch(&mut self, mut process: Process) -> Next {
        let pid = process.child.id().unwrap_or_default();
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
                status = process.child.wait() => {
                    if let Ok(status) = status {
                        let failed = status.code().filter(|code| *code != 0);
                        let last = failed.and_then(|_| self.spec.last_words());
                        self.tell(News::Ended { name: self.spec.name.clone(), status, last });
                    }
                    return Next::Again;
                }
                order = self.orders.recv() => match order {
                    Some(Order::Kill) => {
                        let _ = process.child.kill().await;
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

    /// Waits while it is down.
    async fn is_wanted_again(&mut self) -> bool {
        loop {
            match self.orders.recv().await {
                Some(Order::Restart) => return true,
                Some(Order::Kill) => {}
                Some(Order::Stop) | None => return false,
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
    let Process { mut child, mut lines, .. } = process;
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
    let mut child = command.spawn()?;
    let leash = child.stdin.take();
    let piped = || io::Error::other("standard output is not piped");
    let lines = BufReader::new(child.stdout.take().ok_or_else(piped)?).lines();
    Ok(Process { child, leash, lines })
}
