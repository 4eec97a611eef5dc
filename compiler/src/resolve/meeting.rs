//! What has hosts, found by hosts that have names in common with these.

use std::collections::HashMap;
use std::sync::Arc;

use super::host::{Host, HostIndex};

/// Values by host. What meets a host is found without a look at the others.
#[derive(Clone, Debug)]
pub(crate) struct Meeting<T> {
    ends: HostIndex,
    by_host: HashMap<Host, Vec<T>>,
}

impl<T> Default for Meeting<T> {
    fn default() -> Self {
        Self { ends: HostIndex::default(), by_host: HashMap::new() }
    }
}

impl<T> Meeting<T> {
    pub(crate) fn add(&mut self, host: &Host, value: T) {
        let known = self.by_host.entry(Arc::clone(host)).or_default();
        if known.is_empty() {
            self.ends.insert(host);
        }
        known.push(value);
    }

    /// The values of the hosts that have names in common with `host`, sorted by these, and of each in the order in which they came.
    pub(crate) fn with(&self, host: &str) -> impl Iterator<Item = (&Host, &T)> {
        self.ends.overlapping(host).into_iter().flat_map(|host| {
            self.by_host.get(host).into_iter().flatten().map(move |value| (host, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Meeting;
    use crate::resolve::host::lower;

    #[test]
    fn what_has_names_in_common_is_found() {
        let mut all = Meeting::default();
        for (number, host) in ["*.com", "a.com", "x.org", "a.com"].iter().enumerate() {
            all.add(&lower(host), number);
        }
        let with = |host| all.with(host).map(|(_, number)| *number).collect::<Vec<_>>();
        assert_eq!(with("a.com"), [0, 1, 3]);
        assert_eq!(with("*.com"), [0, 1, 3]);
        assert_eq!(with("b.com"), [0]);
        assert_eq!(with("b.org"), [0; 0]);
    }
}
