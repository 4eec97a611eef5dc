//! A proxy that is connected and does not read.

use std::path::Path;
use std::time::Duration;

use mesh_snapshot::object::Role;
use mesh_snapshot::wire::name::Name;
use mesh_snapshot::wire::{self, from_proxy, to_proxy};

use crate::real::mesh::{join, prepare_folder};
use crate::real::proxy::{Nature, Proxy, Seen, bootstrap, channel, connect};
use crate::real::runtime::{Running, config};
use crate::real::shop::{publish, register, workload};
use crate::real::soon;

/// More than sockets and windows of HTTP/2 hold.
const SECRET_BYTES: usize = 1 << 20;
const CHANGES: u8 = 40;
/// What may be on its way to one that does not read: a few frames before the connection, and what its buffers and windows hold.
const ON_THE_WAY_MAX: usize = 12;

/// In place of the one before, at once: the version many times, which is a comment in PEM, and a certificate.
fn put(folder: &Path, version: u8, certificate: &str) {
    let new = folder.join("new");
    let comment = vec![version; SECRET_BYTES];
    std::fs::write(&new, [&comment, b"\n".as_slice(), certificate.as_bytes()].concat()).unwrap();
    std::fs::rename(new, folder.join("ca.crt")).unwrap();
}

fn version(message: &to_proxy::Message) -> Option<u8> {
    match message {
        to_proxy::Message::Secret(secret) => secret.ca.first().copied(),
        _ => None,
    }
}

/// The world changes many times meanwhile: the others follow, and it finds the latest state when it reads again, and little of
/// what was before.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_read_holds_up_nobody_and_keeps_nothing() {
    let folder = prepare_folder();
    let gateway = workload("shop", "gateway");
    assert_eq!(gateway.role, Role::Gateway);
    register(&folder.path().join("registry"), &gateway, "gateway-2", 20_000);
    let secret = folder.path().join("secrets/shop/front");
    std::fs::create_dir_all(&secret).unwrap();
    let certificate = rcgen::generate_simple_self_signed(["front.test".to_owned()]).unwrap();
    let certificate = certificate.cert.pem();
    put(&secret, 0, &certificate);
    let mut config = config(folder.path());
    // It says nothing either, and is to be seen all the same.
    config.policy.lease = Duration::from_mins(10);
    let control = Running::start(config);
    let (address, roots) = (control.distribution, control.roots.as_str());
    let name = wire::CredentialName { namespace: "shop".to_owned(), name: "front".to_owned() };
    let subscribe = vec![Name::Secret(name)];
    let nature = Nature { subscribe: subscribe.clone(), ..Nature::default() };
    let mut reader: Proxy = join(&control, folder.path(), 2, nature).await;
    let one = publish(&folder.path().join("releases"), "one", 1);
    let seen = reader.serves(one).await;

    let own = bootstrap(address, roots, folder.path(), ("shop", "gateway-2")).await;
    let hello = wire::Hello {
        protocol: wire::PROTOCOL,
        proxy: "gateway-2".to_owned(),
        workload: Some((&gateway).into()),
        serving: seen.serving,
        ..wire::Hello::default()
    };
    let add = subscribe.into_iter().map(|name| wire::Name { name: Some(name) }).collect();
    let first = vec![
        from_proxy::Message::Hello(hello),
        from_proxy::Message::Subscribe(wire::Subscribe { add, remove: Vec::new() }),
    ];
    let channel = channel(address, &own.roots, Some(&own)).await.unwrap();
    let (_say, mut unread) = connect(channel, first).await.unwrap();

    for change in 1..=CHANGES {
        put(&secret, change, &certificate);
        let is_there = move |seen: &Seen| seen.world.iter().rev().find_map(version) == Some(change);
        reader.until(is_there).await;
    }
    let mut versions = Vec::new();
    while versions.last() != Some(&CHANGES) {
        let message = soon(unread.message()).await.unwrap().unwrap().message;
        versions.extend(message.as_ref().and_then(version));
    }
    assert!(versions.is_sorted(), "{versions:?}");
    assert!(versions.len() <= ON_THE_WAY_MAX, "{versions:?}");
}
