//! Where the routes of a resource apply, as a snapshot tells it: by the tables that it has of them. What its author wrote is
//! told by resources ([`super::export`]).

use std::collections::BTreeSet;

use mesh_snapshot::{Key, Kind};

use super::authored::Resources;
use super::{Change, Changed, Edit};

/// Tells it of routes that came to a place, or left one, of resources that are on both sides.
pub(super) fn tell(objects: &mut [Changed], [old, new]: &[Resources<'_>; 2]) {
    let tables = objects.iter_mut().filter(|it| it.key.kind == Kind::RouteTable);
    for object in tables.filter(|it| it.change != Change::Changed) {
        let Some(place) = object.after.as_ref().or(object.before.as_ref()) else { continue };
        object.edits.extend(edit(&place.resource, old, new));
    }
}

fn edit(resource: &str, old: &Resources<'_>, new: &Resources<'_>) -> Option<Edit> {
    let said = |keys: &BTreeSet<&Key>| {
        let tables = keys.iter().filter(|key| key.kind == Kind::RouteTable);
        let places: BTreeSet<_> = tables.filter_map(|key| place(resource, key)).collect();
        Some(places.into_iter().collect::<Vec<_>>().join(", ")).filter(|said| !said.is_empty())
    };
    let (before, after) = (said(old.get(resource)?), said(new.get(resource)?));
    let path = if resource.starts_with("VirtualService ") { "gateways" } else { "parentRefs" };
    (before != after).then(|| Edit { path: path.to_owned(), before, after })
}

/// Where the routes of a table apply.
fn place(resource: &str, table: &Key) -> Option<String> {
    let name = table.name.split('@').next().unwrap_or_default();
    match resource.strip_prefix("VirtualService ") {
        Some(author) => gateway(author, &table.namespace, name),
        None => parent(&table.namespace, name),
    }
}

/// `shop/public` of `v/shop/public` and of `public/servers[0]`; `mesh` of `v` and of `v/streams/shop/v`.
fn gateway(author: &str, namespace: &str, table: &str) -> Option<String> {
    let mesh = || Some("mesh".to_owned());
    // A gateway may be of a namespace that is called so.
    if table.split_once("/streams/").is_some_and(|(_, streams)| streams.contains('/')) {
        return mesh();
    }
    if let Some((gateway, _)) = table.split_once("/servers[") {
        return Some(format!("{namespace}/{gateway}"));
    }
    let (_, own) = author.split_once('/')?;
    match table.strip_prefix(own)? {
        "" => mesh(),
        gateway => gateway.strip_prefix('/').map(str::to_owned),
    }
}

/// `Gateway shop/public` of `api/public/http/a.example.com`, `Service shop/web` of `httproutes/web.shop.svc.cluster.local`.
fn parent(namespace: &str, table: &str) -> Option<String> {
    if let Some(listener) = table.strip_prefix("api/") {
        return Some(format!("Gateway {namespace}/{}", listener.split('/').next()?));
    }
    let host = table.strip_prefix("httproutes/")?.split('/').next()?;
    let service = host.split_once(".svc.").and_then(|(service, _)| service.split_once('.'));
    Some(match service {
        Some((name, namespace)) => format!("Service {namespace}/{name}"),
        None => format!("host {host}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_tells_where_its_routes_apply() {
        for (resource, table, told) in [
            ("VirtualService shop/v", "v", Some("mesh")),
            ("VirtualService shop/v", "v@web", Some("mesh")),
            ("VirtualService shop/v", "v/shop/public", Some("shop/public")),
            ("VirtualService shop/v", "v/streams/public@web", Some("streams/public")),
            ("VirtualService shop/v", "v/streams/shop/v+other/w", Some("mesh")),
            ("VirtualService shop/v", "/streams/shop/v", Some("mesh")),
            ("VirtualService shop/v", "public/servers[0]", Some("shop/public")),
            // It is named for the resource that delegates to this one.
            ("VirtualService shop/v", "root/shop/public", None),
            ("HTTPRoute shop/r", "api/public/http/a.example.com", Some("Gateway shop/public")),
            ("TCPRoute shop/r", "api/public/tcp", Some("Gateway shop/public")),
            ("HTTPRoute shop/r", "httproutes/web.shop.svc.cluster.local", Some("Service shop/web")),
            ("HTTPRoute shop/r", "httproutes/a.example.com", Some("host a.example.com")),
        ] {
            let key = Key::new(Kind::RouteTable, "shop", table);
            assert_eq!(place(resource, &key).as_deref(), told, "{resource}: {table}");
        }
    }
}
