//! Those who are let wait without having said who they are. When there are too many, the one who has stood there longest goes, of the
//! place from which most have come, and somebody new is in its place.
//!
//! Whoever means it is done within a round trip, so it is the silent that go; and a place that sends many crowds out its own.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

#[derive(Clone, Debug)]
pub(super) struct Crowd {
    max: usize,
    grace: Duration,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    standing: Mutex<Standing>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Standing {
    next: u64,
    /// The longest there first.
    people: BTreeMap<u64, Person>,
}

#[derive(Debug)]
struct Person {
    from: IpAddr,
    since: Instant,
    sent_away: CancellationToken,
}

/// Held for as long as one is there.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    sent_away: CancellationToken,
    shared: Arc<Shared>,
}

/// Nobody is sent away before by one of a place from which as many have come: when all proxies come at once, they must not keep one
/// another from ever being done.
const GRACE: Duration = Duration::from_secs(1);

impl Crowd {
    pub(super) fn of(max: usize) -> Self {
        Self { max, grace: GRACE, shared: Arc::default() }
    }

    /// Of those who wait to get into another crowd: whoever comes is in at once.
    pub(super) fn lobby(max: usize) -> Self {
        Self { grace: Duration::ZERO, ..Self::of(max) }
    }

    /// Returns once there is a place: at once for who comes from where few come from, and else soon.
    pub(super) async fn enter(&self, from: IpAddr) -> Place {
        loop {
            let until = match self.try_enter(from, Instant::now()) {
                Ok(place) => return place,
                Err(until) => until,
            };
            tokio::select! {
                () = sleep_until(until) => {}
                () = self.shared.left.notified() => {}
            }
        }
    }

    /// Sends somebody away, whatever their number: something else has run out.
    pub(super) fn shrink(&self) {
        let mut standing = self.shared.lock();
        if let Some((number, _)) = standing.next_to_go() {
            standing.send_away(number);
        }
    }

    /// Or until when one must wait.
    fn try_enter(&self, from: IpAddr, now: Instant) -> Result<Place, Instant> {
        let (mut standing, from) = (self.shared.lock(), network(from));
        if standing.people.len() >= self.max
            && let Some((number, crowded)) = standing.next_to_go()
        {
            let until =
                standing.people.get(&number).map_or(now, |person| person.since + self.grace);
            if now < until && crowded <= standing.from(from) + 1 {
                return Err(until);
            }
            standing.send_away(number);
        }
        let (number, sent_away) = (standing.next, CancellationToken::new());
        standing.next += 1;
        let person = Person { from, since: now, sent_away: sent_away.clone() };
        standing.people.insert(number, person);
        Ok(Place { number, sent_away, shared: self.shared.clone() })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    /// Its number, and how many have come from where it came from.
    fn next_to_go(&self) -> Option<(u64, usize)> {
        let mut from = BTreeMap::<IpAddr, usize>::new();
        for person in self.people.values() {
            *from.entry(person.from).or_default() += 1;
        }
        let ranked = self.people.iter().map(|(number, person)| {
            (from.get(&person.from).copied().unwrap_or_default(), Reverse(*number))
        });
        ranked.max().map(|(crowded, Reverse(number))| (number, crowded))
    }

    fn from(&self, network: IpAddr) -> usize {
        self.people.values().filter(|person| person.from == network).count()
    }

    fn send_away(&mut self, number: u64) {
        if let Some(person) = self.people.remove(&number) {
            person.sent_away.cancel();
        }
    }
}

impl Place {
    /// Returns when somebody else is in its place.
    pub(super) async fn sent_away(&self) {
        self.sent_away.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.lock().people.remove(&self.number);
        self.shared.left.notify_one();
    }
}

/// What one party has: an address of IPv4, or the 64 bits before an interface's own of IPv6 (RFC 4291 §2.5.4).
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_sent_away(place: &Place) -> bool {
        place.sent_away.is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_from_where_many_come_from_crowds_out_its_own() {
        let crowd = Crowd::of(4);
        let [many, few]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let early = crowd.enter(few).await;
        let mut silent = Vec::new();
        for _ in 0..100 {
            silent.push(crowd.enter(many).await);
        }
        assert!(!is_sent_away(&early));
        assert_eq!(silent.iter().filter(|place| !is_sent_away(place)).count(), 3);
        assert!(silent.iter().rev().take(3).all(|place| !is_sent_away(place)), "the last to come");
        let late = crowd.enter(few).await;
        assert!(!is_sent_away(&early) && !is_sent_away(&late));
        drop((early, late, silent));
        assert!(crowd.shared.lock().people.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_from_where_few_come_from_does_not_wait_for_the_many() {
        let crowd = Crowd::of(4);
        let [many, few]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let mut silent = Vec::new();
        for _ in 0..4 {
            silent.push(crowd.enter(many).await);
        }
        let began = Instant::now();
        let _first = crowd.enter(few).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        // Now they are as many as those of the other place would be without the next to go.
        let _second = crowd.enter(few).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        let _third = crowd.enter(few).await;
        assert!(began.elapsed() >= GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_into_a_lobby_is_in_at_once() {
        let (lobby, from) = (Crowd::lobby(1), IpAddr::V4([192, 0, 2, 1].into()));
        let (began, first) = (Instant::now(), lobby.enter(from).await);
        let _second = lobby.enter(from).await;
        assert!(is_sent_away(&first) && began.elapsed() == Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_sent_away_at_once_and_who_leaves_makes_room_at_once() {
        let (crowd, from) = (Crowd::of(1), IpAddr::V4([192, 0, 2, 1].into()));
        let (began, first) = (Instant::now(), crowd.enter(from).await);
        let second = crowd.enter(from).await;
        assert!(is_sent_away(&first) && began.elapsed() >= GRACE);
        let began = Instant::now();
        let (_third, ()) = tokio::join!(crowd.enter(from), async { drop(second) });
        assert!(began.elapsed() < GRACE);
    }

    #[test]
    fn addresses_of_one_network_are_one_party() {
        let network = |text: &str| super::network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::2:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.2"), network("192.0.2.1"));
    }
}
