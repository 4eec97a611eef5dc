//! What `mesh diff` says of how clients treat hosts, and for whom; and of pods.

use serde_json::Value;

use crate::program::command;
use crate::repository::Repository;

/// Two workloads, each behind a Service.
pub(crate) const BASE: &str = "apiVersion: v1
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
pub(crate) fn told(before: &[&str], after: &[&str]) -> String {
    let [before, after] = [before, after].map(|rest| BASE.to_owned() + &rest.concat());
    between(&before, &after, &[])
}

/// What is said of the way from one side to the other.
pub(crate) fn between(before: &str, after: &str, arguments: &[&str]) -> String {
    let [before, after] = [before, after].map(|text| Repository::of(&[("a.yaml", text)]));
    let [before, after] = [&before, &after].map(|it| it.path().to_str().unwrap());
    // As wide as it may be: what is asserted of a line is not of where it is broken.
    let mut command = command();
    command.env("COLUMNS", "140").args(["diff", before, after]).args(arguments);
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

/// The lines of the objects that differ, without their places, up to the count of them.
pub(crate) fn objects(told: &str) -> Vec<&str> {
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
        let host = "    host: cart.shop.svc.cluster.local";
        assert_eq!(objects(&told(&[], &[&rule])), ["+ DestinationRule shop/cart", host, &line]);
        assert_eq!(objects(&told(&[&rule], &[])), ["- DestinationRule shop/cart", host, &line]);
    }
    let balanced = |tls: &str| {
        rule(&format!(
            "trafficPolicy: {{portLevelSettings: [{{port: {{number: 80}}, loadBalancer: {{simple: RANDOM}}{tls}}}]}}"
        ))
    };
    assert_eq!(
        objects(&told(&[&balanced("")], &[&balanced(", tls: {mode: SIMPLE}")])),
        ["~ DestinationRule shop/cart", "    portLevelSettings.80.tls: originate"]
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

/// What is said of workloads.
pub(crate) fn effects(told: &str) -> Vec<&str> {
    let lines = told.lines().skip_while(|line| !line.ends_with("something to load"));
    lines.skip(1).take_while(|line| line.starts_with("    ")).collect()
}

/// `DestinationRule.workloadSelector`: all of the namespace load it, and it counts for some.
#[test]
fn a_rule_for_some_workloads_concerns_them_alone() {
    let whole = rule("trafficPolicy: {tls: {mode: DISABLE}}");
    let of = |app: &str| {
        let selector = format!("workloadSelector: {{matchLabels: {{app: {app}}}}}");
        rule(&format!("{selector}, trafficPolicy: {{tls: {{mode: DISABLE}}}}"))
    };
    let (front, nobody) = (of("front"), of("nobody"));
    let host = "cart.shop.svc.cluster.local";
    let unconcerned = |name: &str| format!("    shop/{name}: nothing that counts for them");
    let ruled = |names: &str| format!("    {names}: DestinationRule shop/cart");

    let new = told(&[], &[&front]);
    let whom = "    for: workloads of shop with app: front";
    let host_line = format!("    host: {host}");
    assert_eq!(
        objects(&new),
        ["+ DestinationRule shop/cart", &host_line, "    tls: disable", whom]
    );
    assert_eq!(effects(&new), [ruled("shop/front"), unconcerned("cart")]);

    // The one that is left is under it as before; what it says is the same.
    let narrowed = told(&[&whole], &[&front]);
    let whom = "    for: all workloads → workloads of shop with app: front";
    assert_eq!(objects(&narrowed), ["~ DestinationRule shop/cart", whom]);
    let lost = format!("        no longer under DestinationRule shop/cart: {host}");
    assert_eq!(effects(&narrowed), [ruled("shop/cart"), lost, unconcerned("front")]);
    let widened = told(&[&front], &[&whole]);
    let won = format!("        newly under DestinationRule shop/cart: {host}");
    assert_eq!(effects(&widened), [ruled("shop/cart"), won, unconcerned("front")]);

    let none = told(&[], &[&nobody]);
    assert_eq!(effects(&none), ["    shop/cart, shop/front: nothing that counts for them"]);
}

/// Of two rules that say the same each is told.
#[test]
fn rules_that_say_the_same_are_told_apart() {
    let cart = rule("trafficPolicy: {tls: {mode: DISABLE}}");
    let front = cart.replace("name: cart", "name: front").replace("host: cart", "host: front");
    assert_eq!(
        effects(&told(&[], &[&cart, &front])),
        ["    shop/cart, shop/front: DestinationRule shop/cart, DestinationRule shop/front"]
    );
}

/// The policy is the same on both sides, and the label on the one that is there.
#[test]
fn a_workload_has_the_labels_of_each_side() {
    let policy = "---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: shop}
spec: {selector: {matchLabels: {tier: web}}}
";
    let plain = BASE.to_owned() + policy;
    let labelled = plain
        .replace("labels: {app: front}}, spec", "labels: {app: front, tier: web}}, spec")
        + &rule("trafficPolicy: {tls: {mode: DISABLE}}");
    assert_eq!(
        effects(&between(&plain, &labelled, &[])),
        [
            "    shop/cart: DestinationRule shop/cart",
            "    shop/front: AuthorizationPolicy shop/closed, DestinationRule shop/cart"
        ]
    );
}

/// A `BackendTLSPolicy` for Services of the namespace: `{name: cart}`, with a `sectionName` for a port.
fn securing(hostname: &str, services: &[&str]) -> String {
    let target = |it: &&str| format!("{{group: \"\", kind: Service, name: {it}}}");
    let targets: Vec<_> = services.iter().map(target).collect();
    format!(
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {{name: t, namespace: shop}}\nspec: {{targetRefs: [{}], validation: {{hostname: {hostname}, wellKnownCACertificates: System}}}}\n",
        targets.join(", ")
    )
}

/// The snapshot holds one policy for the host; two resources say it.
#[test]
fn what_secures_connections_is_told_apart_from_the_rule_beside_it() {
    let limited = |most: u32| {
        rule(&format!(
            "trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: {most}}}}}}}, subsets: [{{name: a, labels: {{v: a}}}}]"
        ))
    };
    let seven = limited(7);
    let cart = securing("cart.test", &["cart"]);
    let added = [
        "+ BackendTLSPolicy shop/t",
        "    for: cart.shop.svc.cluster.local",
        "    tls.originate.sni: cart.test",
    ];
    let whom = "    shop/cart, shop/front: BackendTLSPolicy shop/t";

    // Beside a rule as without one.
    for beside in [seven.as_str(), ""] {
        let new = told(&[beside], &[beside, &cart]);
        assert_eq!(objects(&new), added);
        assert_eq!(effects(&new), [whom]);
        let gone = told(&[beside, &cart], &[beside]);
        assert_eq!(objects(&gone), added.map(|line| line.replace('+', "-")));
        assert_eq!(effects(&gone), [whom]);
        let other = securing("other.test", &["cart"]);
        assert_eq!(
            objects(&told(&[beside, &cart], &[beside, &other])),
            ["~ BackendTLSPolicy shop/t", "    tls.originate.sni: cart.test → other.test"]
        );
    }

    // The rule is told alone, too, and once though another host of it is not secured, and though its subsets have what it says.
    let changed = told(&[&seven, &cart], &[&limited(8), &cart]);
    let edit = "connectionPool.tcp.maxConnections: 7 → 8";
    assert_eq!(objects(&changed), ["~ DestinationRule shop/cart", &format!("    {edit}")]);
    assert_eq!(effects(&changed), ["    shop/cart, shop/front: DestinationRule shop/cart"]);
    let wide =
        |most: u32| limited(most).replace("host: cart", "host: \"*.shop.svc.cluster.local\"");
    assert_eq!(objects(&told(&[&wide(7), &cart], &[&wide(8), &cart])), objects(&changed));
    let new = told(&[&cart], &[&seven, &cart]);
    assert_eq!(objects(&new).first(), Some(&"+ DestinationRule shop/cart"));
    assert!(!new.contains("BackendTLSPolicy"), "{new}");

    // What a rule says of connections counts: nothing comes of the policy.
    let plain = rule("trafficPolicy: {tls: {mode: DISABLE}}");
    let moot = told(&[&plain], &[&plain, &cart]);
    assert!(moot.contains("0 added, 0 removed, 0 changed"), "{moot}");
    assert_eq!(effects(&moot), ["    shop/cart, shop/front: nothing that counts for them"]);
    // At a port of its own, at that.
    let port =
        rule("trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]}");
    assert_eq!(objects(&told(&[&port], &[&port, &cart])), added);
    let section = securing("cart.test", &["cart, sectionName: http"]);
    let at_port = [
        "+ BackendTLSPolicy shop/t",
        "    for: cart.shop.svc.cluster.local:80",
        "    tls.originate.sni: cart.test",
    ];
    assert_eq!(objects(&told(&[&seven], &[&seven, &section])), at_port);

    // Another host comes under it.
    let both = securing("cart.test", &["cart", "front"]);
    let wider = told(&[&seven, &cart], &[&seven, &both]);
    assert_eq!(
        objects(&wider),
        [
            "~ BackendTLSPolicy shop/t",
            "    for: cart.shop.svc.cluster.local → cart.shop.svc.cluster.local, front.shop.svc.cluster.local"
        ]
    );
    let won = "        newly under BackendTLSPolicy shop/t: front.shop.svc.cluster.local";
    assert_eq!(effects(&wider), [whom, won]);
}

/// So many Deployments of a namespace, each with pods of which `pod` says more.
fn crowd(count: usize, injection: &str, pod: impl Fn(usize) -> String) -> String {
    let namespace = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio-injection: {injection}}}}}\n"
    );
    let deployment = |at: usize| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: w{at:02}, namespace: shop}}\nspec:\n  selector: {{matchLabels: {{app: w{at:02}}}}}\n  template: {{metadata: {{labels: {{app: w{at:02}}}}}, spec: {{{}containers: [{{name: a, image: a}}]}}}}\n",
            pod(at)
        )
    };
    namespace + &(0..count).map(deployment).collect::<String>()
}

