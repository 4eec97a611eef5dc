//! What is said of resources that are wrong, and what is read of them all the same.

use crate::api::istio::VirtualService;
use crate::diagnostic::Applicability;
use crate::diagnostic::Severity;
use crate::testing::Compiled;

fn virtual_service(spec: &str) -> Compiled {
    let head = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\n";
    Compiled::text(&format!("{head}spec:\n{spec}"))
}

/// The resource as it was read.
fn read(compiled: &Compiled) -> &VirtualService {
    &compiled.mesh.virtual_services[0].spec
}

#[test]
fn every_fault_is_found_at_once_and_the_rest_is_read() {
    let compiled = virtual_service(
        "  hosts: reviews
  gatways: [mesh]
  http:
  - name: 80
    route: [{destination: {host: a, port: {number: '80'}}, weight: ten}]
    timeout: 5
    retries: {attempts: 3, perTryTimeout: 1y}
  - name: second
    route: [{destination: {host: b}}]
",
    );
    assert_eq!(
        compiled.said(),
        [
            "error[wrong-type] 5:10 reviews: `hosts` takes a list, and this is the text `reviews`",
            "error[unknown-field] 6:3 gatways: `gatways` is no field of `spec`",
            "error[wrong-type] 8:11 80: `name` takes a text, and this is the number `80`",
            "error[wrong-type] 9:52 '80': `number` takes a whole number, and this is the text `'80'`",
            "error[wrong-type] 9:68 ten: `weight` takes a whole number, and this is the text `ten`",
            "error[wrong-type] 10:14 5: `timeout` takes a span of time, and this is the number `5`",
            "error[invalid-value] 11:43 1y: `1y` is no span of time",
        ]
    );
    let spec = read(&compiled);
    assert_eq!(spec.http.len(), 2);
    assert_eq!(spec.http[1].route[0].destination.host, "b");
    assert_eq!(spec.http[0].retries.as_ref().unwrap().attempts, 3);
}

#[test]
fn a_faulty_element_keeps_its_place_in_its_list() {
    let compiled = virtual_service(
        "  hosts: [a]\n  http:\n  - nonsense\n  - route: [{destination: {host: b}}]\n    timeout: 0.1ms\n",
    );
    let said = compiled.said();
    assert!(said[0].starts_with("error[wrong-type] 7:5 nonsense:"), "{said:?}");
    assert!(said[1].starts_with("error[invalid-duration] 9:14 0.1ms:"), "{said:?}");
    assert_eq!(said.len(), 2, "{said:?}");
}

/// What is absent because it is faulty is not called missing, nor does a rule speak of it.
#[test]
fn a_fault_has_no_consequences() {
    for spec in [
        "  hosts: 5\n  http: [{route: [{destination: {host: a}}]}]\n",
        "  5\n",
        "  hosts: [a]\n  http: x\n",
    ] {
        let said = virtual_service(spec).said();
        assert_eq!(said.len(), 1, "{spec}: {said:?}");
        assert!(said[0].starts_with("error[wrong-type]"), "{said:?}");
    }
}

#[test]
fn what_is_missing_is_shown_where_it_should_stand() {
    let said = virtual_service("  hosts: [a]\n  http:\n  - route:\n    - weight: 1\n").said();
    assert_eq!(said, ["error[missing-field] 7:5 route: `destination` is missing"], "{said:?}");
    let said =
        Compiled::text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n").said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("error[missing-field] 1:1 apiVersion: `spec` is missing"));
}

#[test]
fn names_that_are_nearly_right_are_mended() {
    let compiled = virtual_service(
        "  hosts: [a]\n  http:\n  - route: [{destination: {host: a}}]\n    corsPolicy: {allowedOrigins: []}\n    retrie: {}\n    Timeout: 1s\n",
    );
    let fixes: Vec<_> = compiled
        .findings
        .iter()
        .map(|finding| finding.fixes.first().map(|fix| fix.edits[0].text.as_str()))
        .collect();
    assert_eq!(fixes, [Some("allowOrigins"), Some("retries"), Some("timeout")]);
}

#[test]
fn words_that_are_no_values_are_named_with_those_that_are() {
    let text = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a}\nspec: {mtls: {mode: strict}}\n";
    let compiled = Compiled::text(text);
    assert_eq!(
        compiled.said(),
        ["error[unknown-value] 4:21 strict: `strict` is no value of `mode`"]
    );
    assert_eq!(compiled.findings[0].fixes[0].edits[0].text, "STRICT");
    assert!(compiled.findings[0].help.as_ref().unwrap().contains("`PERMISSIVE`"));
}

#[test]
fn a_line_that_is_indented_wrongly_is_recognised() {
    let far = virtual_service(
        "  hosts: [a]\n  http:\n  - route:\n    - destination: {host: a}\n      timeout: 1s\n",
    );
    assert!(far.findings[0].help.as_ref().unwrap().contains("too far"), "{:?}", far.said());
    let text = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\nspec:\n  host: a\n  trafficPolicy:\n  connectionPool: {}\n";
    let little = Compiled::text(text);
    let unknown = little.findings.iter().find(|found| found.check.name == "unknown-field").unwrap();
    assert!(unknown.help.as_ref().unwrap().contains("too little"), "{unknown:?}");
}

