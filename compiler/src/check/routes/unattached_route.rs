//! `unattached-route`: a Gateway of the Gateway API does not take a route, or a `VirtualService` a part of its own.
//!
//! Sources: Gateway API, `ParentReference`, `Listener.allowedRoutes`, hostnames in common; Istio, delegates.

use crate::api::gateway_api::ParentReference;
use crate::check::kept::apart;
use crate::check::reference_kind::{GATEWAY_API, GroupKind, Mistake};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::route::{
    DropReason, DroppedDelegate, GatewayName, HttpRoute, Parent, RefusedParent, VirtualService,
};

pub(in crate::check) static CHECK: Check =
    Check::lint("unattached-route", Severity::Warning, include_str!("unattached_route.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, route) in mesh.http_routes.iter() {
        if route.parents.is_empty() {
            out.push(without_parent(route.resource.id));
        }
        for (index, parent) in route.parents.iter().enumerate() {
            match parent {
                Parent::Refused(reason) => out.extend(refused(route, index, reason)),
                Parent::Foreign => {
                    let references = &route.resource.spec.parent_refs;
                    out.extend(of_another_kind(route.resource.id, references, index));
                }
                Parent::Gateway { .. } | Parent::Mesh(_) => {}
            }
        }
    }
    for route in mesh.stream_routes.iter() {
        let (document, references) = (route.resource.id, &route.resource.spec.parent_refs);
        if references.is_empty() {
            out.push(without_parent(document));
        }
        let indices = 0..references.len();
        out.extend(indices.filter_map(|index| of_another_kind(document, references, index)));
    }
    apart::virtual_services(mesh, out, |it, out| {
        out.extend((0..it.gateways.len()).filter_map(|index| at_api_gateway(mesh, it, index)));
        out.extend(it.dropped.iter().map(|dropped| delegate(it, dropped)));
    });
}

fn without_parent(document: DocumentId) -> Diagnostic {
    let place = Place::key(document, FieldPath::default().field("spec"));
    Diagnostic::new(&CHECK, place, "the route names no Gateway and no Service to be used at")
        .label("`parentRefs` is missing")
        .consequence("the route is used nowhere")
        .help("name what it is for in `parentRefs`")
}

/// A kind that no route is for: `Gateway` of Istio's own group, or a Service by its kind alone, which is none of the Gateway API's.
fn of_another_kind(
    document: DocumentId,
    references: &[ParentReference],
    index: usize,
) -> Option<Diagnostic> {
    const SERVED: [GroupKind<'_>; 4] = [
        (GATEWAY_API, "Gateway"),
        (GATEWAY_API, "ListenerSet"),
        ("", "Service"),
        ("networking.istio.io", "ServiceEntry"),
    ];
    let reference = references.get(index)?;
    let group = reference.group.as_deref().unwrap_or(GATEWAY_API);
    let kind = reference.kind.as_deref().unwrap_or("Gateway");
    let mistake = Mistake::of((group, kind), &SERVED)?;
    let field = if reference.kind.is_some() { "kind" } else { "group" };
    let path = FieldPath::default().field("spec").field("parentRefs").index(index).field(field);
    let message = format!("no route is for a `{kind}` of the group `{group}`");
    let found = Diagnostic::new(&CHECK, Place::value(document, path), message);
    Some(mistake.say(found).consequence("the route is not used here"))
}

