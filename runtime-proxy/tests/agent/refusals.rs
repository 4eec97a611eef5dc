//! What cannot be served changes nothing, and says why.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesh_proxy::agent::config::Signing;
use mesh_snapshot::signature::TrustedKeys;
use mesh_snapshot::wire::{self, Refusal, from_proxy, to_proxy};
use mesh_snapshot::{Digest, Key, Kind, canonical};

use crate::support::agent::{Running, Test};
use crate::support::build::Behaviour;
use crate::support::control::{Stream, objects, prepare};
use crate::support::mesh;

/// A proxy that serves epoch 1.
async fn serving_one(test: &mut Test) -> (Running, Stream) {
    let (proxy, mut stream) = test.connected().await;
    stream.bring_to(1, &mesh::snapshot("one")).await;
    (proxy, stream)
}

/// Whatever was refused, the proxy serves what it served, and can be brought to something else.
async fn nothing_has_changed(proxy: &Running, stream: &mut Stream) {
    assert_eq!(proxy.live.load().unwrap().epoch, 1);
    stream.heard().await;
    stream.bring_to(99, &mesh::snapshot("ninety-nine")).await;
    proxy.serves("ninety-nine").await;
}

fn reason(refused: &wire::Refused) -> (u64, Refusal) {
    (refused.epoch, refused.reason())
}

/// The offer of a snapshot as a test wants it, with all that belongs to it.
async fn offer(stream: &mut Stream, change: impl FnOnce(&mut wire::Prepare)) {
    let two = mesh::snapshot("two");
    let objects = objects(&two);
    let to_proxy::Message::Prepare(mut offer) = prepare(2, two.digest(), &objects) else {
        panic!()
    };
    change(&mut offer);
    stream.say(to_proxy::Message::Prepare(offer)).await;
    stream.send(2, objects).await;
}

#[tokio::test]
async fn what_nobody_trusted_vouches_for() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = serving_one(&mut test).await;
    let other = mesh::sign(Digest::of(b"another snapshot"), 2, 0);
    for signatures in [Vec::new(), vec![(&other).into()]] {
        offer(&mut stream, |offer| offer.signatures = signatures).await;
        assert_eq!(reason(&stream.refused().await), (2, Refusal::Signature));
    }
    nothing_has_changed(&proxy, &mut stream).await;
}

#[tokio::test]
async fn without_keys_nothing_is_trusted_and_unsigned_is_a_setting() {
    let mut test = Test::new().await;
    test.setup.config.signing = Signing::Required(TrustedKeys::default());
    let (proxy, mut stream) = test.connected().await;
    stream.offer(1, &mesh::snapshot("one")).await;
    assert_eq!(reason(&stream.refused().await), (1, Refusal::Signature));
    drop((proxy, stream));

    test.setup.config.signing = Signing::Unsigned;
    let (proxy, mut stream) = test.connected().await;
    offer(&mut stream, |offer| offer.signatures.clear()).await;
    stream.prepared().await;
    stream.commit(2, &mesh::snapshot("two"), Duration::ZERO).await;
    stream.serving().await;
    proxy.serves("two").await;
}

#[tokio::test]
async fn what_the_signer_does_not_let_it_go_back_to() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = serving_one(&mut test).await;
    let two = mesh::snapshot("two");
    offer(&mut stream, |offer| {
        offer.signatures = vec![(&mesh::sign(two.digest(), 20, 15)).into()];
    })
    .await;
    stream.prepared().await;
    stream.commit(2, &two, Duration::ZERO).await;
    stream.serving().await;
    // As signed by `offer` below, its serial is 3.
    stream.offer(3, &mesh::snapshot("three")).await;
    let refused = stream.refused().await;
    assert_eq!(reason(&refused), (3, Refusal::Stale));
    assert!(refused.detail.contains("below 15"), "{}", refused.detail);
    drop((proxy, stream));

    // That is not forgotten by a restart.
    let (proxy, mut stream) = test.connected().await;
    proxy.serves("two").await;
    stream.offer(4, &mesh::snapshot("four")).await;
    assert_eq!(reason(&stream.refused().await), (4, Refusal::Stale));
}

