//! The shop, with all its proxies.

use std::path::Path;

use mesh_snapshot::Digest;

use super::proxy::{Nature, Proxy, bootstrap};
use super::runtime::Running;
use super::shop::{register, workload};

/// Of namespace, workload and instance.
pub(crate) const INSTANCES: [(&str, &str, &str); 4] = [
    ("shop", "web", "web-1"),
    ("shop", "web", "web-2"),
    ("shop", "gateway", "gateway-1"),
    ("bank", "web", "web-1"),
];

pub(crate) fn prepare_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (namespace, name, instance) in INSTANCES {
        let registry = folder.path().join("registry");
        register(&registry, &workload(namespace, name), instance, 20_000);
    }
    folder
}

pub(crate) async fn join(control: &Running, folder: &Path, which: usize, nature: Nature) -> Proxy {
    let (namespace, name, instance) = INSTANCES[which];
    let place = (namespace, instance);
    let own = bootstrap(control.distribution, &control.roots, folder, place).await;
    Proxy::start(control.distribution, own, instance, workload(namespace, name), nature)
}

pub(crate) async fn join_all(control: &Running, folder: &Path) -> Vec<Proxy> {
    let mut proxies = Vec::new();
    for which in 0..INSTANCES.len() {
        proxies.push(join(control, folder, which, Nature::default()).await);
    }
    proxies
}

pub(crate) async fn all_serve(proxies: &mut [Proxy], snapshot: Digest) {
    for proxy in proxies {
        proxy.serves(snapshot).await;
    }
}