/// The lines below the one that ends so.
fn below<'t>(told: &'t str, line: &str) -> Vec<&'t str> {
    let lines = told.lines().skip_while(|it| !it.ends_with(line)).skip(1);
    lines.take_while(|line| line.starts_with("    ")).collect()
}

/// A namespace loses its injection, and one of its workloads gets an account, too.
#[test]
fn workloads_whose_pods_differ_alike_are_told_together() {
    let account = |at: usize| match at {
        3 => "serviceAccountName: own, ".to_owned(),
        _ => String::new(),
    };
    let before = crowd(40, "enabled", |_| String::new());
    let after = crowd(40, "disabled", account);
    let lost = "        proxy: one → none: its namespace says `istio-injection: disabled`";
    let shown = between(&before, &after, &[]);
    assert!(shown.contains("\n40 workloads with other pods\n"), "{shown}");
    assert!(shown.ends_with("\n0 workloads stay as they are\n"), "{shown}");
    assert_eq!(
        below(&shown, "with other pods"),
        [
            "    shop/w00, shop/w01, shop/w02, shop/w04, shop/w05, shop/w06 and 33 more: their pods",
            lost,
            "    shop/w03: its pods",
            "        service account: default → own",
            lost,
        ]
    );
    let comment = between(&before, &after, &["--format", "markdown"]);
    assert!(comment.starts_with("### mesh: 0 added, 0 removed, 0 changed; for 40 of 40 workloads"));
    assert_eq!(comment.matches("`proxy`").count(), 2, "{comment}");

    let data: Value =
        serde_json::from_str(&between(&before, &after, &["--format", "json"])).unwrap();
    let groups = data["pods"].as_array().unwrap();
    let names = |at: usize| -> Vec<&str> {
        let names = groups[at]["workloads"].as_array().unwrap().iter();
        names.map(|it| it.as_str().unwrap()).collect()
    };
    assert_eq!((groups.len(), names(0).len(), names(1)), (2, 39, vec!["shop/w03"]));
    assert!(names(0).is_sorted());
    assert_eq!(groups[0]["edits"][0]["path"], "proxy");
}

