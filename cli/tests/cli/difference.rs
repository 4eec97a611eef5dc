//! What `mesh diff` says of how clients treat hosts, and for whom.

use crate::program::mesh;
use crate::repository::Repository;

/// Two workloads, each behind a Service.
const BASE: &str = "apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: front, namespace: shop}
spec: {selector: {app: front}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: a, image: a}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: front, namespace: shop}
spec:
  selector: {matchLabels: {app: front}}
  template: {metadata: {labels: {app: front}}, spec: {containers: [{name: a, image: a}]}}
";

/// A `DestinationRule` for the host `cart`.
fn rule(spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: cart, namespace: shop}}\nspec: {{host: cart, {spec}}}\n"
    )
}

/// What is said of the way from one side to the other, each of them resources beside [`BASE`].
fn told(before: &[&str], after: &[&str]) -> String {
    let side = |rest: &[&str]| Repository::of(&[("a.yaml", &(BASE.to_owned() + &rest.concat()))]);
    let (before, after) = (side(before), side(after));
    let [before, after] = [&before, &after].map(|it| it.path().to_str().unwrap());
    String::from_utf8(mesh(&["diff", before, after]).stdout).unwrap()
}

/// The lines of the objects that differ, without their places, up to the count of them.
fn objects(told: &str) -> Vec<&str> {
    let lines = told.lines().take_while(|line| !line.is_empty());
    lines
        .map(|line| {
            line.rsplit_once("  ")
                .filter(|(rest, place)| !rest.trim().is_empty() && place.contains("a.yaml"))
                .map_or(line, |(rest, _)| rest.trim_end())
        })
        .collect()
}

/// `{mode: SIMPLE}` has no field that would be told.
#[test]
fn how_connections_are_secured_is_told_without_more() {
    for (mode, said) in
        [("SIMPLE", "originate"), ("ISTIO_MUTUAL", "istioMutual"), ("DISABLE", "disable")]
    {
        let rule = rule(&format!("trafficPolicy: {{tls: {{mode: {mode}}}}}"));
        let line = format!("    tls: {said}");
        assert_eq!(objects(&told(&[], &[&rule])), ["+ DestinationRule shop/cart", &line]);
        let line = format!("    tls: {said} → not said");
        assert_eq!(objects(&told(&[&rule], &[])), ["- DestinationRule shop/cart", &line]);
    }
    let balanced = |tls: &str| {
        rule(&format!(
            "trafficPolicy: {{portLevelSettings: [{{port: {{number: 80}}, loadBalancer: {{simple: RANDOM}}{tls}}}]}}"
        ))
    };
    assert_eq!(
        objects(&told(&[&balanced("")], &[&balanced(", tls: {mode: SIMPLE}")])),
        ["~ DestinationRule shop/cart", "    ports.byNumber.80.tls: originate"]
    );
    let modes = [
        rule("trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}"),
        rule("trafficPolicy: {tls: {mode: SIMPLE}}"),
    ];
    assert_eq!(
        objects(&told(&[&modes[0]], &[&modes[1]])),
        ["~ DestinationRule shop/cart", "    tls: istioMutual → originate"]
    );
}
