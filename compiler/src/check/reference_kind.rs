//! A kind in a reference that is none of those which it may be to. Other programs have kinds of their own, in groups of theirs.

use crate::api::nearest;
use crate::diagnostic::Diagnostic;

/// The group of the Gateway API's own kinds.
pub(super) const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// A group and a kind in it.
pub(super) type GroupKind<'r> = (&'r str, &'r str);

/// What is wrong with a kind.
pub(super) enum Mistake {
    /// It is of this group.
    Group(&'static str),
    /// There is none of this name; perhaps this one is meant.
    Kind(Option<&'static str>),
}

impl Mistake {
    /// Of a reference that may be to the kinds that are `served`. Of a group that nobody here knows it may be to anything.
    pub(super) fn of((group, kind): GroupKind<'_>, served: &[GroupKind<'static>]) -> Option<Self> {
        // The core group has no name; many write one.
        let is_known = matches!(group, "" | "core" | "v1")
            || group.ends_with(".k8s.io")
            || group.ends_with("istio.io");
        if !is_known || served.contains(&(group, kind)) {
            return None;
        }
        let elsewhere = served.iter().find(|(_, it)| *it == kind);
        let own = served.iter().filter(|(of, _)| *of == group).map(|(_, kind)| *kind);
        Some(match elsewhere {
            Some((group, _)) => Self::Group(group),
            None => Self::Kind(nearest(kind, own)),
        })
    }

    /// Says so of the `kind` of a reference.
    pub(super) fn say(self, found: Diagnostic) -> Diagnostic {
        match self {
            Self::Group(group) => found
                .label("its group is another")
                .help(format!("write `group: \"{group}\"` beside it")),
            Self::Kind(near) => found.meant(near, "nothing of this kind is served here"),
        }
    }
}