#[test]
fn numbers_of_yaml_1_1_are_read() {
    let compiled = virtual_service(
        "  hosts: [a]\n  http:\n  - route: [{destination: {host: a, port: {number: 0x50}}}]\n",
    );
    assert_eq!(compiled.said(), [""; 0]);
    assert_eq!(read(&compiled).http[0].route[0].destination.port.as_ref().unwrap().number, 80);
}

#[test]
fn a_hole_is_any_type_and_keeps_the_resource_out() {
    let compiled = virtual_service(
        "  hosts: ['${HOST}']\n  http:\n  - route: [{destination: {host: a}, weight: '${WEIGHT}'}]\n    timeout: \"{{ timeout }}\"\n",
    );
    assert_eq!(compiled.findings.len(), 1, "{:?}", compiled.said());
    assert_eq!(compiled.findings[0].check.name, "unresolved-placeholder");
    assert!(compiled.mesh.virtual_services.is_empty());
    assert_eq!(compiled.mesh.incomplete[0].name, "a");
}

/// What is not there because it is a hole has no other fault.
#[test]
fn a_provider_whose_name_is_a_hole_is_named() {
    let said = |provider: &str| {
        let text = format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a}}\nspec: {{action: CUSTOM, provider: {provider}, rules: [{{}}]}}\n"
        );
        Compiled::text(&text).findings.iter().map(|it| it.check.name).collect::<Vec<_>>()
    };
    assert_eq!(said("{name: '${WHO}'}"), ["unresolved-placeholder"]);
    // Without the policy more would be let in.
    let policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec: {action: DENY, rules: [{from: [{source: {ipBlocks: ['${CIDR}']}}]}]}\n";
    let found = &Compiled::text(policy).findings[0];
    assert_eq!((found.check.name, found.severity), ("unresolved-placeholder", Severity::Error));
    for none in ["null", "{}", "{name: ''}"] {
        assert!(said(none).contains(&"invalid-action"), "{none}: {:?}", said(none));
    }
}

#[test]
fn nothing_of_a_secret_is_said() {
    for body in ["data: 7777", "stringData: [7777]", "type: 7777\ndata: {a: b}"] {
        let compiled = Compiled::text(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\n{body}\n"
        ));
        assert_eq!(compiled.findings.len(), 1, "{body}");
        assert!(!format!("{:?}", compiled.findings).contains("7777"), "{:?}", compiled.findings);
    }
}

#[test]
fn many_faults_are_counted_and_not_all_shown() {
    let hosts = (0..500).map(|number| format!("  - {number}\n")).collect::<Vec<_>>().concat();
    let compiled = virtual_service(&format!("  hosts:\n{hosts}"));
    assert!(compiled.findings.len() < 70);
    assert!(compiled.findings.iter().any(|found| found.check.name == "too-many-faults"));
}

/// What is missing where a field is misspelt follows from that, also where it is not shown.
#[test]
fn what_follows_from_faults_that_are_not_shown_is_not_told() {
    let routes = "  - rout: [{destination: {host: b}}]\n".repeat(500);
    let compiled = virtual_service(&format!("  hosts: [a]\n  http:\n{routes}"));
    let told = |name| compiled.findings.iter().filter(|found| found.check.name == name).count();
    assert_eq!((told("unknown-field"), told("too-many-faults")), (64, 1));
    assert_eq!(compiled.findings.len(), 65, "{:?}", compiled.said());
}

#[test]
fn a_resource_that_is_no_mapping_inside_is_none() {
    for text in [
        "apiVersion: v1\nkind: Service\nmetadata: [a]\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: [a]}\nspec: 1\n",
        "apiVersion: [v1]\nkind: Service\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: 5}\nspec: {ports: {port: 80}}\n",
    ] {
        let said = Compiled::text(text).said();
        assert!(said.iter().any(|said| said.starts_with("error")), "{text}: {said:?}");
    }
}

/// How long five is, only its author knows; and where nothing is no span of time, `0s` is none.
#[test]
fn a_span_of_time_is_mended_with_a_unit() {
    for (written, applicability, mended) in [
        ("5", Applicability::Unsafe, "5s"),
        ("1.5", Applicability::Unsafe, "1500ms"),
        ("0", Applicability::Unsafe, "0s"),
    ] {
        let spec = format!(
            "  hosts: [a]\n  http:\n  - route: [{{destination: {{host: a}}}}]\n    timeout: {written}\n"
        );
        let compiled = virtual_service(&spec);
        let [found] = compiled.findings.as_slice() else { panic!("{:?}", compiled.said()) };
        let [fix] = found.fixes.as_slice() else { panic!("{found:?}") };
        assert_eq!(found.check.name, "wrong-type");
        assert_eq!((fix.applicability, &*fix.edits[0].text), (applicability, mended));
    }
    let said =
        virtual_service("  hosts: [a]\n  http:\n  - timeout: true\n    redirect: {uri: /}\n");
    assert!(said.findings[0].fixes.is_empty(), "{:?}", said.findings);
}

