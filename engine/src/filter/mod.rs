//! Steps that authors put into the path of requests, beside those that every proxy has.
//!
//! ```text
//! First ─▶ authenticate ─▶ authorize ─▶ CORS ─▶ faults ─▶ Last ─▶ where the route leads
//! ```
//! Answers take the same way back. Here it is said which steps there are and which limit counts; buckets, which change with
//! every request, are whoever's who serves.

mod edits;
mod limit;
mod route_headers;
mod selection;

use std::sync::Arc;

use mesh_snapshot::Key;
use mesh_snapshot::object::{FilterPlace, FilterStep, RequestFilters, Traffic};

pub use edits::{Change, Edit, edit};
pub use limit::{Level, Limit, LimitId};
pub use route_headers::{Moment, RouteEdits, Side};
pub use selection::{OnRoute, RouteAction};

use self::limit::Setting;
use crate::program::{BuildError, Named};

/// Where a request comes in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    pub traffic: Traffic,
    /// Of the workload, that the client was going to, or of the gateway's listener.
    pub port: u16,
}

/// All steps of one workload.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// In the order of requests, those of each place.
    first: Vec<Filter>,
    last: Vec<Filter>,
    limits: Vec<Limit>,
    settings: Vec<Setting>,
    route_headers: RouteEdits,
    trusted_proxies: Option<u32>,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Filter {
    /// With `item`, whose it is: `filters[0]`.
    pub key: Arc<Key>,
    pub item: Box<str>,
    name: Box<str>,
    traffic: Vec<Traffic>,
    port: Option<u16>,
    pub step: Step,
}

#[derive(Clone, Debug)]
pub enum Step {
    /// See [`Filters::limit`].
    RateLimit(Option<LimitId>),
    Edits {
        request: Box<[Edit]>,
        response: Box<[Edit]>,
        /// Whether a request of which headers were edited is routed by the new ones.
        reroute: bool,
    },
}

impl Filters {
    /// What `objects` ask for together, in the order of the slice.
    pub(crate) fn build(objects: &[Named<RequestFilters>]) -> Result<Self, BuildError> {
        let mut objects: Vec<_> = objects.iter().collect();
        objects.sort_by_key(|(_, object)| object.priority);
        let mut filters = Self::default();
        for (key, object) in objects {
            filters.trusted_proxies = object.trusted_proxies.or(filters.trusted_proxies);
            for (index, filter) in object.filters.iter().enumerate() {
                let item = format!("filters[{index}]");
                let at = |fault| BuildError::at(key, &item, fault);
                let step = match &filter.step {
                    FilterStep::RateLimit(None) => Step::RateLimit(None),
                    FilterStep::RateLimit(Some(limit)) => {
                        let limit = Limit::compile(limit, Arc::clone(key), &item).map_err(at)?;
                        Step::RateLimit(Some(filters.add_limit(limit)))
                    }
                    FilterStep::HeaderEdits { request, response, reroute } => Step::Edits {
                        request: edits::compile(request).map_err(at)?,
                        response: edits::compile(response).map_err(at)?,
                        reroute: *reroute,
                    },
                };
                let compiled = Filter {
                    key: Arc::clone(key),
                    item: item.as_str().into(),
                    name: filter.name.as_str().into(),
                    traffic: filter.traffic.iter().copied().collect(),
                    port: filter.port,
                    step,
                };
                match filter.place {
                    FilterPlace::First => filters.first.insert(0, compiled),
                    FilterPlace::Last => filters.last.push(compiled),
                }
            }
            for (index, setting) in object.settings.iter().enumerate() {
                let item = format!("settings[{index}]");
                let limit = Limit::compile(&setting.limit, Arc::clone(key), &item);
                let limit = limit.map_err(|fault| BuildError::at(key, &item, fault))?;
                let limit = filters.add_limit(limit);
                filters.settings.push(Setting::new(setting, limit));
            }
            for (index, headers) in object.route_headers.iter().enumerate() {
                let item = format!("routeHeaders[{index}]");
                let added = filters.route_headers.push(headers, Arc::clone(key), &item);
                added.map_err(|fault| BuildError::at(key, &item, fault))?;
            }
        }
        // The narrowest first, and of those for the same the last.
        filters.settings.reverse();
        filters.settings.sort_by_key(|setting| std::cmp::Reverse(setting.level()));
        Ok(filters)
    }

    fn add_limit(&mut self, limit: Limit) -> LimitId {
        self.limits.push(limit);
        LimitId(self.limits.len() - 1)
    }

    /// Whether nobody has put anything anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_empty() && self.last.is_empty()
    }

    /// The steps at one place that are for requests which come in at `entry`, in their order.
    #[must_use]
    pub fn steps(
        &self,
        place: FilterPlace,
        entry: Entry,
    ) -> impl DoubleEndedIterator<Item = &Filter> {
        let steps = match place {
            FilterPlace::First => &self.first,
            FilterPlace::Last => &self.last,
        };
        steps.iter().filter(move |filter| {
            filter.traffic.contains(&entry.traffic)
                && filter.port.is_none_or(|port| port == entry.port)
        })
    }

    /// What becomes of headers where a route leads somewhere.
    #[must_use]
    pub const fn route_headers(&self) -> &RouteEdits {
        &self.route_headers
    }

    /// The word of the last that has one.
    pub(crate) const fn trusted_proxies(&self) -> Option<u32> {
        self.trusted_proxies
    }

    /// The limit that counts for a request at a step, and for which of its routes it counts. `on` is absent where no route takes the
    /// request.
    #[must_use]
    pub fn limit(
        &self,
        filter: &Filter,
        traffic: Traffic,
        on: Option<&OnRoute<'_>>,
    ) -> Option<(LimitId, Level)> {
        let Step::RateLimit(own) = filter.step else { return None };
        let of_route = on.and_then(|on| {
            let is_for = |setting: &&Setting| setting.is_for(&filter.name, traffic, on);
            let setting = self.settings.iter().find(is_for)?;
            Some((setting.limit, Level::Routes(setting.level())))
        });
        of_route.or(own.map(|own| (own, Level::Entry)))
    }

    /// A limit that this workload has.
    #[must_use]
    pub fn get(&self, id: LimitId) -> Option<&Limit> {
        self.limits.get(id.0)
    }

    /// All limits, by [`LimitId::index`].
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// Whether answers at `entry` get headers that are made of what was asked.
    #[must_use]
    pub fn looks_back(&self, entry: Entry) -> bool {
        let places = [FilterPlace::First, FilterPlace::Last];
        places.into_iter().flat_map(|place| self.steps(place, entry)).any(|filter| {
            let Step::Edits { response, .. } = &filter.step else { return false };
            response.iter().any(Edit::is_computed)
        })
    }
}

#[cfg(test)]
mod tests;
