//! A stream that breaks, and who is at its other end.

use std::time::Duration;

use mesh_snapshot::wire::{self, Trial, from_proxy, to_proxy};
use mesh_snapshot::{Digest, Snapshot};

use crate::support::agent::{Test, signer, trial};
use crate::support::authority::{Authority, CONTROL};
use crate::support::control::{Control, Stream, objects, prepare, until};
use crate::support::mesh;

const MINUTE: Duration = Duration::from_mins(1);

/// How far a rollout gets on one stream.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Cut {
    BeforeHello,
    AfterWelcome,
    AfterPrepare,
    AmongObjects,
    AfterPrepared,
    BeforeServing,
    OnTrial,
    BeforeConfirmed,
    Confirmed,
}

const CUTS: [Cut; 9] = [
    Cut::BeforeHello,
    Cut::AfterWelcome,
    Cut::AfterPrepare,
    Cut::AmongObjects,
    Cut::AfterPrepared,
    Cut::BeforeServing,
    Cut::OnTrial,
    Cut::BeforeConfirmed,
    Cut::Confirmed,
];

/// Rolls out epoch 2, and lets go of the stream where it is cut.
async fn roll_out(mut stream: Stream, two: &Snapshot, cut: Cut) {
    if cut == Cut::BeforeHello {
        return;
    }
    stream.welcome().await;
    if cut == Cut::AfterWelcome {
        return;
    }
    let mut objects = objects(two);
    stream.say(prepare(2, two.digest(), &objects)).await;
    if cut == Cut::AfterPrepare {
        return;
    }
    if cut == Cut::AmongObjects {
        objects.truncate(2);
        let some = wire::Objects { epoch: 2, objects, last: false };
        stream.say(to_proxy::Message::Objects(some)).await;
        return stream.heard().await;
    }
    stream.send(2, objects).await;
    stream.prepared().await;
    if cut == Cut::AfterPrepared {
        return;
    }
    stream.commit(2, two, MINUTE).await;
    if cut == Cut::BeforeServing {
        return;
    }
    assert_eq!(trial(&stream.serving().await), (2, Trial::Running));
    if cut == Cut::OnTrial {
        return;
    }
    stream.confirm(2, two).await;
    if cut == Cut::Confirmed {
        assert_eq!(trial(&stream.serving().await), (2, Trial::Over));
    }
}

