//! Two processes under one name: the later one takes the place of the earlier one, which learns it.

use mesh_snapshot::wire::{self, from_proxy};

use crate::real::mesh::prepare_folder;
use crate::real::proxy::{bootstrap, channel, connect};
use crate::real::runtime::{Running, config};
use crate::real::shop::{register, workload};
use crate::real::soon;

/// Whoever is not told goes on serving what nobody rolls out to it any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_another_has_replaced_ends() {
    let folder = prepare_folder();
    let gateway = workload("shop", "gateway");
    register(&folder.path().join("registry"), &gateway, "gateway-2", 20_000);
    let control = Running::start(config(folder.path()));
    let (address, roots) = (control.distribution, control.roots.as_str());
    let own = bootstrap(address, roots, folder.path(), ("shop", "gateway-2")).await;
    let channel = channel(address, &own.roots, Some(&own)).await.unwrap();
    let hello = || {
        from_proxy::Message::Hello(wire::Hello {
            protocol: wire::PROTOCOL,
            proxy: "gateway-2".to_owned(),
            workload: Some((&gateway).into()),
            ..wire::Hello::default()
        })
    };
    let (mut say, mut before) = connect(channel.clone(), vec![hello()]).await.unwrap();
    // Which of its sides notices first is up to chance.
    for _ in 0..16 {
        let later = connect(channel.clone(), vec![hello()]).await.unwrap();
        let why = soon(async {
            loop {
                match before.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break String::new(),
                    Err(status) => break status.message().to_owned(),
                }
            }
        });
        let why = why.await;
        assert!(why.contains("another stream"), "{why}");
        (say, before) = later;
    }
    drop(say);
}