#[tokio::test]
async fn what_needs_a_feature_that_it_lacks() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = serving_one(&mut test).await;
    stream.offer(2, &mesh::snapshot_with_fault("two")).await;
    let refused = stream.refused().await;
    assert_eq!(reason(&refused), (2, Refusal::Feature));
    assert!(refused.detail.contains("`fault-injection`"), "{}", refused.detail);
    let key: Key = canonical::decode(&refused.key).unwrap();
    assert_eq!(
        (key, refused.item.as_str()),
        (Key::new(Kind::RouteTable, "shop", "reviews"), "http[0]")
    );
    nothing_has_changed(&proxy, &mut stream).await;
    drop((proxy, stream));

    test.setup.config.features.insert("fault-injection".to_owned());
    let (proxy, mut stream) = test.connected().await;
    stream.bring_to(100, &mesh::snapshot_with_fault("hundred")).await;
    proxy.serves("hundred").await;
}

#[tokio::test]
async fn what_cannot_be_read_is_damaged_unless_it_may_be_of_a_later_version() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = serving_one(&mut test).await;
    let later = br#"{"Egress":{"hosts":[],"outbound":"allowAny","wormholes":1}}"#;
    for (bytes, features, expected) in [
        (&b"{}"[..], vec![], Refusal::Corrupt),
        (b"not JSON", vec![], Refusal::Corrupt),
        (later, vec![], Refusal::Corrupt),
        (later, vec!["wormholes"], Refusal::Feature),
    ] {
        let (root, objects) = mesh::broken(bytes, &features);
        stream.say(prepare(2, root, &objects)).await;
        stream.send(2, objects).await;
        let refused = stream.refused().await;
        assert_eq!(reason(&refused), (2, expected), "{}", refused.detail);
        let key: Key = canonical::decode(&refused.key).unwrap();
        assert_eq!(key, Key::new(Kind::Egress, "shop", "default"));
    }
    nothing_has_changed(&proxy, &mut stream).await;
}

#[tokio::test]
async fn what_was_changed_on_the_way_is_not_there() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = serving_one(&mut test).await;
    let two = mesh::snapshot("two");
    let mut changed = objects(&two);
    let manifest = changed.iter_mut().find(|object| Digest::of(object) == two.digest()).unwrap();
    let mut bytes = manifest.to_vec();
    bytes[0] ^= 1;
    *manifest = bytes.into();
    stream.say(prepare(2, two.digest(), &changed)).await;
    stream.send(2, changed).await;
    let from_proxy::Message::Need(need) = stream.answer().await else { panic!() };
    assert_eq!(need.digests, [two.digest().as_bytes().to_vec()]);
    // It does not come when it is asked for, either.
    stream.send(2, Vec::new()).await;
    assert_eq!(reason(&stream.refused().await), (2, Refusal::Corrupt));
    nothing_has_changed(&proxy, &mut stream).await;
}

#[tokio::test]
async fn more_than_was_announced_or_may_be_held() {
    let mut test = Test::new().await;
    test.setup.config.limits.policy_bytes = 10_000;
    let (proxy, mut stream) = serving_one(&mut test).await;
    offer(&mut stream, |offer| offer.objects -= 1).await;
    assert_eq!(reason(&stream.refused().await), (2, Refusal::Corrupt));
    offer(&mut stream, |offer| offer.objects_bytes -= 1).await;
    assert_eq!(reason(&stream.refused().await), (2, Refusal::Corrupt));
    offer(&mut stream, |offer| offer.objects_bytes = 10_001).await;
    assert_eq!(reason(&stream.refused().await), (2, Refusal::Memory));
    *test.setup.build.behaviour.lock().unwrap() = Behaviour::Takes(10_001);
    offer(&mut stream, |_| {}).await;
    assert_eq!(reason(&stream.refused().await), (2, Refusal::Memory));
    *test.setup.build.behaviour.lock().unwrap() = Behaviour::Works;
    nothing_has_changed(&proxy, &mut stream).await;
}

#[tokio::test]
async fn what_no_program_can_be_built_from() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = serving_one(&mut test).await;
    *test.setup.build.behaviour.lock().unwrap() = Behaviour::Fails;
    offer(&mut stream, |_| {}).await;
    let refused = stream.refused().await;
    assert_eq!(reason(&refused), (2, Refusal::Program));
    let key: Key = canonical::decode(&refused.key).unwrap();
    assert_eq!((key.kind, refused.item.as_str()), (Kind::Egress, "overlays[0]"));
    *test.setup.build.behaviour.lock().unwrap() = Behaviour::Panics;
    offer(&mut stream, |_| {}).await;
    assert_eq!(reason(&stream.refused().await), (2, Refusal::Program));
    *test.setup.build.behaviour.lock().unwrap() = Behaviour::Works;
    nothing_has_changed(&proxy, &mut stream).await;
}