/// Each of them differs in a way of its own.
#[test]
fn of_many_groups_of_pods_the_last_are_told_in_a_line() {
    let plain = crowd(30, "enabled", |_| String::new());
    let own = crowd(30, "enabled", |at| format!("serviceAccountName: a{at}, "));
    let shown = between(&plain, &own, &[]);
    let lines = below(&shown, "30 workloads with other pods");
    assert_eq!(lines.len(), 20 * 2 + 1, "{shown}");
    assert_eq!(lines[..2], ["    shop/w00: its pods", "        service account: default → a0"]);
    let rest = "shop/w20, shop/w21, shop/w22, shop/w23, shop/w24, shop/w25 and 4 more";
    assert_eq!(lines[40], format!("    {rest}: their pods, in other ways"));
}

/// Pods of several names and long values, at whatever width.
#[test]
fn what_is_said_fits_into_the_terminal() {
    let before = crowd(40, "enabled", |_| String::new());
    let long = "/a path of several words/".repeat(3) + &"x".repeat(150);
    let policy = format!(
        "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: the-policy-of-the-shop, namespace: shop}}\nspec: {{rules: [{{to: [{{operation: {{paths: [\"{long}\"]}}}}]}}]}}\n"
    );
    let after = crowd(40, "disabled", |_| String::new()) + &policy;
    let sides = [&before, &after].map(|text| {
        Repository::of(&[("a/folder/with/a/name/policy.yaml", text), ("mesh.yaml", "")])
    });
    let [before, after] = [&sides[0], &sides[1]].map(|it| it.path().to_str().unwrap());
    let shown = |columns: usize, color: &str| {
        let mut command = command();
        command.args(["diff", "--color", color, before, after]);
        command.env("COLUMNS", columns.to_string());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let place = "a/folder/with/a/name/policy.yaml:";
    let object = "+ AuthorizationPolicy shop/the-policy-of-the-shop";
    for columns in [40, 60, 80, 100, 140] {
        let text = shown(columns, "never");
        let wide = text.lines().find(|line| line.chars().count() > columns);
        assert_eq!(wide, None, "{columns}:\n{text}");
        // Colour takes no room, and no line leaves one open.
        let painted = shown(columns, "always");
        assert_eq!(painted.lines().count(), text.lines().count(), "{columns}:\n{painted}");
        for line in painted.lines().filter(|line| line.contains('\u{1b}')) {
            let last = line.rfind('\u{1b}').unwrap();
            assert!(line[last..].starts_with("\u{1b}[0m"), "{line:?}");
        }
        // A place stands behind what is there, or under it, in one piece.
        let mut lines = text.lines().skip_while(|line| !line.starts_with("+ Auth"));
        let first = lines.next().unwrap();
        let is_beside = first.starts_with(object) && first.contains(place);
        assert_eq!(is_beside, columns >= 100, "{columns}:\n{text}");
        assert!(is_beside || lines.any(|line| line.trim().starts_with(place)), "{text}");
    }
}

/// What selects and what names no label.
const SELECTING: &str = "---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: shop}
spec: {selector: {matchLabels: {tier: web}}, mtls: {mode: STRICT}}
";

/// Of a label by which something selects it is told, and that others are not as they were concerns nobody.
#[test]
fn labels_by_which_something_selects_are_told() {
    let labelled = |labels: &str| {
        let labels = format!("template: {{metadata: {{labels: {{app: front{labels}}}}}");
        BASE.replace("template: {metadata: {labels: {app: front}}", &labels) + SELECTING
    };
    let plain = labelled("");
    let shown = |before: &str, after: &str| between(&labelled(before), &labelled(after), &[]);
    let (before, after) = (", tier: web, note: a", ", tier: inner, note: b");
    let both = shown(before, after);
    assert_eq!(
        below(&both, "1 workload with other pods"),
        ["    shop/front: its pods", "        labels.tier: web → inner"]
    );
    // No object differs, and what the proxy loads does.
    assert!(both.contains("0 added, 0 removed, 0 changed"), "{both}");
    assert_eq!(effects(&both), ["    shop/front: PeerAuthentication shop/strict"]);
    assert!(shown("", ", tier: inner").contains("\n        labels.tier: inner\n"));
    assert!(shown(", tier: inner", "").contains("\n        labels.tier: inner → no longer set\n"));
    for quiet in
        [shown("", ", note: a"), shown(", note: a", ", note: b"), between(&plain, &plain, &[])]
    {
        assert!(quiet.starts_with("nothing differs"), "{quiet}");
    }
    // A selector of one side is enough: it came or went with the label.
    let without = labelled(", tier: web").replace(SELECTING, "");
    let gone = between(&labelled(""), &without, &[]);
    assert!(gone.contains("labels.tier: web"), "{gone}");
}

/// Nothing is for it that is not for the others, and yet there is one more.
#[test]
fn a_workload_that_joins_is_a_difference() {
    let shown = between(
        &crowd(2, "enabled", |_| String::new()),
        &crowd(3, "enabled", |_| String::new()),
        &[],
    );
    assert!(shown.contains("\n1 workload joins: shop/w02\n"), "{shown}");
}

/// It is two objects, of what its workloads see and of the ports that they open, and one resource.
#[test]
fn a_sidecar_is_told_once_with_the_ports_that_it_opens() {
    let sidecar = |spec: &str| {
        format!(
            "{BASE}---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: cart, namespace: shop}}\nspec: {{{spec}}}\n"
        )
    };
    let ports = "ingress: [{port: {number: 8443, name: https, protocol: HTTPS}, defaultEndpoint: '127.0.0.1:8080', tls: {mode: SIMPLE, privateKey: /k, serverCertificate: /c}}]";
    let view = "egress: [{hosts: [./*]}]";
    let both = sidecar(&format!("{ports}, {view}"));
    let added = between(BASE, &sidecar(ports), &[]);
    let told = objects(&added);
    assert_eq!(told.first(), Some(&"+ Sidecar shop/cart"), "{added}");
    assert!(told.contains(&"    ports.8443.tls.client: unasked"), "{added}");
    assert!(added.contains("\n1 added, 0 removed, 0 changed\n"), "{added}");
    let removed = between(&both, BASE, &[]);
    assert!(removed.contains("\n0 added, 1 removed, 0 changed\n"), "{removed}");
    // It was there, and said nothing of ports.
    let changed = between(&sidecar(view), &both, &[]);
    assert_eq!(objects(&changed).first(), Some(&"~ Sidecar shop/cart"), "{changed}");
    assert!(changed.contains("\n0 added, 0 removed, 1 changed\n"), "{changed}");
    let view_alone = between(BASE, &sidecar(view), &[]);
    assert_eq!(objects(&view_alone).first(), Some(&"+ Sidecar shop/cart"), "{view_alone}");
    assert!(!view_alone.contains("ports."), "{view_alone}");
}

/// A `VirtualService`, a `DestinationRule` and a `ServiceEntry` of two hosts, and an annotated Service.
fn exporting(export: &str, annotation: &str) -> String {
    let export = if export.is_empty() { String::new() } else { format!("exportTo: [{export}], ") };
    let route =
        format!("hosts: [cart], {export}http: [{{route: [{{destination: {{host: cart}}}}]}}]");
    let rule = format!("host: cart, {export}trafficPolicy: {{tls: {{mode: DISABLE}}}}");
    let entry = format!(
        "hosts: [a.example.com, b.example.com], {export}ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: DNS"
    );
    let kinds = [("VirtualService", route), ("DestinationRule", rule), ("ServiceEntry", entry)];
    let resource = |(kind, spec): (&str, String)| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: x, namespace: shop}}\nspec: {{{spec}}}\n"
        )
    };
    let all: String = kinds.into_iter().map(resource).collect();
    let web = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n";
    let annotated =
        format!("{{name: front, namespace: shop, annotations: {{{annotation}}}}}\nspec");
    BASE.replace(
        "{name: front, namespace: shop}\nspec: {selector: {app: front}, p",
        &(annotated + ": {selector: {app: front}, p"),
    ) + web
        + &all
}

