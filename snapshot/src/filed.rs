//! A section whose entries are found by a workload without asking each of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::OnceLock;

use crate::manifest::{Applies, Entry, GATEWAY_NAME_LABEL, Section};
use crate::object::{Labels, Workload};
use crate::selectors::Selectors;

/// The index is made when it is first asked: who reads a snapshot for other reasons does not wait for it.
#[derive(Clone, Debug)]
pub(crate) struct Filed {
    pub(crate) section: Section,
    index: OnceLock<Index>,
}

/// Places of entries.
#[derive(Clone, Debug)]
struct Index {
    selectors: Selectors,
    by_address: BTreeMap<IpAddr, Vec<usize>>,
}

impl From<Section> for Filed {
    fn from(section: Section) -> Self {
        Self { section, index: OnceLock::new() }
    }
}

impl Filed {
    /// All that apply to a workload, and few others, in the order of the section.
    pub(crate) fn candidates(&self, workload: &Workload) -> Vec<&Entry> {
        let index = self.index.get_or_init(|| Index::of(&self.section));
        let mut places = index.selectors.candidates(&workload.labels);
        let of_addresses = workload.addresses.iter().filter_map(|it| index.by_address.get(it));
        places.extend(of_addresses.flatten());
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|place| self.section.entries.get(place)).collect()
    }
}

impl Index {
    fn of(section: &Section) -> Self {
        let mut by_address: BTreeMap<IpAddr, Vec<usize>> = BTreeMap::new();
        let mut selecting: Vec<(usize, Cow<'_, [Labels]>)> = Vec::new();
        for (place, entry) in section.entries.iter().enumerate() {
            let runs = |name: &String| Labels::from([(GATEWAY_NAME_LABEL.into(), name.clone())]);
            let selectors = match &entry.applies {
                Applies::All => Cow::Borrowed(&[][..]),
                Applies::Selected(selectors) => Cow::Borrowed(selectors.as_slice()),
                Applies::Gateways(names) => names.iter().map(runs).collect(),
                Applies::Addressed(addresses) => {
                    for address in addresses {
                        by_address.entry(*address).or_default().push(place);
                    }
                    continue;
                }
            };
            selecting.push((place, selectors));
        }
        let selectors = Selectors::of(selecting.iter().map(|(place, own)| (*place, &**own)));
        Self { selectors, by_address }
    }
}
