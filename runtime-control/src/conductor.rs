//! Carries out what the rollout decides: one task, one step after the other, each effect in its order.
//!
//! Nothing here decides. A record that cannot be written holds everything up until it can be: whoever was told
//! to try something goes back by itself meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::journal::{Entry, Journal, JournalError, KEPT_ENTRIES};
use crate::orders::Orders;
use crate::problems::Problems;
use crate::rollout::{
    Accepted, Effect, Event, Order, Policy, ProxyName, Record, Rejected, Said, State, Status,
};
use crate::store::Store;

/// How events reach the rollout, and what is known of it. Every call waits while too many are before it.
#[derive(Clone, Debug)]
pub struct Conductor {
    inputs: mpsc::Sender<Input>,
}

/// A proxy's stream, as far as the rollout uses it.
#[derive(Debug)]
pub struct Line {
    pub connection: u64,
    pub orders: Orders,
    /// Ends the stream.
    pub end: CancellationToken,
}

/// What an outsider may want to know.
#[derive(Clone, Debug)]
pub struct Report {
    pub status: Status,
    pub term: u64,
    /// The latest, oldest first.
    pub history: Vec<Entry>,
}

#[derive(Debug)]
enum Input {
    Tell(Event),
    Ask(Event, oneshot::Sender<Result<Accepted, Rejected>>),
    Open(ProxyName, Line, Said),
    Report(oneshot::Sender<Report>),
}

/// Called before and after each record is written; what it returns is waited for. It is how tests stop the
/// control runtime at a durable step.
pub type Probe =
    Arc<dyn Fn(Moment, &Record) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    Before,
    After,
}

/// How many events wait before those who bring more do.
const INPUTS_MAX: usize = 1024;
/// How often a record that could not be written is tried again.
const RETRY: Duration = Duration::from_millis(200);

impl Conductor {
    /// An event that nobody waits for the end of. False: the rollout is not there any more.
    pub async fn tell(&self, event: Event) -> bool {
        self.inputs.send(Input::Tell(event)).await.is_ok()
    }

    /// An offer or a verb, and its answer, which is on disk. None: the rollout is not there any more.
    pub async fn ask(&self, event: Event) -> Option<Result<Accepted, Rejected>> {
        let (reply, answer) = oneshot::channel();
        self.inputs.send(Input::Ask(event, reply)).await.ok()?;
        answer.await.ok()
    }

    /// A proxy said `hello`; orders for it go down `line` from now on.
    pub async fn open(&self, proxy: ProxyName, line: Line, hello: Said) -> bool {
        self.inputs.send(Input::Open(proxy, line, hello)).await.is_ok()
    }

    pub async fn report(&self) -> Option<Report> {
        let (reply, answer) = oneshot::channel();
        self.inputs.send(Input::Report(reply)).await.ok()?;
        answer.await.ok()
    }
}

/// The task itself.
pub struct Conducting {
    inputs: mpsc::Receiver<Input>,
    /// Always there between two steps.
    state: Option<State>,
    journal: Option<Journal>,
    store: Arc<Store>,
    lines: BTreeMap<ProxyName, Line>,
    history: VecDeque<Entry>,
    records: broadcast::Sender<Entry>,
    problems: Problems,
    probe: Option<Probe>,
    wake: Option<Instant>,
}

impl Conducting {
    /// Goes on where the journal ends.
    #[must_use]
    pub fn recover(
        journal: Journal,
        entries: Vec<Entry>,
        policy: Policy,
        store: Arc<Store>,
        problems: Problems,
        probe: Option<Probe>,
    ) -> (Conductor, Self) {
        let (send, inputs) = mpsc::channel(INPUTS_MAX);
        let records = entries.iter().map(|entry| &entry.record);
        let state = State::recover(records, policy, clock::monotonic());
        let known = entries.len().saturating_sub(KEPT_ENTRIES);
        let conducting = Self {
            inputs,
            state: Some(state),
            journal: Some(journal),
            store,
            lines: BTreeMap::new(),
            history: entries.into_iter().skip(known).collect(),
            records: broadcast::Sender::new(1024),
            problems,
            probe,
            wake: None,
        };
        (Conductor { inputs: send }, conducting)
    }

