//! The repository that a newcomer copies, and what it says it does.

use std::time::Duration;

use mesh_compiler::{Options, check_programs, compile};
use mesh_engine::route::Outcome;
use mesh_snapshot::object::{ClientTls, MtlsMode};

use crate::support::{Call, Program, bookinfo};

const REVIEWS: Call<'_> = Call::get("reviews", "/reviews/1").on(9080);

/// `file:line` of the only line of a file that begins so.
fn place(file: &str, line: &str) -> String {
    let text = std::fs::read_to_string(format!("../policies/bookinfo/{file}")).unwrap();
    let found: Vec<_> = (1..).zip(text.lines()).filter(|(_, it)| it.starts_with(line)).collect();
    assert_eq!(found.len(), 1, "{line} in {file}");
    format!("{file}:{}", found[0].0)
}

#[test]
fn it_compiles_without_a_word_and_every_workload_can_be_served() {
    let compiled = compile(&["../policies/bookinfo".into()], &Options::default());
    assert_eq!(compiled.findings, []);
    let bundle = compiled.bundle.unwrap();
    assert_eq!(bundle.inventory.len(), 8);
    check_programs(&bundle).unwrap();
}

#[test]
fn a_header_asks_for_the_canary_and_the_rest_is_split() {
    let bundle = bookinfo();
    let frontpage = Program::of(&bundle, "shop/frontpage-v1");
    let canary = REVIEWS.with(&[("x-canary", "reviews-v3")]);
    assert_eq!(frontpage.goes_to(canary), ["1 outbound|9080|v3|reviews.shop.svc.cluster.local"]);
    assert_eq!(
        frontpage.goes_to(REVIEWS),
        [
            "90 outbound|9080|v1|reviews.shop.svc.cluster.local",
            "10 outbound|9080|v2|reviews.shop.svc.cluster.local"
        ]
    );
    frontpage.forward(REVIEWS, |route, forward| {
        assert_eq!(&*route.name, "split");
        assert_eq!(forward.timeout, Some(Duration::from_secs(3)));
        assert_eq!(forward.try_timeout, Some(Duration::from_secs(1)));
        assert_eq!(forward.retry.retries_max, 2);
    });
    assert_eq!(frontpage.written_at(canary), place("shop/reviews.yaml", "    - name: canary"));
}

#[test]
fn testers_get_a_delay_and_others_a_timeout() {
    let bundle = bookinfo();
    let reviews = Program::of(&bundle, "shop/reviews-v2");
    let call = Call::get("ratings:9080", "/ratings/1").on(9080);
    let injected = |call| reviews.forward(call, |route, _| route.faults.roll(0, 0).delay);
    let tester = call.with(&[("x-test-fault", "ratings-delay")]);
    assert_eq!(injected(tester), Some(Duration::from_secs(2)));
    assert_eq!(injected(call), None);
    let timeout = reviews.forward(call, |_, forward| forward.timeout);
    assert_eq!(timeout, Some(Duration::from_secs(1)));
}

#[test]
fn nobody_is_let_in_but_by_a_rule() {
    let bundle = bookinfo();
    let reviews = Program::of(&bundle, "shop/reviews-v1");
    let allowed = Some(format!("reviews {}", place("shop/reviews.yaml", "    - from:")));
    assert_eq!(reviews.receives(REVIEWS, Some("shop/frontpage")), Ok(allowed));
    assert_eq!(reviews.receives(REVIEWS, Some("shop/ratings")), Err(None));
    assert_eq!(reviews.receives(REVIEWS, None), Err(None));
    assert_eq!(reviews.receives(REVIEWS.by("POST"), Some("shop/frontpage")), Err(None));
    let payment = Program::of(&bundle, "payments/payment-v1");
    let refund = Call::get("payment", "/refunds/7").on(8080);
    let denied = payment.receives(refund, Some("shop/frontpage")).unwrap_err().unwrap();
    assert!(denied.starts_with("no-refunds payments/payment.yaml:"), "{denied}");
}

#[test]
fn all_is_strict_but_for_one_port() {
    let bundle = bookinfo();
    let mtls = |name: &str, port| Program::of(&bundle, name).program.inbound().port(port).mtls;
    assert_eq!(mtls("shop/reviews-v1", 9080), MtlsMode::Strict);
    assert_eq!(mtls("payments/payment-v1", 8080), MtlsMode::Strict);
    assert_eq!(mtls("shop/ratings-v1", 9080), MtlsMode::Strict);
    assert_eq!(mtls("shop/ratings-v1", 9090), MtlsMode::Permissive);
}

#[test]
fn the_edge_ends_tls_and_sends_plain_requests_there() {
    let bundle = bookinfo();
    let ingress = Program::of(&bundle, "istio-system/ingress");
    let page = Call { scheme: "https", ..Call::get("shop.example.com", "/products/1").on(443) };
    let sni = Some("shop.example.com");
    ingress.serves(8443, sni, page, |outcome| {
        let to = crate::support::shown(&outcome);
        assert_eq!(to, ["1 outbound|9080||frontpage.shop.svc.cluster.local"]);
    });
    let elsewhere = Call { path: "/admin", ..page };
    ingress.serves(8443, sni, elsewhere, |it| assert!(matches!(it, Outcome::NoRoute(_))));
    ingress.serves(8443, Some("other.test"), page, |it| assert!(matches!(it, Outcome::NoHost)));
    let plain = Call::get("shop.example.com", "/products/1");
    ingress.serves(8080, None, plain, |it| assert!(matches!(it, Outcome::HttpsRedirect)));
}

#[test]
fn payment_alone_reaches_the_partner_over_tls() {
    let bundle = bookinfo();
    let charge = Call::get("api.cards.example", "/charges");
    let payment = Program::of(&bundle, "payments/payment-v1");
    assert_eq!(payment.goes_to(charge), ["1 outbound|80||api.cards.example"]);
    let cluster = payment.program.cluster_by_name("outbound|80||api.cards.example").unwrap();
    assert_eq!(cluster.connect_timeout(), Duration::from_secs(2));
    let ClientTls::Originate { sni, subject_alt_names, .. } = cluster.tls() else { panic!() };
    assert_eq!(sni, "api.cards.example");
    assert_eq!(subject_alt_names.len(), 1);
    let frontpage = Program::of(&bundle, "shop/frontpage-v1");
    frontpage.sends(charge, |it| assert!(matches!(it, Outcome::Blackhole)));
}

#[test]
fn a_route_of_the_gateway_api_rules_a_service() {
    let bundle = bookinfo();
    let frontpage = Program::of(&bundle, "shop/frontpage-v1");
    let book = Call::get("details.shop", "/details/1").on(9080);
    assert_eq!(frontpage.goes_to(book), ["1 outbound|9080||details.shop.svc.cluster.local"]);
    frontpage.forward(book, |route, forward| {
        assert_eq!(&*route.name, "one-book");
        assert_eq!(forward.timeout, Some(Duration::from_secs(2)));
    });
    let other = Call { path: "/other", ..book };
    frontpage.sends(other, |it| assert!(matches!(it, Outcome::NoRoute(_))));
}
