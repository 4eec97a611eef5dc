//! Series by key: each thread counts in series of its own, and whoever asks adds them up.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What tells series apart. Small, and no text.
pub(super) trait Key: Copy + Eq + Hash + Ord {
    /// The key under which is counted what there is no room for. Of these there are few, so they always have room.
    fn overflowing(self) -> Self;
}

/// All series of one kind.
#[derive(Debug)]
pub(super) struct Registry<K, S> {
    max: usize,
    series: Mutex<BTreeMap<K, Vec<Arc<S>>>>,
    /// Keys, at the moment a thread met them first, that there was no room for.
    overflowed: AtomicU64,
}

impl<K: Key, S: Default> Registry<K, S> {
    pub(super) fn new(max: usize) -> Arc<Self> {
        let (series, overflowed) = (Mutex::default(), AtomicU64::new(0));
        Arc::new(Self { max, series, overflowed })
    }

    /// For one thread.
    pub(super) fn shard(self: &Arc<Self>) -> Shard<K, S> {
        Shard { registry: Arc::clone(self), known: RefCell::default() }
    }

    /// By key, the series of all threads.
    pub(super) fn all(&self) -> Vec<(K, Vec<Arc<S>>)> {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        series.iter().map(|(key, shards)| (*key, shards.clone())).collect()
    }

    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }

    /// A new series of a thread that has none for `key`, and the key that it counts under.
    fn admit(&self, key: K) -> Admitted<K, S> {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = series.len() < self.max || series.contains_key(&key);
        if !has_room && key != key.overflowing() {
            self.overflowed.fetch_add(1, Ordering::Relaxed);
            return Admitted::Overflow;
        }
        let own = Arc::new(S::default());
        series.entry(key).or_default().push(Arc::clone(&own));
        Admitted::Series(key, own)
    }
}

enum Admitted<K, S> {
    Series(K, Arc<S>),
    Overflow,
}

/// One thread's series. Outlived by them: what was counted stays counted.
#[derive(Debug)]
pub(super) struct Shard<K, S> {
    registry: Arc<Registry<K, S>>,
    known: RefCell<HashMap<K, Own<S>, BuildHasherDefault<Mix>>>,
}

/// A series that only this thread writes. Not to be sent to another.
pub(super) type Own<S> = Rc<Arc<S>>;

impl<K: Key, S: Default> Shard<K, S> {
    /// Allocates only for a key that the thread has not met before.
    pub(super) fn with<R>(&self, key: K, count: impl FnOnce(&Own<S>) -> R) -> R {
        if let Some(series) = self.known.borrow().get(&key) {
            return count(series);
        }
        count(&self.meet(key))
    }

    fn meet(&self, key: K) -> Own<S> {
        let is_full = self.registry.max <= self.known.borrow().len();
        let admitted = if is_full { Admitted::Overflow } else { self.registry.admit(key) };
        let series = match admitted {
            Admitted::Series(_, series) => Rc::new(series),
            Admitted::Overflow => self.overflow(key.overflowing()),
        };
        if !is_full {
            self.known.borrow_mut().insert(key, Rc::clone(&series));
        }
        series
    }

    fn overflow(&self, key: K) -> Own<S> {
        if let Some(series) = self.known.borrow().get(&key) {
            return Rc::clone(series);
        }
        let Admitted::Series(_, series) = self.registry.admit(key) else {
            // An overflowing key is its own, so it is admitted always.
            return Own::default();
        };
        let series = Rc::new(series);
        self.known.borrow_mut().insert(key, Rc::clone(&series));
        series
    }
}

/// Hashes a few small numbers. Whom the keys tell of cannot choose them freely, and there is a limit on their number, so
/// nothing is won by making them collide.
#[derive(Debug, Default)]
pub(super) struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_isize(&mut self, value: isize) {
        // How the variants of an enum are hashed.
        self.write_u64(value.cast_unsigned() as u64);
    }

    fn write_u64(&mut self, value: u64) {
        // The multiplier is 2^64 divided by the golden ratio (Fibonacci hashing).
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{Key, Registry};

    impl Key for u32 {
        fn overflowing(self) -> Self {
            1000
        }
    }

    fn totals(registry: &Registry<u32, AtomicU64>) -> Vec<(u32, u64)> {
        let sum = |shards: Vec<std::sync::Arc<AtomicU64>>| {
            shards.iter().map(|count| count.load(Ordering::Relaxed)).sum()
        };
        registry.all().into_iter().map(|(key, shards)| (key, sum(shards))).collect()
    }

    #[test]
    fn threads_count_apart_and_are_added_up_even_when_they_have_gone() {
        let registry = Registry::<u32, AtomicU64>::new(10);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let shard = registry.shard();
                    for _ in 0..100 {
                        shard.with(7, |count| count.fetch_add(1, Ordering::Relaxed));
                    }
                });
            }
        });
        assert_eq!(totals(&registry), [(7, 400)]);
    }

    #[test]
    fn what_there_is_no_room_for_is_counted_together() {
        let registry = Registry::<u32, AtomicU64>::new(3);
        let shard = registry.shard();
        for key in 0..10 {
            shard.with(key, |count| count.fetch_add(1, Ordering::Relaxed));
            shard.with(0, |count| count.fetch_add(1, Ordering::Relaxed));
        }
        assert_eq!(totals(&registry), [(0, 11), (1, 1), (2, 1), (1000, 7)]);
        assert!(registry.overflowed() > 0);
        let other = registry.shard();
        other.with(2, |count| count.fetch_add(1, Ordering::Relaxed));
        assert_eq!(totals(&registry)[2], (2, 2), "what is known has room");
    }
}