    /// Every record from now on, once it is on disk.
    #[must_use]
    pub fn records(&self) -> broadcast::Sender<Entry> {
        self.records.clone()
    }

    /// Conducts until `stop`. Whatever it is about then is left as a crash would leave it.
    ///
    /// # Errors
    ///
    /// When there is a record that can never be written: going on without it would break what the journal promises.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), JournalError> {
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            conducted = self.conduct() => conducted,
        }
    }

    async fn conduct(&mut self) -> Result<(), JournalError> {
        self.step(Event::Tick, None).await?;
        self.clean_up().await;
        loop {
            let due = async {
                match self.wake {
                    Some(wake) => sleep_until(wake).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = due => {
                    self.wake = None;
                    self.step(Event::Tick, None).await?;
                }
                input = self.inputs.recv() => match input {
                    Some(input) => self.take(input).await?,
                    None => return Ok(()),
                },
            }
        }
    }

    async fn take(&mut self, input: Input) -> Result<(), JournalError> {
        match input {
            Input::Tell(event) => self.step(event, None).await?,
            Input::Ask(event, reply) => self.step(event, Some(reply)).await?,
            Input::Open(proxy, line, said) => {
                let connection = line.connection;
                if let Some(before) = self.lines.insert(proxy.clone(), line) {
                    before.end.cancel();
                }
                self.step(Event::Proxy { proxy, connection, said }, None).await?;
            }
            Input::Report(reply) => {
                if let Some(state) = &self.state {
                    let history = self.history.iter().cloned().collect();
                    let term = state.ledger().term;
                    // Whoever asked may have gone.
                    let _ = reply.send(Report { status: state.status(), term, history });
                }
            }
        }
        Ok(())
    }

    async fn step(
        &mut self,
        event: Event,
        mut reply: Option<oneshot::Sender<Result<Accepted, Rejected>>>,
    ) -> Result<(), JournalError> {
        if let Event::Proxy { proxy, connection, said: Said::Left } = &event
            && self.lines.get(proxy).is_some_and(|line| line.connection == *connection)
        {
            self.lines.remove(proxy);
        }
        let Some(state) = self.state.take() else { return Ok(()) };
        let (state, effects) = state.step(event, clock::monotonic(), &*self.store);
        self.state = Some(state);
        let record = |effect: &Effect| match effect {
            Effect::Journal(record) => Some(record.clone()),
            _ => None,
        };
        // All of a step together, for one sync, and earlier than they must be.
        let records: Vec<_> = effects.iter().filter_map(record).collect();
        let settles =
            |record: &Record| matches!(record, Record::Confirmed { .. } | Record::Ended { .. });
        let settled = records.iter().any(settles);
        if !records.is_empty() {
            self.write(records).await?;
        }
        for effect in effects {
            match effect {
                // It is on disk.
                Effect::Journal(_) => {}
                Effect::Reply(answer) => {
                    if let Some(reply) = reply.take() {
                        let _ = reply.send(answer);
                    }
                }
                Effect::Send { proxy, connection, term, order } => {
                    self.send(&proxy, connection, term, order);
                }
                Effect::Disconnect { proxy, connection } => self.disconnect(&proxy, connection),
                Effect::Wake(at) => {
                    let left = at.since(clock::monotonic());
                    self.wake = Some(Instant::now() + left);
                }
            }
        }
        if settled {
            self.clean_up().await;
        }
        Ok(())
    }

    fn send(&self, proxy: &ProxyName, connection: u64, term: u64, order: Order) {
        let line = self.lines.get(proxy).filter(|line| line.connection == connection);
        if let Some(line) = line {
            line.orders.give(term, order);
        }
    }

    fn disconnect(&mut self, proxy: &ProxyName, connection: u64) {
        if self.lines.get(proxy).is_some_and(|line| line.connection == connection)
            && let Some(line) = self.lines.remove(proxy)
        {
            tracing::info!(%proxy, "silent for a lease, not registered any more, or speaking of impossible terms or epochs: the stream is ended");
            line.end.cancel();
        }
    }

    /// Returns when the records are on disk, however long that takes; but what is too large today is so tomorrow.
    async fn write(&mut self, records: Vec<Record>) -> Result<(), JournalError> {
        for record in &records {
            self.probe(Moment::Before, record).await;
        }
        let at = u64::try_from(clock::wall().as_millis()).unwrap_or(u64::MAX);
        let entries: Vec<_> = records.into_iter().map(|record| Entry { at, record }).collect();
        loop {
            let copy = entries.clone();
            let written = self.with_journal(move |journal| journal.append(&copy)).await;
            if let Err(JournalError::TooLarge) = written {
                return written;
            }
            if self.problems.note("journal", written).is_some() {
                break;
            }
            sleep(RETRY).await;
        }
        for entry in entries {
            self.written(entry).await;
        }
        Ok(())
    }

    async fn written(&mut self, entry: Entry) {
        tracing::info!(record = ?entry.record, "journalled");
        self.probe(Moment::After, &entry.record).await;
        self.history.push_back(entry.clone());
        if self.history.len() > KEPT_ENTRIES {
            self.history.pop_front();
        }
        // Nobody may be listening.
        let _ = self.records.send(entry);
    }

    async fn probe(&self, moment: Moment, record: &Record) {
        if let Some(probe) = &self.probe {
            probe(moment, record).await;
        }
    }

    /// Forgets what is not needed any more, on disk and in the journal. What fails is tried again next time.
    async fn clean_up(&mut self) {
        let Some(state) = &self.state else { return };
        let (needed, store) = (state.ledger().needed(), self.store.clone());
        let cleaned = tokio::task::spawn_blocking(move || store.retain(&needed)).await;
        if let Ok(cleaned) = cleaned {
            self.problems.note("store", cleaned);
        }
        if self.journal.as_ref().is_some_and(Journal::is_long) {
            self.compact().await;
        }
    }

    async fn compact(&mut self) {
        let Some(state) = &self.state else { return };
        let at = u64::try_from(clock::wall().as_millis()).unwrap_or(u64::MAX);
        let mut entries: Vec<Entry> = self.history.iter().cloned().collect();
        entries.push(Entry { at, record: state.checkpoint() });
        let compacted = self.with_journal(move |journal| journal.replace(&entries)).await;
        self.problems.note("journal", compacted);
    }

    /// Disks are slow, so not on a thread of the runtime.
    async fn with_journal<T: Send + 'static>(
        &mut self,
        f: impl FnOnce(&mut Journal) -> T + Send + 'static,
    ) -> T {
        let Some(mut journal) = self.journal.take() else { return std::future::pending().await };
        let done = tokio::task::spawn_blocking(move || {
            let value = f(&mut journal);
            (journal, value)
        });
        match done.await {
            Ok((journal, value)) => {
                self.journal = Some(journal);
                value
            }
            // The runtime is shutting down.
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_record_that_can_never_be_written_ends_the_rollout_and_is_not_tried_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, entries) = Journal::open(folder.path()).unwrap();
        let store = Arc::new(Store::open(&folder.path().join("snapshots")).unwrap().0);
        let problems = Problems::default();
        let (_conductor, mut conducting) =
            Conducting::recover(journal, entries, Policy::default(), store, problems, None);
        let proxies = vec!["x".repeat(65 << 20)];
        let written = conducting.write(vec![Record::Wave { epoch: 1, wave: 1, proxies }]).await;
        assert!(matches!(written, Err(JournalError::TooLarge)), "{written:?}");
        conducting.write(vec![Record::Paused]).await.unwrap();
    }
}
