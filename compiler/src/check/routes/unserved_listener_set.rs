//! `unserved-listener-set`: a `ListenerSet`, or one of its listeners, is not added to its Gateway.
//!
//! Source: Gateway API, `ListenerSet`, `Gateway.spec.allowedListeners`; of two listeners that cannot both be there the
//! Gateway's own comes first, then that of the older set.

use crate::check::inventory;
use crate::check::reference_kind::{GATEWAY_API, Mistake};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::{ApiGateway, Listener, ListenerConflict, SetState};

pub(super) static CHECK: Check = Check::lint(
    "unserved-listener-set",
    Severity::Warning,
    include_str!("unserved_listener_set.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for set in &mesh.source.listener_sets {
        let parent = FieldPath::default().field("spec").field("parentRef").field("name");
        let place = Place::value(set.id, parent);
        let name = &set.spec.parent_ref.name;
        let say = |message: String, label: &str| {
            Diagnostic::new(&CHECK, place, message)
                .label(label)
                .consequence("its listeners are not opened: connections to them are refused")
        };
        match mesh.api_gateways.set(&set.namespace, set.name()) {
            Some(SetState::Missing) if inventory::lists_api_gateways(mesh) => {
                let namespace = set.spec.parent_ref.namespace.as_ref().unwrap_or(&set.namespace);
                if !inventory::is_incomplete(mesh, "Gateway", namespace, name) {
                    let message =
                        format!("there is no Gateway `{name}` in namespace `{namespace}`");
                    out.push(say(message, "added to nothing"));
                }
            }
            Some(SetState::NotAllowed(gateway)) => {
                let allowed = FieldPath::default().field("spec").field("allowedListeners");
                let own = &set.namespace;
                let message = format!("the Gateway takes no ListenerSets of namespace `{own}`");
                out.push(
                    say(message, "not let in")
                        .also(Place::value(gateway.id, allowed), "this lets sets in")
                        .help("without `allowedListeners` a Gateway takes none"),
                );
            }
            Some(SetState::Unsupported(gateway)) => {
                let class = &gateway.spec.gateway_class_name;
                let message = format!("Gateways of class `{class}` take no ListenerSets");
                let spec = FieldPath::default().field("spec");
                out.push(
                    say(message, "added to nothing").also(
                        Place::value(gateway.id, spec.field("gatewayClassName")),
                        "its class",
                    ),
                );
            }
            Some(SetState::Foreign) => {
                let parent = &set.spec.parent_ref;
                let group = parent.group.as_deref().unwrap_or(GATEWAY_API);
                let kind = parent.kind.as_deref().unwrap_or("Gateway");
                let Some(mistake) = Mistake::of((group, kind), &[(GATEWAY_API, "Gateway")]) else {
                    continue;
                };
                let message = format!("no ListenerSet is for a `{kind}` of the group `{group}`");
                let mut found = say(message, "added to nothing");
                let field = if parent.kind.is_some() { "kind" } else { "group" };
                found.place = Place::value(
                    set.id,
                    FieldPath::default().field("spec").field("parentRef").field(field),
                );
                out.push(mistake.say(found));
            }
            _ => {}
        }
    }
    for gateway in mesh.api_gateways.iter() {
        let in_conflict = gateway.listeners.iter().filter(|it| it.conflict.is_some());
        out.extend(in_conflict.filter_map(|it| conflict(gateway, it)));
    }
}

fn conflict(gateway: &ApiGateway<'_>, listener: &Listener<'_>) -> Option<Diagnostic> {
    let mut earlier = gateway.listeners.iter().take(listener.index);
    let first = earlier.find(|it| it.conflict.is_none() && listener.conflict_with(it).is_some())?;
    let name = &listener.spec.name;
    let (message, field) = match listener.conflict? {
        ListenerConflict::Hostname => {
            (format!("listener `{name}` has the port and the name of another"), "name")
        }
        ListenerConflict::Protocol => {
            (format!("the port of listener `{name}` is for another protocol"), "protocol")
        }
    };
    let place = |it: &Listener<'_>| Place::value(it.document, it.path().field(field));
    Some(
        Diagnostic::new(&CHECK, place(listener), message)
            .label("this one is not opened")
            .also(place(first), "this one comes first")
            .consequence("what is attached to it alone gets no requests"),
    )
}
