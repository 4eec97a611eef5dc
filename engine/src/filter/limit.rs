//! Limits of rates: what they allow, and for which requests.

use std::sync::Arc;

use mesh_snapshot::Key;
use mesh_snapshot::object::{
    PartsPerMillion, RateLimit, RouteLevel, RouteSetting, TokenBucket, Traffic,
};

use super::edits::{self, Edit};
use super::selection::{OnRoute, Selection};
use crate::program::Fault;

/// Which of a program's limits.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LimitId(pub(super) usize);

impl LimitId {
    /// Its place in [`super::Filters::limits`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

/// What has a bucket of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// All that come in at one place.
    Entry,
    Routes(RouteLevel),
}

/// See [`RateLimit`].
#[derive(Clone, Debug)]
pub struct Limit {
    /// With `item`, whose limit it is: `filters[0]`, `settings[1]`.
    pub key: Arc<Key>,
    pub item: Box<str>,
    pub bucket: TokenBucket,
    pub enabled: PartsPerMillion,
    pub enforced: PartsPerMillion,
    pub status: u16,
    pub response: Box<[Edit]>,
    /// Of requests without a token that pass.
    pub request: Box<[Edit]>,
    pub resource_exhausted: bool,
}

impl Limit {
    pub(super) fn compile(limit: &RateLimit, key: Arc<Key>, item: &str) -> Result<Self, Fault> {
        if !(400..600).contains(&limit.status) {
            return Err(Fault::Status(limit.status));
        }
        let TokenBucket { tokens_max, tokens_per_fill, fill_interval } = limit.bucket;
        if tokens_max == 0 || tokens_per_fill == 0 || fill_interval.is_zero() {
            return Err(Fault::Bucket);
        }
        Ok(Self {
            key,
            item: item.into(),
            bucket: limit.bucket,
            enabled: limit.enabled,
            enforced: limit.enforced,
            status: limit.status,
            response: edits::compile(&limit.response)?,
            request: edits::compile(&limit.request)?,
            resource_exhausted: limit.resource_exhausted,
        })
    }

    /// Whether both are one limit, so that what was counted for one counts for the other.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.bucket == other.bucket && self.item == other.item && self.key == other.key
    }
}

/// A limit for some routes, in place of the filter's own.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    filter: Box<str>,
    routes: Selection,
    pub(super) limit: LimitId,
}

impl Setting {
    pub(super) fn new(setting: &RouteSetting, limit: LimitId) -> Self {
        let routes = Selection::new(&setting.routes);
        Self { filter: setting.filter.as_str().into(), routes, limit }
    }

    pub(super) const fn level(&self) -> RouteLevel {
        self.routes.level
    }

    pub(super) fn is_for(&self, filter: &str, traffic: Traffic, on: &OnRoute<'_>) -> bool {
        *self.filter == *filter && self.routes.has(traffic, on)
    }
}
