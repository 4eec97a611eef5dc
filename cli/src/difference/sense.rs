//! What an object says, whatever it is called, and wherever it is kept.

use mesh_snapshot::object::Gateway;
use mesh_snapshot::{Key, Object, Reference};

/// The same of those that say the same.
pub(super) fn sense(object: &Object) -> String {
    let mut object = object.clone();
    match &mut object {
        Object::AuthorizationPolicy(policy) => {
            (policy.namespace, policy.name) = (String::new(), String::new());
        }
        Object::Gateway(gateway) => unnamed(gateway),
        _ => {}
    }
    serde_json::to_string(&object).unwrap_or_default()
}

/// What its routes lead to is said by those.
fn unnamed(gateway: &mut Gateway) {
    (gateway.namespace, gateway.name) = (String::new(), String::new());
    gateway.hosts.clear();
    for server in &mut gateway.servers {
        let routes = server.virtual_hosts.iter_mut().map(|host| &mut host.routes);
        for Reference { key, .. } in routes.chain(&mut server.stream_routes) {
            *key = Key::new(key.kind, "", "");
        }
    }
}