/// Brings a proxy to epoch 2 as a control runtime would, that knows only what `Hello` says.
async fn bring_to_two(stream: &mut Stream, hello: &wire::Hello, two: &Snapshot) {
    let serving = hello.serving.as_ref().unwrap();
    match trial(serving) {
        (2, Trial::Over) => {}
        (2, Trial::Running) => {
            stream.confirm(2, two).await;
            assert_eq!(trial(&stream.serving().await), (2, Trial::Over));
        }
        (1, _) => drop(stream.bring_to(2, two).await),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stream_may_break_at_any_point_of_a_rollout() {
    for cut in CUTS {
        let mut test = Test::new().await;
        let (one, two) = (mesh::snapshot("one"), mesh::snapshot("two"));
        let (proxy, mut stream) = test.connected().await;
        let first = stream.bring_to(1, &one).await;
        drop(stream);
        roll_out(test.control.stream().await, &two, cut).await;
        assert!(proxy.live.load().is_some(), "{cut:?}: something is served all the time");

        let mut stream = test.control.stream().await;
        let hello = stream.welcome().await;
        let serving = hello.serving.clone().unwrap();
        if cut < Cut::BeforeServing {
            assert_eq!(trial(&serving), (1, Trial::Over), "{cut:?}");
            assert_eq!(serving.generation, first.generation, "{cut:?}");
        }
        assert!(hello.slices.contains(&serving.slice), "{cut:?}");
        bring_to_two(&mut stream, &hello, &two).await;
        proxy.serves("two").await;
        // All of it is over: what breaks now breaks nothing.
        drop(stream);
        let hello = test.control.stream().await.welcome().await;
        assert_eq!(trial(&hello.serving.unwrap()), (2, Trial::Over), "{cut:?}");
        assert_eq!((hello.term, hello.epoch), (1, 2), "{cut:?}");
    }
}

#[tokio::test]
async fn a_control_runtime_that_was_replaced_gives_no_orders() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    stream.bring_to(1, &mesh::snapshot("one")).await;
    drop(stream);
    let mut newer = test.control.stream().await;
    newer.welcome_in(5, MINUTE).await;
    newer.say(to_proxy::Message::Revert(wire::Revert { term: 5, epoch: 9 })).await;
    newer.serving().await;
    // Orders of an earlier term, even on this stream, are not carried out.
    newer.offer(2, &mesh::snapshot("two")).await;
    newer.say(to_proxy::Message::Revert(wire::Revert { term: 5, epoch: 9 })).await;
    newer.serving().await;
    assert_eq!(proxy.status.orders_ignored.get(), 1);
    drop((newer, proxy));

    // Nor are they after a restart.
    let _proxy = test.setup.start();
    let mut older = test.control.stream().await;
    assert_eq!(older.welcome_in(4, MINUTE).await.term, 5);
    while let Some(message) = older.next().await {
        assert!(matches!(message, from_proxy::Message::Subscribe(_)), "{message:?}");
    }
}

#[tokio::test]
async fn another_protocol_is_not_spoken() {
    let mut test = Test::new().await;
    let _proxy = test.setup.start();
    let mut stream = test.control.stream().await;
    assert!(matches!(stream.next().await, Some(from_proxy::Message::Hello(_))));
    let (protocol, control) = (wire::PROTOCOL + 1, "later".to_owned());
    let welcome = wire::Welcome { protocol, control, term: 1, lease_ms: 1000 };
    stream.say(to_proxy::Message::Welcome(welcome)).await;
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn nobody_else_is_taken_for_the_control_runtime() {
    let mut test = Test::new().await;
    let stranger = Authority::new();
    let other_name = "spiffe://cluster.local/ns/shop/sa/control";
    for tls in [test.authority.tls(other_name), stranger.tls(CONTROL)] {
        *test.control.tls.lock().unwrap() = tls;
        let proxy = test.setup.start();
        until(|| 2 <= proxy.status.renewals_failed.get()).await;
        assert!(proxy.world.identity().get().is_none());
        assert_eq!(proxy.status.connections.get(), 0);
    }
    *test.control.tls.lock().unwrap() = test.authority.tls(CONTROL);
    test.connected().await;
}

#[tokio::test]
async fn a_control_runtime_that_comes_back_is_found_again() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    stream.bring_to(1, &mesh::snapshot("one")).await;
    let address = test.control.kill().await;
    drop(stream);
    let mut control = Control::start_at(address, &test.authority, signer(&test.authority));
    let hello = control.stream().await.welcome().await;
    assert_eq!(trial(&hello.serving.unwrap()), (1, Trial::Over));
    proxy.serves("one").await;
}

#[tokio::test]
async fn what_is_no_longer_used_is_no_longer_subscribed_to() {
    let mut test = Test::new().await;
    test.setup.config.limits.sweep_world = Duration::from_millis(20);
    let (proxy, mut stream) = test.connected().await;
    let asked = proxy.world.addresses("reviews.shop.svc.cluster.local");
    let subscribed = |message: Option<from_proxy::Message>| match message {
        Some(from_proxy::Message::Subscribe(subscribe)) => Some(subscribe),
        _ => None,
    };
    let added = loop {
        if let Some(subscribe) = subscribed(stream.next().await) {
            break subscribe.add;
        }
    };
    assert_eq!(added.len(), 1);
    drop(asked);
    let removed = loop {
        if let Some(subscribe) = subscribed(stream.next().await) {
            break subscribe.remove;
        }
    };
    assert_eq!(removed, added);
}

#[tokio::test]
async fn objects_that_come_too_late_are_of_no_consequence() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    let (two, three) = (mesh::snapshot("two"), mesh::snapshot("three"));
    stream.say(prepare(2, two.digest(), &objects(&two))).await;
    stream.say(to_proxy::Message::Abandon(wire::Abandon { term: 1, epoch: 2 })).await;
    stream.serving().await;
    stream.send(2, objects(&two)).await;
    stream.say(prepare(3, three.digest(), &objects(&three))).await;
    stream.send(2, objects(&two)).await;
    stream.send(3, objects(&three)).await;
    assert_eq!(stream.prepared().await.epoch, 3);
    stream.commit(2, &two, Duration::ZERO).await;
    assert_eq!(stream.refused().await.epoch, 2);
    stream.commit(3, &three, Duration::ZERO).await;
    assert_eq!(stream.serving().await.snapshot, Digest::as_bytes(&three.digest()).to_vec());
    proxy.serves("three").await;
}
