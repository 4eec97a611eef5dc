//! Headers that are edited where a route leads somewhere.
//!
//! Source: Envoy, `RouteEntryImplBase::finalizeRequestHeaders`: the narrowest level first, of each what is removed before the rest.
//! Istio merges what a patch of a route says into the lists that the route has.

use std::sync::Arc;

use mesh_snapshot::Key;
use mesh_snapshot::object::{RouteHeaders, RouteLevel, Traffic};

use super::edits::{self, Change, Edit};
use super::selection::{OnRoute, Selection};
use crate::program::Fault;

/// Of one workload, in order.
#[derive(Clone, Debug, Default)]
pub struct RouteEdits(Vec<RouteEdit>);

#[derive(Clone, Debug)]
struct RouteEdit {
    key: Arc<Key>,
    item: Box<str>,
    routes: Selection,
    request: Split,
    response: Split,
}

#[derive(Clone, Debug)]
struct Split {
    removed: Box<[Edit]>,
    rest: Box<[Edit]>,
}

/// When they are made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// Before what the route says itself: what it adds is not removed.
    Before,
    /// After that.
    After,
}

/// Whose headers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    Request,
    Response,
}

impl RouteEdits {
    pub(super) fn push(
        &mut self,
        headers: &RouteHeaders,
        key: Arc<Key>,
        item: &str,
    ) -> Result<(), Fault> {
        let split = |edits: &[_]| {
            let all = edits::compile(edits)?.into_vec();
            let is_removal = |edit: &Edit| matches!(edit.change, Change::Remove);
            let (removed, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(is_removal);
            Ok(Split { removed: removed.into(), rest: rest.into() })
        };
        self.0.push(RouteEdit {
            key,
            item: item.into(),
            routes: Selection::new(&headers.routes),
            request: split(&headers.request)?,
            response: split(&headers.response)?,
        });
        Ok(())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands over the lists of edits that are to be made for a request that this route takes, in order, with the key and item that
    /// each comes from.
    pub fn each<'p>(
        &'p self,
        (traffic, on): (Traffic, &OnRoute<'_>),
        side: Side,
        moment: Moment,
        mut with: impl FnMut(&'p Key, &'p str, &'p [Edit]),
    ) {
        for level in [RouteLevel::Route, RouteLevel::VirtualHost, RouteLevel::Port] {
            let is_meant =
                |edit: &&RouteEdit| edit.routes.level == level && edit.routes.has(traffic, on);
            let edits = self.0.iter().filter(is_meant);
            let lists = edits.map(|edit| {
                let split = match side {
                    Side::Request => &edit.request,
                    Side::Response => &edit.response,
                };
                (edit, split)
            });
            if (level == RouteLevel::Route) == (moment == Moment::Before) {
                lists.clone().for_each(|(edit, split)| with(&edit.key, &edit.item, &split.removed));
            }
            if moment == Moment::After {
                lists.for_each(|(edit, split)| with(&edit.key, &edit.item, &split.rest));
            }
        }
    }

    /// Whether an answer on this route gets headers that are made of what was asked.
    #[must_use]
    pub fn looks_back(&self, traffic: Traffic, on: &OnRoute<'_>) -> bool {
        let edits = self.0.iter().filter(|edit| edit.routes.has(traffic, on));
        edits.flat_map(|edit| &edit.response.rest).any(Edit::is_computed)
    }
}
