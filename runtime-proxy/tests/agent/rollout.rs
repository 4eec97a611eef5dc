//! What is served, and what is said of it.

use std::sync::Arc;
use std::time::Duration;

use mesh_proxy::agent::health::Outcome;
use mesh_snapshot::wire::{self, Trial, from_proxy, to_proxy};

use crate::support::agent::{Test, trial};
use crate::support::authority::WEB;
use crate::support::control::{objects, prepare};
use crate::support::mesh;

const MINUTE: Duration = Duration::from_mins(1);
const MOMENT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn a_proxy_gets_an_identity_and_says_who_it_is() {
    let mut test = Test::new().await;
    let proxy = test.setup.start();
    let mut stream = test.control.stream().await;
    let hello = stream.welcome().await;
    assert_eq!(hello.proxy, "web-0");
    assert_eq!(hello.workload, Some((&mesh::workload()).into()));
    assert_eq!((hello.serving, hello.term, hello.epoch), (None, 0, 0));
    let identity = proxy.world.identity().get().unwrap();
    assert_eq!(identity.id, WEB);
    assert_eq!(identity.roots, [test.authority.root.clone()]);
    assert!(proxy.live.load().is_none(), "nothing passes before anything is confirmed");
}

#[tokio::test]
async fn what_is_prepared_is_committed_and_confirmed() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    let (first, second) = (mesh::snapshot("one"), mesh::snapshot("two"));
    let serving = stream.bring_to(1, &first).await;
    assert_eq!(trial(&serving), (1, Trial::Over));
    proxy.serves("one").await;

    stream.offer(2, &second).await;
    let prepared = stream.prepared().await;
    assert_eq!((prepared.epoch, prepared.memory_bytes), (2, 1000));
    assert_eq!(proxy.version().as_deref(), Some("one"), "prepared is not served");
    stream.commit(2, &second, MINUTE).await;
    let running = stream.serving().await;
    assert_eq!(trial(&running), (2, Trial::Running));
    assert_eq!(running.slice, prepared.slice);
    assert!(serving.generation < running.generation);
    stream.confirm(2, &second).await;
    let over = stream.serving().await;
    assert_eq!((trial(&over), over.generation), ((2, Trial::Over), running.generation));
    assert_eq!(proxy.version().as_deref(), Some("two"));
}

#[tokio::test]
async fn a_trial_that_nobody_confirms_ends_by_itself() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    stream.bring_to(1, &mesh::snapshot("one")).await;
    let second = mesh::snapshot("two");
    stream.offer(2, &second).await;
    stream.prepared().await;
    stream.commit(2, &second, MOMENT).await;
    assert_eq!(trial(&stream.serving().await), (2, Trial::Running));
    assert_eq!(trial(&stream.serving().await), (1, Trial::Expired));
    assert_eq!(proxy.version().as_deref(), Some("one"));
    assert_eq!(proxy.status.trials_expired.get(), 1);
    // What came back stays, and the next one can be tried.
    stream.bring_to(3, &mesh::snapshot("three")).await;
    proxy.serves("three").await;
}

#[tokio::test]
async fn a_trial_ends_by_itself_also_when_the_control_runtime_is_gone() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    stream.bring_to(1, &mesh::snapshot("one")).await;
    let second = mesh::snapshot("two");
    stream.offer(2, &second).await;
    stream.prepared().await;
    stream.commit(2, &second, MOMENT).await;
    assert_eq!(trial(&stream.serving().await), (2, Trial::Running));
    drop((stream, test.control));
    proxy.serves("one").await;
}

#[tokio::test]
async fn a_trial_is_reverted_by_order_and_prolonged_by_extend_alone() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    stream.bring_to(1, &mesh::snapshot("one")).await;
    let second = mesh::snapshot("two");
    stream.offer(2, &second).await;
    stream.prepared().await;
    stream.commit(2, &second, Duration::from_secs(2)).await;
    let extend = wire::Extend { term: 1, epoch: 2, confirm_within_ms: 60_000 };
    stream.say(to_proxy::Message::Extend(extend)).await;
    assert_eq!(trial(&stream.serving().await), (2, Trial::Running));
    assert_eq!(trial(&stream.serving().await), (2, Trial::Running));
    stream.commit(2, &second, MOMENT).await;
    assert_eq!(trial(&stream.serving().await), (2, Trial::Running));
    stream.say(to_proxy::Message::Revert(wire::Revert { term: 1, epoch: 2 })).await;
    assert_eq!(trial(&stream.serving().await), (1, Trial::Reverted));
    assert_eq!(proxy.version().as_deref(), Some("one"));
}

