//! How often a proxy is believed that there was a later term than this side's.
//!
//! Only a control runtime that lost its journal has that to learn, and it learns it from the first proxies that come back.
//! Each raise is a record on disk and makes all earlier orders void, so that one who lies about it must not do so at will.

use std::collections::BTreeMap;
use std::time::Duration;

use mesh_snapshot::object::Workload;

use super::version::Timestamp;

/// By identity: instances of one workload, however many, are in the same hands.
#[derive(Clone, Debug, Default)]
pub(super) struct Hearsay(BTreeMap<(String, String), Believed>);

#[derive(Clone, Copy, Debug)]
struct Believed {
    first: Timestamp,
    times: u32,
}

/// Those that were away for different times know of different terms, but not of many.
const TIMES_MAX: u32 = 4;
const WITHIN: Duration = Duration::from_hours(1);

impl Hearsay {
    /// Whether the identity of `workload` is believed once more.
    pub(super) fn believes(&mut self, workload: &Workload, now: Timestamp) -> bool {
        self.0.retain(|_, believed| now < believed.first + WITHIN);
        let identity = (workload.namespace.clone(), workload.service_account.clone());
        let believed = self.0.entry(identity).or_insert(Believed { first: now, times: 0 });
        believed.times = believed.times.saturating_add(1);
        believed.times <= TIMES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_believed_a_few_times_an_hour_and_another_for_itself() {
        let workload = |account: &str| Workload {
            namespace: "shop".to_owned(),
            service_account: account.to_owned(),
            ..Workload::default()
        };
        let mut hearsay = Hearsay::default();
        let start = Timestamp::default();
        let liar = workload("liar");
        let times = (0..100).filter(|_| hearsay.believes(&liar, start)).count();
        assert_eq!(times, TIMES_MAX as usize);
        assert!(hearsay.believes(&workload("other"), start));
        let liar = Workload { name: "liar-again".to_owned(), ..liar };
        assert!(!hearsay.believes(&liar, start + WITHIN / 2));
        assert!(hearsay.believes(&liar, start + WITHIN));
    }
}
