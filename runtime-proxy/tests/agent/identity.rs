//! Certificates: the first, the next, and other roots.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use mesh_proxy::agent::clock::Clock;
use mesh_proxy::agent::config::Token;
use mesh_proxy::world::Identity;
use mesh_snapshot::wire::{self, SignRequest, SignResponse, to_proxy};
use tonic::Status;

use crate::support::agent::{DAY, Running, Setup, Test, signer};
use crate::support::authority::{Authority, CONTROL, TRUST_DOMAIN, WEB};
use crate::support::control::{Control, Signer, Stream, until};

fn identity(proxy: &Running) -> Arc<Identity> {
    proxy.world.identity().get().unwrap()
}

fn bundle(authorities: &[&Authority]) -> to_proxy::Message {
    let roots: String = authorities.iter().map(|authority| authority.root_pem.as_str()).collect();
    let trust_domain = TRUST_DOMAIN.to_owned();
    to_proxy::Message::TrustBundle(wire::TrustBundle { trust_domain, roots: roots.into_bytes() })
}

/// Lets the proxy look at its clock, without waiting for it to do so of itself.
async fn look_at_clock(stream: &Stream, authority: &Authority) {
    stream.say(bundle(&[authority])).await;
}

/// A control runtime whose authority answers as `answer` does, and a proxy set up for it.
async fn with(
    answer: impl Fn(&Authority, SignRequest, bool) -> Result<SignResponse, Status>
    + Send
    + Sync
    + 'static,
) -> Test {
    let authority = Arc::new(Authority::new());
    let signs = Arc::clone(&authority);
    let signer: Signer = Arc::new(move |request, proved| answer(&signs, request, proved));
    let control = Control::start(&authority, signer).await;
    let setup = Setup::new(&authority, &control.address.to_string());
    Test { authority, control, setup }
}

fn for_a_day(authority: &Authority, request: &SignRequest, id: &str) -> SignResponse {
    let now = Clock::default().now();
    authority.sign(request, id, (now - 60, now + DAY))
}

#[tokio::test]
async fn a_certificate_is_renewed_half_way_by_the_one_before_and_with_a_new_key() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let asks = Arc::clone(&asked);
    let mut test = with(move |authority, request, proved| {
        asks.lock().unwrap().push((request.token.clone(), proved));
        Ok(for_a_day(authority, &request, WEB))
    })
    .await;
    let (proxy, mut stream) = test.connected().await;
    let first = identity(&proxy);
    assert_eq!(proxy.status.certificate_expires.get(), first.valid.end);

    test.setup.clock.fetch_add(DAY * 2 / 5, Ordering::Relaxed);
    look_at_clock(&stream, &test.authority).await;
    stream.heard().await;
    assert_eq!(identity(&proxy).chain, first.chain, "not yet");

    test.setup.clock.fetch_add(DAY / 5, Ordering::Relaxed);
    look_at_clock(&stream, &test.authority).await;
    until(|| identity(&proxy).chain != first.chain).await;
    assert_ne!(identity(&proxy).key.secret_der(), first.key.secret_der());
    stream.heard().await;
    let expected = [("once".to_owned(), false), (String::new(), true)];
    assert_eq!(asked.lock().unwrap()[..2], expected);
    assert_eq!(proxy.status.connections.get(), 1, "the stream goes on");
}

#[tokio::test]
async fn while_it_cannot_be_renewed_the_old_one_is_used_and_it_is_tried_again() {
    let works = Arc::new(AtomicBool::new(true));
    let answers = Arc::clone(&works);
    let mut test = with(move |authority, request, _| {
        if answers.load(Ordering::Relaxed) {
            Ok(for_a_day(authority, &request, WEB))
        } else {
            Err(Status::unavailable("not now"))
        }
    })
    .await;
    let (proxy, mut stream) = test.connected().await;
    let first = identity(&proxy);
    works.store(false, Ordering::Relaxed);
    // Far beyond its end, as a clock that is wrong may say.
    test.setup.clock.fetch_add(400 * DAY, Ordering::Relaxed);
    look_at_clock(&stream, &test.authority).await;
    until(|| 3 <= proxy.status.renewals_failed.get()).await;
    assert_eq!(identity(&proxy).chain, first.chain);
    stream.heard().await;

    test.setup.clock.fetch_sub(400 * DAY, Ordering::Relaxed);
    works.store(true, Ordering::Relaxed);
    test.setup.clock.fetch_add(DAY * 3 / 5, Ordering::Relaxed);
    look_at_clock(&stream, &test.authority).await;
    until(|| identity(&proxy).chain != first.chain).await;
}