/// Whom a resource is for is no part of what becomes of it in a snapshot.
#[test]
fn a_resource_that_is_for_others_is_a_changed_one() {
    let everybody = exporting("'*'", "");
    let shown = between(&everybody, &exporting("., web", ""), &[]);
    assert_eq!(
        objects(&shown),
        [
            "~ ServiceEntry shop/x",
            "    exportTo: * → ., web",
            "~ DestinationRule shop/x",
            "    exportTo: * → ., web",
            "~ VirtualService shop/x",
            "    exportTo: * → ., web",
        ]
    );
    assert!(shown.contains("\n0 added, 0 removed, 3 changed\n"), "{shown}");
    let line = everybody.lines().position(|line| line.contains("a.example.com")).unwrap() + 1;
    assert!(shown.lines().next().unwrap().ends_with(&format!("a.yaml:{line}")), "{shown}");

    // What is the default need not be said.
    assert!(between(&everybody, &exporting("", ""), &[]).starts_with("nothing differs"));
    let silent = between(&exporting("", ""), &exporting("'.'", ""), &[]);
    assert!(silent.contains("\n    exportTo: .\n"), "{silent}");
    let silent = between(&exporting("'.'", ""), &exporting("", ""), &[]);
    assert!(silent.contains("\n    exportTo: . → no longer set\n"), "{silent}");
    let service = between(&everybody, &exporting("'*'", "networking.istio.io/exportTo: ."), &[]);
    assert_eq!(objects(&service), ["~ Service shop/front", "    exportTo: ."]);

    // Where nobody is whom it concerns, it is a change all the same.
    let route = |to: &str| {
        format!(
            "{BASE}---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: x, namespace: shop}}\nspec: {{hosts: [cart], exportTo: [., {to}], http: [{{route: [{{destination: {{host: cart}}}}]}}]}}\n---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: default, namespace: {to}}}\nspec: {{egress: [{{hosts: [./*]}}]}}\n"
        )
    };
    let both = |to: &str, other: &str| {
        let sidecar = route(other).rsplit_once("---").map(|(_, it)| format!("---{it}"));
        route(to) + &sidecar.unwrap_or_default()
    };
    let shown = between(&both("a", "b"), &both("b", "a"), &["--exit-code"]);
    assert!(shown.contains("    exportTo: a, . → b, ."), "{shown}");
}

