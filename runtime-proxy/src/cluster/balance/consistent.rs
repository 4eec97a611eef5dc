//! Endpoints by a hash of the request, such that most keys stay where they are when the endpoints change.

use std::sync::Arc;

use mesh_engine::cluster::hash::of_text;

use super::random::weights;
use crate::cluster::endpoint::Endpoint;

/// Where a hash leads. All proxies that know the same endpoints have the same table.
pub(in crate::cluster) enum Table {
    /// Points on a circle, sorted, and the endpoint that each belongs to: a hash belongs to the next point.
    Ring(Vec<(u64, usize)>),
    /// The endpoint of each remainder.
    Maglev(Vec<usize>),
}

/// More points than this are not made, whatever the weights. Source: Envoy, `RingHashLbConfig.maximum_ring_size`.
const POINTS_MAX: u64 = 8 << 20;

impl Table {
    /// At least `points_min`; the lightest endpoint gets its share of them, the others as much more as they weigh.
    pub(super) fn ring(endpoints: &[Arc<Endpoint>], usable: &[usize], points_min: u64) -> Self {
        let total: u64 = weights(endpoints, usable).sum();
        let lightest = weights(endpoints, usable).min().unwrap_or(1);
        let share = (points_min.min(POINTS_MAX) * lightest).div_ceil(total.max(1)).max(1);
        let most = POINTS_MAX.div_ceil(usable.len().max(1) as u64);
        let mut points = Vec::new();
        for (weight, position) in weights(endpoints, usable).zip(usable) {
            let name = name(endpoints, *position);
            let count = (share * weight / lightest).clamp(1, most);
            let point = |number: u64| (of_text(format!("{name}_{number}").as_bytes()), *position);
            points.extend((0..count).map(point));
        }
        points.sort_unstable();
        Self::Ring(points)
    }

    /// `size` is a prime. Source: Eisenbud et al., "Maglev", section 3.4; weights as in Envoy.
    pub(super) fn maglev(endpoints: &[Arc<Endpoint>], usable: &[usize], size: u64) -> Self {
        let size = size.max(3);
        let heaviest = weights(endpoints, usable).max().unwrap_or(1);
        let mut entries: Vec<Entry> = weights(endpoints, usable)
            .zip(usable)
            .map(|(weight, position)| {
                Entry::new(&name(endpoints, *position), *position, weight, size)
            })
            .collect();
        let mut table = vec![None; usize::try_from(size).unwrap_or_default()];
        let mut free = if entries.is_empty() { 0 } else { table.len() };
        let mut turn = 0;
        while 0 < free {
            turn += 1;
            for entry in &mut entries {
                // One of half the weight gets every second turn.
                if turn * entry.weight < entry.target || free == 0 {
                    continue;
                }
                entry.target += heaviest;
                entry.take(&mut table, size);
                free -= 1;
            }
        }
        Self::Maglev(table.into_iter().flatten().collect())
    }

    pub(super) fn find(&self, hash: u64) -> Option<usize> {
        match self {
            Self::Ring(points) => {
                let next = points.partition_point(|(point, _)| *point < hash);
                points.get(next).or(points.first()).map(|(_, position)| *position)
            }
            Self::Maglev(table) => {
                let remainder = hash.checked_rem(table.len() as u64)?;
                table.get(usize::try_from(remainder).ok()?).copied()
            }
        }
    }
}

fn name(endpoints: &[Arc<Endpoint>], position: usize) -> String {
    endpoints.get(position).map(|endpoint| endpoint.address.to_string()).unwrap_or_default()
}

/// An endpoint's own order of the places of a table: it begins at `offset` and goes on by `skip`, and so meets all of them.
struct Entry {
    position: usize,
    offset: u64,
    skip: u64,
    next: u64,
    weight: u64,
    target: u64,
}

impl Entry {
    fn new(name: &str, position: usize, weight: u64, size: u64) -> Self {
        let offset = of_text(name.as_bytes()) % size;
        let skip = of_text(format!("{name}/skip").as_bytes()) % (size - 1) + 1;
        Self { position, offset, skip, next: 0, weight, target: 0 }
    }

    /// Takes the first place that is free; there is one.
    fn take(&mut self, table: &mut [Option<usize>], size: u64) {
        for _ in 0..size {
            let place = (self.offset + self.skip * self.next) % size;
            self.next += 1;
            let place = usize::try_from(place).ok().and_then(|place| table.get_mut(place));
            if let Some(place @ None) = place {
                *place = Some(self.position);
                return;
            }
        }
    }
}
