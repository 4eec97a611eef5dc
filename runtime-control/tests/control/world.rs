//! What streams in beside policy, and to whom.

use mesh_snapshot::wire::name::Name;
use mesh_snapshot::wire::{self, to_proxy};

use crate::real::mesh::{INSTANCES, all_serve, join, prepare_folder};
use crate::real::proxy::{Nature, Seen};
use crate::real::runtime::{Running, config};
use crate::real::shop::{endpoint_set, publish, register, workload};

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_reaches_the_gateway_that_names_it_and_nobody_else() {
    let folder = prepare_folder();
    let secret = folder.path().join("secrets/shop/front");
    std::fs::create_dir_all(&secret).unwrap();
    let pair = rcgen::generate_simple_self_signed(["front.test".to_owned()]).unwrap();
    let own = pair.signing_key.serialize_pem();
    std::fs::write(secret.join("tls.crt"), pair.cert.pem()).unwrap();
    std::fs::write(secret.join("tls.key"), &own).unwrap();
    let control = Running::start(config(folder.path()));
    let front = wire::CredentialName { namespace: "shop".to_owned(), name: "front".to_owned() };
    let subscribe =
        vec![Name::Secret(front), Name::Endpoints((&endpoint_set("shop", "web")).into())];
    let nature = Nature { subscribe, ..Nature::default() };
    let mut proxies = Vec::new();
    for which in 0..INSTANCES.len() {
        proxies.push(join(&control, folder.path(), which, nature.clone()).await);
    }
    let one = publish(&folder.path().join("releases"), "one", 1);
    all_serve(&mut proxies, one).await;
    let key = |message: &to_proxy::Message| match message {
        to_proxy::Message::Secret(secret) => Some(secret.private_key.clone()),
        _ => None,
    };
    let has_key = |seen: &Seen| seen.world.iter().filter_map(key).any(|key| key == own.as_bytes());
    proxies[2].until(has_key).await;
    let endpoints = |message: &to_proxy::Message| match message {
        to_proxy::Message::Endpoints(endpoints) => Some(endpoints.endpoints.len()),
        _ => None,
    };
    let two_endpoints =
        move |seen: &Seen| seen.world.iter().filter_map(endpoints).any(|count| count == 2);
    proxies[0].until(two_endpoints).await;
    for which in [0, 1, 3] {
        assert!(!has_key(&proxies[which].seen()), "{:?}", INSTANCES[which]);
    }
    assert!(!two_endpoints(&proxies[3].seen()), "another namespace, which does not see the host");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_world_follows_its_registry() {
    let folder = prepare_folder();
    let control = Running::start(config(folder.path()));
    let subscribe = vec![Name::Endpoints((&endpoint_set("shop", "web")).into())];
    let nature = Nature { subscribe, ..Nature::default() };
    let mut web = join(&control, folder.path(), 0, nature).await;
    publish(&folder.path().join("releases"), "one", 1);
    let ports = |seen: &Seen| -> Vec<u32> {
        let latest = seen.world.iter().rev().find_map(|message| match message {
            to_proxy::Message::Endpoints(endpoints) => Some(endpoints.endpoints.clone()),
            _ => None,
        });
        latest.unwrap_or_default().iter().map(|endpoint| endpoint.reached_at[&8080]).collect()
    };
    web.until(|seen| ports(seen) == [20_000, 20_000]).await;
    let registry = folder.path().join("registry");
    register(&registry, &workload("shop", "web"), "web-2", 30_000);
    web.until(|seen| ports(seen) == [20_000, 30_000]).await;
    std::fs::write(registry.join("shop-web-2.json"), "{ half a docu").unwrap();
    register(&registry, &workload("shop", "web"), "web-3", 40_000);
    web.until(|seen| ports(seen) == [20_000, 30_000, 40_000]).await;
    std::fs::remove_file(registry.join("shop-web-2.json")).unwrap();
    web.until(|seen| ports(seen) == [20_000, 40_000]).await;
}

/// It knows of none that is good, and must not say that there is none: a gateway would give up the one it has.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_cannot_be_read_from_the_start_is_not_told_to_be_gone() {
    let folder = prepare_folder();
    let secret = folder.path().join("secrets/shop/front");
    std::fs::create_dir_all(&secret).unwrap();
    std::fs::write(secret.join("tls.crt"), "half a certi").unwrap();
    std::fs::write(secret.join("tls.key"), "half a k").unwrap();
    let control = Running::start(config(folder.path()));
    let front = wire::CredentialName { namespace: "shop".to_owned(), name: "front".to_owned() };
    let nature = Nature { subscribe: vec![Name::Secret(front)], ..Nature::default() };
    let mut gateway = join(&control, folder.path(), 2, nature).await;
    let one = publish(&folder.path().join("releases"), "one", 1);
    gateway.serves(one).await;
    let chain = |message: &to_proxy::Message| match message {
        to_proxy::Message::Secret(secret) => Some(secret.certificate_chain.clone()),
        _ => None,
    };
    // Once its policy names it: before, it may not know of it.
    let is_told =
        move |seen: &Seen| seen.world.iter().filter_map(chain).any(|chain| !chain.is_empty());
    gateway.until(is_told).await;
}