#[tokio::test]
async fn what_takes_too_long() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = serving_one(&mut test).await;
    // Objects that do not come.
    let two = mesh::snapshot("two");
    let to_proxy::Message::Prepare(mut slow) = prepare(2, two.digest(), &objects(&two)) else {
        panic!()
    };
    slow.within_ms = 10;
    stream.say(to_proxy::Message::Prepare(slow.clone())).await;
    assert_eq!(reason(&stream.refused().await), (2, Refusal::Time));

    // A build that does not end; the next one has to wait for it.
    let (end, until) = channel();
    *test.setup.build.behaviour.lock().unwrap() = Behaviour::Hangs(Arc::new(Mutex::new(until)));
    for stage in ["build it", "wait for an earlier build"] {
        offer(&mut stream, |offer| offer.within_ms = 300).await;
        let refused = stream.refused().await;
        assert_eq!(reason(&refused), (2, Refusal::Time));
        assert!(refused.detail.contains(stage), "{}", refused.detail);
    }
    *test.setup.build.behaviour.lock().unwrap() = Behaviour::Works;
    drop(end);
    nothing_has_changed(&proxy, &mut stream).await;
}

#[tokio::test]
async fn a_world_that_nobody_tells_of() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    offer(&mut stream, |offer| offer.within_ms = 300).await;
    let refused = loop {
        // Not `answer`, which tells.
        match stream.next().await.unwrap() {
            from_proxy::Message::Refused(refused) => break refused,
            from_proxy::Message::Subscribe(_) | from_proxy::Message::Health(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reason(&refused), (2, Refusal::Time));
    assert!(refused.detail.contains("the endpoints of app=reviews in shop"), "{}", refused.detail);
    assert!(proxy.live.load().is_none());
}

#[tokio::test]
async fn what_cannot_be_stored_unless_the_mesh_serves_it_already() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = serving_one(&mut test).await;
    let folder = test.setup.state().join("objects");
    std::fs::rename(&folder, folder.with_extension("away")).unwrap();
    offer(&mut stream, |_| {}).await;
    let refused = stream.refused().await;
    assert_eq!(reason(&refused), (2, Refusal::Storage), "{}", refused.detail);

    offer(&mut stream, |offer| offer.confirmed = true).await;
    stream.prepared().await;
    stream.commit(2, &mesh::snapshot("two"), Duration::ZERO).await;
    stream.serving().await;
    proxy.serves("two").await;
    assert!(proxy.status.start_outdated.get() && proxy.status.storage_failing.get());

    // The disk works again: nobody has to do anything.
    std::fs::rename(folder.with_extension("away"), &folder).unwrap();
    while proxy.status.start_outdated.get() {
        stream.heard().await;
    }
    drop((proxy, stream));
    let proxy = test.setup.start();
    proxy.serves("two").await;
}

#[tokio::test]
async fn what_is_not_prepared() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = serving_one(&mut test).await;
    stream.commit(2, &mesh::snapshot("two"), Duration::ZERO).await;
    assert_eq!(reason(&stream.refused().await), (2, Refusal::Absent));
    // The epoch is prepared, but of another snapshot.
    offer(&mut stream, |_| {}).await;
    stream.prepared().await;
    stream.commit(2, &mesh::snapshot("three"), Duration::ZERO).await;
    assert_eq!(reason(&stream.refused().await), (2, Refusal::Absent));
    // What is served has another name.
    stream.offer(1, &mesh::snapshot("other")).await;
    assert_eq!(reason(&stream.refused().await), (1, Refusal::Stale));
    // What is no name at all.
    let commit = wire::Commit { term: 1, epoch: 7, snapshot: vec![1, 2, 3], confirm_within_ms: 0 };
    stream.say(to_proxy::Message::Commit(commit)).await;
    assert_eq!(reason(&stream.refused().await), (7, Refusal::Corrupt));
    nothing_has_changed(&proxy, &mut stream).await;
}