/// Kubernetes and Istio read YAML as 1.1 does: `OFF` is a truth value, and no word.
#[test]
fn a_word_that_is_a_truth_value_is_put_in_quotes_where_that_makes_a_value_of_it() {
    let compiled = Compiled::files(&[("mesh.yaml", "meshConfig:\n  ingressControllerMode: OFF\n")]);
    let said = "error[wrong-type] 2:26 OFF: `ingressControllerMode` takes a text, and this is `OFF`, which means `false`";
    assert_eq!(compiled.said(), [said]);
    let fix = &compiled.findings[0].fixes[0];
    assert_eq!((&*fix.edits[0].text, fix.applicability), ("\"OFF\"", Applicability::Safe));
    for (word, shown) in [("off", "off"), ("1", "1"), ("YES", "YES"), ("0x1", "0x1")] {
        let head =
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a}\n";
        let compiled = Compiled::text(&format!("{head}spec: {{mtls: {{mode: {word}}}}}\n"));
        let said = format!("error[unknown-value] 4:21 {shown}: `{shown}` is no value of `mode`");
        assert_eq!(compiled.said(), [said]);
        assert!(compiled.findings[0].help.as_deref().unwrap_or_default().contains("`DISABLE`"));
    }
}

/// What is no port as it stands is written as the one that it is to everybody, or left to its author.
#[test]
fn a_number_among_ports_is_put_in_quotes_as_the_port_that_it_is() {
    for (written, mended) in [
        ("80", Some("\"80\"")),
        ("+80", Some("\"80\"")),
        ("80.0", Some("\"80\"")),
        ("0x51", Some("\"81\"")),
        ("0120", None),
        ("080", None),
        ("8_0", None),
        ("0x5_1", None),
        ("-80", None),
        ("80.5", None),
        ("70000", None),
    ] {
        let head =
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\n";
        let rule = format!("{{to: [{{operation: {{ports: [{written}]}}}}]}}");
        let compiled = Compiled::text(&format!("{head}spec: {{rules: [{rule}]}}\n"));
        let found = compiled.findings.iter().find(|it| it.check.name == "wrong-type").unwrap();
        let fixes: Vec<_> = found.fixes.iter().map(|it| it.edits[0].text.as_str()).collect();
        assert_eq!(fixes, Vec::from_iter(mended), "{written}");
    }
}

/// A list of one holds what stood there; what quotes keep from being a number stays out of them only where all read it alike.
#[test]
fn safe_fixes_keep_what_is_meant() {
    let fix = |spec: &str| {
        let compiled = virtual_service(spec);
        let found = compiled.findings.iter().find(|it| it.check.name == "wrong-type");
        found.unwrap().fixes.first().map(|it| (it.edits[0].text.clone(), it.applicability))
    };
    let (safe, unsafe_) = (Applicability::Safe, Applicability::Unsafe);
    for (hosts, mended) in [
        ("a.test", ("[a.test]", safe)),
        ("'a.test'", ("['a.test']", safe)),
        ("/a/{*}", ("[\"/a/{*}\"]", safe)),
        ("a, b", ("[\"a, b\"]", unsafe_)),
    ] {
        let found = fix(&format!("  hosts: {hosts}\n"));
        assert_eq!(found.unwrap(), (mended.0.to_owned(), mended.1), "{hosts}");
    }
    for (port, mended) in
        [("'80'", Some("80")), ("'010'", None), ("'0b11'", None), ("'8_0'", None), ("'0x50'", None)]
    {
        let route = format!("{{destination: {{host: a, port: {{number: {port}}}}}}}");
        let found = fix(&format!("  hosts: [a]\n  http: [{{route: [{route}]}}]\n"));
        assert_eq!(found, mended.map(|it| (it.to_owned(), safe)), "{port}");
    }
    for (word, mended) in [("'true'", "true"), ("'yes'", "true"), ("\"OFF\"", "false")] {
        let test = format!("{{uri: {{prefix: /}}, ignoreUriCase: {word}}}");
        let found =
            fix(&format!("  hosts: [a]\n  http: [{{match: [{test}], redirect: {{uri: /}}}}]\n"));
        assert_eq!(found.unwrap(), (mended.to_owned(), safe), "{word}");
    }
    assert_eq!(fix("  hosts: !!str a.test\n"), None);
}

/// `kubectl create --dry-run` and many programs write `creationTimestamp: null`.
#[test]
fn metadata_may_say_nothing_of_what_it_names() {
    let told = |metadata: &str, spec: &str| {
        let text = format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: a, {metadata}}}\nspec: {{hosts: [a.test], http: [{{{spec}redirect: {{uri: /}}}}]}}\n"
        );
        Compiled::text(&text).findings.iter().any(|it| it.check.name == "empty-field")
    };
    assert!(!told("creationTimestamp: null, labels: null, annotations: null", ""));
    assert!(told("creationTimestamp: null", "timeout: null, "));
}