/// That there is no such Gateway is `unknown-gateway`'s to say.
fn refused(route: &HttpRoute<'_>, index: usize, reason: &RefusedParent<'_>) -> Option<Diagnostic> {
    let spec = || FieldPath::default().field("spec");
    let parent = spec().field("parentRefs").index(index);
    let id = route.resource.id;
    let reference = route.resource.spec.parent_refs.get(index)?;
    let (gateway, path, message, label) = match reason {
        // That a Gateway or a set is not opened is said of it.
        RefusedParent::Missing { .. } | RefusedParent::NotOpened(_) => return None,
        RefusedParent::NoListener(gateway, _) => {
            let field = if reference.section_name.is_some() { "sectionName" } else { "port" };
            (gateway, parent.field(field), "the Gateway has no such listener", "no such listener")
        }
        RefusedParent::NoHostname(gateway, _) => (
            gateway,
            spec().field("hostnames"),
            "no listener of the Gateway has one of these names",
            "no name in common",
        ),
        RefusedParent::NotAllowed(gateway, _) => (
            gateway,
            parent.field("name"),
            "no listener of the Gateway lets this route in",
            "not let in",
        ),
    };
    let place = match reason {
        RefusedParent::NoHostname(..) => Place::key(id, path),
        _ => Place::value(id, path),
    };
    let listeners = Place::key(gateway.id, spec().field("listeners"));
    let found = Diagnostic::new(&CHECK, place, message)
        .label(label)
        .also(listeners, "these are its listeners")
        .consequence(
            "the route is not used at this Gateway: requests for it are answered with 404",
        );
    Some(match reason {
        RefusedParent::NotAllowed(..) => found.help(format!(
            "let routes of namespace `{}` in with the listener's `allowedRoutes`",
            route.resource.namespace
        )),
        _ => found,
    })
}

/// A Gateway of the Gateway API has routes of the Gateway API.
fn at_api_gateway(mesh: &Mesh<'_>, it: &VirtualService<'_>, index: usize) -> Option<Diagnostic> {
    let GatewayName::Named(full) = it.gateways.get(index)? else { return None };
    let (namespace, name) = full.split_once('/')?;
    let gateway = mesh.api_gateways.find(namespace, name)?;
    if mesh.gateways.find(full).is_some() {
        return None;
    }
    let path = FieldPath::default().field("spec").field("gateways").index(index);
    let message = format!("`{full}` is a Gateway of the Gateway API, which has no VirtualServices");
    Some(
        Diagnostic::new(&CHECK, Place::value(it.resource.id, path), message)
            .label("not bound")
            .also(Place::resource(gateway.resource.id), "this Gateway")
            .consequence("the routes are not used there: requests for them are answered with 404")
            .help("write an HTTPRoute with the Gateway among its `parentRefs`"),
    )
}

fn delegate(it: &VirtualService<'_>, dropped: &DroppedDelegate<'_>) -> Diagnostic {
    let root = FieldPath::default().field("spec").field("http").index(dropped.route);
    let place = Place::value(it.resource.id, root.clone().field("delegate").field("name"));
    let say = |place, message: String| {
        let effect = "the routes are left out, without a word from Istio";
        Diagnostic::new(&CHECK, place, message).consequence(effect)
    };
    match &dropped.reason {
        DropReason::Missing { namespace, name } => {
            let message = format!("there is no VirtualService `{name}` in namespace `{namespace}`");
            say(place, message).label("no such delegate")
        }
        DropReason::HasHosts(other) => {
            say(place, "a VirtualService with hosts of its own cannot be a delegate".to_owned())
                .label("not a delegate")
                .also(
                    Place::key(other.id, FieldPath::default().field("spec").field("hosts")),
                    "it has hosts",
                )
                .help("remove its `hosts`")
        }
        DropReason::NotExported(other) => {
            say(place, format!("the delegate is not exported to `{}`", it.namespace()))
                .label("not visible from here")
                .also(
                    Place::key(other.id, FieldPath::default().field("spec").field("exportTo")),
                    "exported to others only",
                )
        }
        DropReason::OutsideOfRoot(other, route) => {
            let path = FieldPath::default().field("spec").field("http").index(*route);
            let message = "the delegate's route lies outside of what is delegated to it".to_owned();
            say(Place::key(other.id, path.field("match")), message)
                .label("matches what the root does not")
                .also(Place::key(it.resource.id, root.field("match")), "this is delegated")
                .help("let each match lie within one of the root's")
        }
    }
}