#[tokio::test]
async fn a_certificate_for_somebody_else_is_not_taken() {
    let stranger = Authority::new();
    let turn = AtomicU64::new(0);
    let stolen: Mutex<Option<SignResponse>> = Mutex::default();
    let test = with(move |authority, request, _| {
        let good = for_a_day(authority, &request, WEB);
        let answer = match turn.fetch_add(1, Ordering::Relaxed) {
            0 => for_a_day(authority, &request, "spiffe://cluster.local/ns/shop/sa/other"),
            1 => SignResponse { trust_domain: "elsewhere".to_owned(), ..good.clone() },
            2 => SignResponse { certificate_chain: Vec::new(), ..good.clone() },
            3 => SignResponse { roots: b"nothing".to_vec(), ..good.clone() },
            4 => SignResponse { roots: stranger.root_pem.clone().into_bytes(), ..good.clone() },
            // That of the request before: the key is another.
            5 => stolen.lock().unwrap().clone().unwrap(),
            _ => good.clone(),
        };
        *stolen.lock().unwrap() = Some(good);
        Ok(answer)
    })
    .await;
    let proxy = test.setup.start();
    until(|| proxy.world.identity().get().is_some()).await;
    assert_eq!(identity(&proxy).id, WEB);
    until(|| proxy.status.renewals.get() == 1).await;
    assert_eq!(proxy.status.renewals_failed.get(), 6);
}

#[tokio::test]
async fn a_token_in_a_file_is_read_when_it_is_needed() {
    let mut test = Test::new().await;
    let path = test.setup.folder.path().join("token");
    test.setup.config.control.token = Some(Token::File(path.clone()));
    let proxy = test.setup.start();
    until(|| 1 <= proxy.status.renewals_failed.get()).await;
    std::fs::write(&path, "wrong\n").unwrap();
    until(|| 3 <= proxy.status.renewals_failed.get()).await;
    std::fs::write(&path, "once\n").unwrap();
    test.control.stream().await.welcome().await;
}

#[tokio::test]
async fn without_a_certificate_and_a_token_it_says_so_and_waits() {
    let mut test = Test::new().await;
    test.setup.config.control.token = None;
    let proxy = test.setup.start();
    until(|| 2 <= proxy.status.renewals_failed.get()).await;
    assert!(proxy.world.identity().get().is_none());
}

#[tokio::test]
async fn the_root_changes_in_steps_and_the_old_one_is_refused_afterwards() {
    let mut test = Test::new().await;
    let next = Arc::new(Authority::new());
    let (proxy, stream) = test.connected().await;
    let first = identity(&proxy);

    // Both are believed; what the proxy has is still of the old one.
    stream.say(bundle(&[&test.authority, &next])).await;
    until(|| identity(&proxy).roots.len() == 2).await;
    assert_eq!(identity(&proxy).chain, first.chain);
    assert_eq!(identity(&proxy).key.secret_der(), first.key.secret_der());

    // The authority changes, and with it the certificate of the control runtime. It believes both for as long as it takes.
    let address = test.control.kill().await;
    drop(stream);
    let mut control = Control::start_at(address, &next, signer(&next));
    *control.tls.lock().unwrap() = next.tls_believing(CONTROL, &[&next, &test.authority]);
    let stream = control.stream().await;
    test.setup.clock.fetch_add(DAY * 3 / 5, Ordering::Relaxed);
    stream.say(bundle(&[&next])).await;
    until(|| {
        identity(&proxy).roots == [next.root.clone()] && identity(&proxy).chain != first.chain
    })
    .await;

    // Whoever proves itself to the old root alone is nobody.
    let connections = proxy.status.connections.get();
    *control.tls.lock().unwrap() = test.authority.tls_believing(CONTROL, &[&next]);
    drop(stream);
    let refused = control.refused.load(Ordering::Relaxed);
    until(|| refused + 3 < control.refused.load(Ordering::Relaxed)).await;
    assert_eq!(proxy.status.connections.get(), connections);
    *control.tls.lock().unwrap() = next.tls(CONTROL);
    control.stream().await.welcome().await;
    until(|| connections < proxy.status.connections.get()).await;
}

#[tokio::test]
async fn roots_that_are_no_good_are_not_believed() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    let elsewhere = wire::TrustBundle {
        trust_domain: "elsewhere".to_owned(),
        roots: Authority::new().root_pem.into_bytes(),
    };
    let nothing = wire::TrustBundle { trust_domain: TRUST_DOMAIN.to_owned(), roots: Vec::new() };
    let torn = wire::TrustBundle {
        roots: b"-----BEGIN CERTIFICATE-----\nAAAA\n".to_vec(),
        ..nothing.clone()
    };
    for bundle in [elsewhere, nothing, torn] {
        stream.say(to_proxy::Message::TrustBundle(bundle)).await;
        stream.heard().await;
    }
    let second = Authority::new();
    stream.say(bundle(&[&test.authority, &second])).await;
    until(|| identity(&proxy).roots.len() == 2).await;
    assert_eq!(identity(&proxy).roots, [test.authority.root.clone(), second.root.clone()]);
}