/// A `VirtualService` of the shop, and one of another namespace that it delegates to.
fn delegating(export: &str) -> String {
    let resource = |name: &str, spec: &str| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name}\nspec: {spec}\n"
        )
    };
    let root = "{hosts: [cart], http: [{match: [{uri: {prefix: /a}}], delegate: {name: part, namespace: other}}]}";
    let part = format!(
        "{{exportTo: [{export}], http: [{{route: [{{destination: {{host: cart.shop.svc.cluster.local}}}}]}}]}}"
    );
    resource("{name: root, namespace: shop}", root)
        + &resource("{name: part, namespace: other}", &part)
}

/// Two rules for one host, which count as one for those whom both are for.
fn two_rules(first: &str, second: &str) -> String {
    let named = |name: &str, export: &str, spec: &str| {
        let rule = rule(&format!("exportTo: [{export}], {spec}"));
        rule.replace("{name: cart,", &format!("{{name: {name},"))
    };
    named("d1", first, "trafficPolicy: {tls: {mode: DISABLE}}")
        + &named("d2", second, "subsets: [{name: v1, labels: {v: v1}}]")
}

/// In a snapshot what they say is part of another's object.
#[test]
fn whom_a_resource_is_for_is_told_whosever_object_it_is_in() {
    let shown = told(&[&delegating("shop")], &[&delegating("shop, web")]);
    assert_eq!(objects(&shown), ["~ VirtualService other/part", "    exportTo: shop → shop, web"]);
    assert!(shown.contains("\n0 added, 0 removed, 1 changed\n"), "{shown}");
    let whole = BASE.to_owned() + &delegating("shop");
    let line = whole.lines().position(|line| line.contains("metadata: {name: part")).unwrap() + 1;
    assert!(shown.lines().next().unwrap().ends_with(&format!("a.yaml:{line}")), "{shown}");
    assert!(told(&[&delegating("shop, web")], &[&delegating("web, shop")]).starts_with("nothing"));

    let both = two_rules("web, api", "web, api");
    let wider = told(&[&both], &[&two_rules("web, api", "web, api, other")]);
    assert!(wider.contains("DestinationRule shop/d2"), "{wider}");
    let edit = "    exportTo: api, web → api, other, web";
    assert_eq!(wider.lines().filter(|line| *line == edit).count(), 1, "{wider}");
    let narrower = told(&[&both], &[&two_rules("web, api", "web")]);
    let lines = objects(&narrower);
    let edit = lines.iter().position(|line| *line == "    exportTo: api, web → web");
    let of = edit.and_then(|edit| lines[..edit].iter().rfind(|line| !line.starts_with(' ')));
    assert_eq!(of, Some(&"+ DestinationRule shop/d2"), "{narrower}");
}