#[tokio::test]
async fn a_proxy_whose_slice_does_not_change_is_not_disturbed() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    let first = stream.bring_to(1, &mesh::snapshot("one")).await;
    let before = proxy.live.load().unwrap();
    let second = stream.bring_to(2, &mesh::snapshot_beside("one", "elsewhere")).await;
    let after = proxy.live.load().unwrap();
    assert_ne!(first.snapshot, second.snapshot);
    assert_eq!(first.slice, second.slice);
    assert_eq!((before.epoch, after.epoch), (1, 2));
    assert!(Arc::ptr_eq(&before.program, &after.program));
    assert_eq!(test.setup.built(), ["one"]);
}

#[tokio::test]
async fn what_the_proxy_has_need_not_be_sent_and_what_it_lacks_is_asked_for() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    stream.bring_to(1, &mesh::snapshot("one")).await;
    let second = mesh::snapshot("two");
    // Nothing is announced: the proxy asks, layer by layer, for what is new.
    stream.say(prepare(2, second.digest(), &[])).await;
    let mut asked = 0;
    loop {
        match stream.answer().await {
            from_proxy::Message::Need(need) => {
                assert_eq!(need.epoch, 2);
                asked += need.digests.len();
                let wanted = need.digests.iter().map(|digest| mesh::object(&second, digest));
                stream.send(2, wanted.collect()).await;
            }
            from_proxy::Message::Prepared(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(asked < objects(&second).len(), "the mesh defaults are the same");
    stream.commit(2, &second, Duration::ZERO).await;
    stream.serving().await;
    proxy.serves("two").await;
}

#[tokio::test]
async fn requests_are_counted_by_the_epoch_they_were_decided_under() {
    let mut test = Test::new().await;
    let proxy = test.setup.start();
    let mut stream = test.control.stream().await;
    stream.welcome_in(1, Duration::from_millis(60)).await;
    stream.bring_to(1, &mesh::snapshot("one")).await;
    let early = proxy.live.load().unwrap();
    stream.bring_to(2, &mesh::snapshot("two")).await;
    early.health.request(Outcome::Failed, Duration::from_millis(3));
    proxy.live.load().unwrap().health.request(Outcome::Served, Duration::ZERO);
    let counted = |health: &wire::Health| {
        let epochs = health.epochs.iter().map(|of| (of.epoch, of.requests, of.failed));
        epochs.collect::<Vec<_>>()
    };
    let mut signs_of_life = 0;
    while signs_of_life < 3 {
        if let Some(from_proxy::Message::Health(health)) = stream.next().await {
            signs_of_life += u32::from(counted(&health) == [(1, 1, 1), (2, 1, 0)]);
        }
    }
}

#[tokio::test]
async fn places_in_files_are_told_beside_the_snapshot() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    let first = mesh::snapshot("one");
    stream.bring_to(1, &first).await;
    let live = proxy.live.load().unwrap();
    for line in [7, 8] {
        stream.say(mesh::sources(&first, line)).await;
        stream.heard().await;
        let map = live.sources.get().unwrap();
        assert_eq!(map.get(&mesh::policy(), "").unwrap().line, line);
    }
}

#[tokio::test]
async fn what_is_known_of_the_world_reaches_the_program() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    stream.bring_to(1, &mesh::snapshot("one")).await;
    let endpoints = Arc::clone(&proxy.live.load().unwrap().program.endpoints);
    assert_eq!(endpoints.get().unwrap().len(), 0);
    stream.say(mesh::endpoint("10.0.0.1")).await;
    stream.heard().await;
    assert_eq!(endpoints.get().unwrap()[0].address, "10.0.0.1");
}