/// What holds for all that do not say it is told of the mesh, once.
#[test]
fn a_default_of_whom_resources_are_for_is_told_of_the_mesh() {
    let config = |fields: &str| {
        format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\ndata: {{mesh: \"{{{fields}}}\"}}\n"
        )
    };
    let resources = exporting("", "");
    let with = |fields: &str| resources.clone() + &config(fields);
    let plain = with("accessLogFile: ''");
    let own = "defaultServiceExportTo: ['.'], defaultVirtualServiceExportTo: ['.', web]";
    let shown = between(&plain, &with(own), &[]);
    assert_eq!(
        objects(&shown),
        [
            "~ MeshConfig istio-system/istio",
            "    defaultServiceExportTo: .",
            "    defaultVirtualServiceExportTo: ., web",
        ]
    );
    let back = between(&with(own), &plain, &[]);
    assert!(back.contains("\n    defaultServiceExportTo: . → no longer set\n"), "{back}");
    // Nobody is concerned, and it is a change all the same.
    let bare = |fields: &str| BASE.to_owned() + &config(fields);
    let rules = "defaultDestinationRuleExportTo: ['.']";
    let shown = between(&bare("accessLogFile: ''"), &bare(rules), &["--exit-code"]);
    assert!(shown.contains("    defaultDestinationRuleExportTo: .\n"), "{shown}");
    // What is the default need not be said.
    let everybody = with("defaultServiceExportTo: ['*']");
    assert!(between(&plain, &everybody, &[]).starts_with("nothing differs"));
}

/// A gateway with two servers, whose routes lead to `cart`.
pub(crate) const GATEWAY: &str = "---
apiVersion: v1
kind: Service
metadata: {name: gw, namespace: shop}
spec: {type: LoadBalancer, selector: {istio: gw}, ports: [{name: http, port: 80}, {name: other, port: 81}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: gw, namespace: shop}
spec:
  selector: {matchLabels: {istio: gw}}
  template: {metadata: {labels: {istio: gw}}, spec: {containers: [{name: istio-proxy, image: auto}]}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec:
  selector: {istio: gw}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: [\"*\"]}
  - {port: {number: 81, name: other, protocol: HTTP}, hosts: [\"*\"]}
";

/// Routes of the gateway.
fn routes(hosts: &str, timeout: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\nspec: {{hosts: [{hosts}], gateways: [public], http: [{{timeout: {timeout}, route: [{{destination: {{host: cart}}}}]}}]}}\n"
    )
}

/// A gateway holds the digests of its routes, and of the hosts that they lead to.
#[test]
fn what_only_leads_to_something_else_is_not_changed() {
    let (before, after) = (routes("a.example.com", "1s"), routes("a.example.com", "2s"));
    let told = told(&[GATEWAY, &before], &[GATEWAY, &after]);
    assert_eq!(
        objects(&told),
        ["~ VirtualService shop/v", "    ~ http[0]", "        timeout: 1s → 2s"]
    );
    assert!(told.contains("\n0 added, 0 removed, 1 changed\n"), "{told}");
    assert_eq!(effects(&told), ["    shop/gw: VirtualService shop/v"]);
    // How one of the hosts is treated that its routes lead to.
    let pool = rule("trafficPolicy: {connectionPool: {tcp: {maxConnections: 3}}}");
    let told = self::told(&[GATEWAY, &before], &[GATEWAY, &before, &pool]);
    assert_eq!(
        objects(&told),
        [
            "+ DestinationRule shop/cart",
            "    host: cart.shop.svc.cluster.local",
            "    connectionPool.tcp.maxConnections: 3"
        ]
    );
    assert_eq!(effects(&told), ["    shop/cart, shop/front, shop/gw: DestinationRule shop/cart"]);
}

/// Nobody wrote what a gateway knows of the hosts that its routes lead to.
#[test]
fn a_gateway_is_concerned_by_how_its_hosts_are_reached() {
    let plain = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: d, namespace: shop}\nspec: {selector: {matchLabels: {app: cart}}, mtls: {mode: DISABLE}}\n";
    let routes = routes("a.example.com", "1s");
    let told = told(&[GATEWAY, &routes], &[GATEWAY, &routes, plain]);
    let whom = "    for: workloads of shop with app: cart";
    assert_eq!(objects(&told), ["+ PeerAuthentication shop/d", "    mode: disable", whom]);
    assert!(told.contains("\n1 added, 0 removed, 0 changed\n"), "{told}");
    assert!(
        effects(&told)
            .contains(&"    shop/front, shop/gw: hosts that came or left, or how a host is ruled"),
        "{told}"
    );
}

#[test]
fn what_a_gateway_serves_otherwise_is_a_change_of_it() {
    let (before, after) =
        (routes("b.example.com", "1s"), routes("a.example.com, b.example.com", "1s"));
    let told = told(&[GATEWAY, &before], &[GATEWAY, &after]);
    assert_eq!(
        objects(&told),
        ["~ VirtualService shop/v", "    hosts: b.example.com → a.example.com, b.example.com"]
    );
    // They are the same where they apply elsewhere, too.
    let elsewhere = after.replace("[public]", "[public, mesh]");
    let told = self::told(&[GATEWAY, &after], &[GATEWAY, &elsewhere]);
    assert_eq!(
        objects(&told),
        ["~ VirtualService shop/v", "    gateways: shop/public → mesh, shop/public"]
    );
    // The same servers in another order.
    let lines: Vec<_> = GATEWAY.lines().collect();
    let (rest, servers) = lines.split_at(lines.len() - 2);
    let turned = [rest, &[servers[1], servers[0], ""]].concat().join("\n");
    let told = self::told(&[GATEWAY, &before], &[&turned, &before]);
    assert_eq!(objects(&told), ["~ Gateway shop/public"]);
}

/// A gateway of `shop` whose proxies run in `edge`, and routes of it that are for `export`.
fn at_the_edge(export: &str, rest: &str) -> String {
    format!(
        "{BASE}---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: g, namespace: shop}}
spec:
  selector: {{app: edge}}
  servers: [{{port: {{number: 8080, name: http, protocol: HTTP}}, hosts: [\"*\"]}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: v, namespace: shop}}
spec:
  hosts: [api.example.com]
  gateways: [shop/g]
  exportTo: [{export}]
  http: [{{route: [{{destination: {{host: cart}}}}]}}]
---
apiVersion: v1
kind: Pod
metadata: {{name: edge, namespace: edge, labels: {{app: edge}}}}
spec: {{containers: [{{name: istio-proxy, image: auto}}]}}
{rest}"
    )
}

/// A snapshot has the gateway once more for a namespace that sees it otherwise.
#[test]
fn a_gateway_is_compared_as_each_namespace_sees_it() {
    let come = "        virtualHosts[api.example.com].routes: VirtualService shop/v";
    let gone = format!("{come} → no longer set");
    let (both, one) = (at_the_edge("., edge", ""), at_the_edge("'.'", ""));
    let shown = between(&both, &one, &[]);
    assert_eq!(
        objects(&shown),
        [
            "~ VirtualService shop/v",
            "    exportTo: edge, . → .",
            "~ Gateway shop/g",
            "    ~ servers[0], as seen from edge",
            &gone
        ]
    );
    let shown = between(&one, &both, &[]);
    assert_eq!(objects(&shown)[3..], ["    ~ servers[0], as seen from edge", come]);
    let shown = between(&both, &at_the_edge("edge", ""), &[]);
    assert_eq!(objects(&shown)[3..], ["    ~ servers[0], except as seen from edge", &gone]);
    let data: Value = serde_json::from_str(&between(&both, &one, &["--format", "json"])).unwrap();
    let gateway = data["objects"].as_array().unwrap().iter().find(|it| it["kind"] == "Gateway");
    assert_eq!(gateway.unwrap()["items"][0]["seenFrom"]["only"][0], "edge");

    // All see it otherwise than before, some of them in their own way.
    let renamed = |text: &str| text.replace("hosts: [api.example.com]", "hosts: [b.example.com]");
    let shown = between(&one, &renamed(&one), &[]);
    assert!(shown.contains("    ~ servers[0], except as seen from edge"), "{shown}");
    let shown = between(&both, &renamed(&both), &[]);
    let edit = "    hosts: api.example.com → b.example.com";
    assert_eq!(objects(&shown), ["~ VirtualService shop/v", edit]);

    // Who sees it as others did before, and whom something else leads to the same, has no other gateway.
    let everybody = at_the_edge("'*'", "");
    assert_eq!(
        objects(&between(&both, &everybody, &[])),
        ["~ VirtualService shop/v", "    exportTo: edge, . → *"]
    );
    let rule = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d, namespace: edge}\nspec: {host: cart.shop.svc.cluster.local, trafficPolicy: {connectionPool: {tcp: {maxConnections: 3}}}}\n";
    let ruled = between(&both, &at_the_edge("., edge", rule), &[]);
    assert!(!objects(&ruled).iter().any(|line| line.contains("Gateway")), "{ruled}");
    // Nor where its routes are others there alone: that is told of those.
    let hidden = both.replacen(
        "{name: cart, namespace: shop}",
        "{name: cart, namespace: shop, annotations: {networking.istio.io/exportTo: .}}",
        1,
    );
    let service = "~ Service shop/cart";
    for (before, after, edit) in
        [(&both, &hidden, "    exportTo: ."), (&hidden, &both, "    exportTo: . → no longer set")]
    {
        let shown = between(before, after, &[]);
        let lines = objects(&shown);
        assert_eq!(lines[..3], [service, edit, "~ VirtualService shop/v"], "{shown}");
        assert_eq!(lines[3], "    ~ http[0], as seen from edge", "{shown}");
        assert!(shown.contains("\n0 added, 0 removed, 2 changed\n"), "{shown}");
    }
}
