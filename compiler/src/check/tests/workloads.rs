use super::{REVIEWS, deployment, names, peer, policy, rule, run};

#[test]
fn clients_and_servers_agree_port_by_port() {
    let pods = deployment("{app: reviews}");
    let plain = rule("{host: reviews, trafficPolicy: {tls: {mode: DISABLE}}}");
    let strict = peer("istio-system", "{mtls: {mode: STRICT}}");
    assert_eq!(names(&[REVIEWS, &pods, &plain, &strict]), ["mtls-conflict"]);
    let open = peer(
        "shop",
        "{selector: {matchLabels: {app: reviews}}, mtls: {mode: STRICT}, portLevelMtls: {9080: {mode: PERMISSIVE}}}",
    );
    assert!(names(&[REVIEWS, &pods, &plain, &strict, &open]).is_empty());
    let mutual = rule("{host: reviews, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}");
    let none = peer("shop", "{mtls: {mode: DISABLE}}");
    assert_eq!(names(&[REVIEWS, &pods, &mutual, &none]), ["mtls-conflict"]);
    // A port's settings take the place of the host's.
    let port = rule(
        "{host: reviews, trafficPolicy: {tls: {mode: DISABLE}, portLevelSettings: [{port: {number: 80}, tls: {mode: ISTIO_MUTUAL}}]}}",
    );
    assert!(names(&[REVIEWS, &pods, &port, &strict]).is_empty());
    // Some of its clients are those whom it is exported to by name.
    let exported = plain.replace("{host: reviews,", "{host: reviews, exportTo: [web],");
    assert!(names(&[REVIEWS, &pods, &exported, &strict]).contains(&"mtls-conflict"));
}

#[test]
fn selectors_are_judged_where_it_is_known_what_runs() {
    let other = peer("partner", "{selector: {matchLabels: {app: cards}}, mtls: {mode: STRICT}}");
    let pods = deployment("{app: reviews}");
    assert!(names(&[REVIEWS, &pods, &other]).is_empty());
    let own = other.replace("partner", "shop");
    assert_eq!(names(&[REVIEWS, &pods, &own]), ["selector-without-workload"]);
}

#[test]
fn a_workload_selects_its_own_pods() {
    let pods = deployment("{app: reviews}");
    for (selector, is_right) in [
        ("{matchExpressions: [{key: app, operator: In, values: [reviews]}]}", true),
        ("{matchExpressions: [{key: app, operator: NotIn, values: [reviews]}]}", false),
        ("{matchLabels: {app: reviews, tier: web}}", false),
    ] {
        let pods = pods
            .replace("selector: {matchLabels: {app: reviews}}", &format!("selector: {selector}"));
        let found = names(&[&pods]);
        assert_eq!(found.is_empty(), is_right, "{selector}: {found:?}");
        assert!(is_right || found == ["mismatched-selector"], "{found:?}");
    }
    // A label that cannot be read is not called missing.
    let unread = pods.replace(
        "template: {metadata: {labels: {app: reviews}",
        "template: {metadata: {labels: {app: 1}",
    );
    assert_eq!(names(&[&unread]), ["wrong-type"]);
}

fn rollout(labels: &str) -> String {
    deployment(labels)
        .replace("apps/v1", "argoproj.io/v1alpha1")
        .replace("Deployment", "Rollout")
        .replace("name: reviews,", "name: stepwise,")
        .replace("{containers", "{serviceAccountName: cart, containers")
}

#[test]
fn a_rollout_is_a_workload() {
    let all = [REVIEWS.to_owned(), deployment("{app: web}"), rollout("{app: reviews}")];
    let texts: Vec<&str> = all.iter().map(String::as_str).collect();
    assert!(names(&texts).is_empty(), "{:?}", names(&texts));
    let other = rollout("{app: others}");
    let found = names(&[texts[0], texts[1], &other]);
    assert_eq!(found, ["selector-without-workload"]);
}

#[test]
fn pods_of_other_programs_have_any_labels() {
    let web = deployment("{app: web}");
    let service = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: k, namespace: shop}\nspec: {template: {spec: {serviceAccountName: cart, containers: [{image: x}]}}}\n";
    let own = policy(
        "shop",
        "{selector: {matchLabels: {app: reviews}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/cart]}}]}]}",
    );
    let elsewhere = service.replace("namespace: shop", "namespace: other");
    assert_eq!(names(&[&web, &own]), ["selector-without-workload", "unknown-service-account"],);
    assert!(names(&[&web, &own, service]).is_empty());
    assert!(names(&[&web, &own, &elsewhere]).contains(&"selector-without-workload"));
}

/// A Job says nothing of what is there all the time; its identity is known.
#[test]
fn a_task_is_somebody_and_no_inventory() {
    let job = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: k, namespace: shop}\nspec: {schedule: '* * * * *', jobTemplate: {spec: {template: {metadata: {labels: {app: night}}, spec: {serviceAccountName: night, containers: [{name: a, image: x}]}}}}}\n";
    let allows = |account: &str| {
        policy(
            "shop",
            &format!(
                "{{rules: [{{from: [{{source: {{principals: [cluster.local/ns/shop/sa/{account}]}}}}]}}]}}"
            ),
        )
    };
    assert!(names(&[REVIEWS, job, &allows("night")]).is_empty());
    assert_eq!(names(&[job, &allows("day")]), ["unknown-service-account"]);
    let effects = |text: &str| {
        let found = run(&[("a.yaml", &[job, text].join("---\n"))]);
        let found = found.into_iter().filter(|it| it.check.name == "unknown-service-account");
        found.filter_map(|it| it.consequence).collect::<Vec<_>>()
    };
    let [effect] = &effects(&allows("day"))[..] else { panic!() };
    assert!(effect.ends_with("matches nobody"), "{effect}");
    let [effect] = &effects(&allows("day").replace("principals", "notPrincipals"))[..] else {
        panic!()
    };
    assert!(effect.ends_with("leaves out nobody"), "{effect}");
    let selects = policy("shop", "{selector: {matchLabels: {app: night}}, rules: []}");
    let found = names(&[&deployment("{app: reviews}"), job, &selects]);
    assert!(!found.contains(&"selector-without-workload"), "{found:?}");
}

#[test]
fn hosts_of_entries_are_served_by_somebody() {
    let entry = |name: &str, rest: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{hosts: [a.example.com], ports: [{{number: 80, name: http, protocol: HTTP}}], location: MESH_INTERNAL, resolution: STATIC{rest}}}\n"
        )
    };
    let none = entry("a", "");
    assert_eq!(names(&[&none]), ["entry-without-endpoints"]);
    let listed = entry("b", ", endpoints: [{address: 192.0.2.1}]");
    assert!(!names(&[&none, &listed]).contains(&"entry-without-endpoints"));
    assert_eq!(names(&[&none, &listed]), ["overruled-service-entry"]);
    // However many hosts it loses.
    let both = |entry: &str| entry.replace("hosts: [", "hosts: [more.example, ");
    assert_eq!(names(&[&both(&none), &both(&listed)]), ["overruled-service-entry"]);
    let joined = listed.replace("name: b", "name: c").replace("number: 80", "number: 81");
    assert_eq!(names(&[&listed, &joined]), [""; 0]);
    let selected = entry("a", ", workloadSelector: {labels: {app: ledger}}");
    let pods = deployment("{app: reviews}");
    assert_eq!(names(&[&pods, &selected]), ["selector-without-workload"]);
    assert_eq!(names(&[&selected]), [""; 0], "nobody knows what runs");
    let machine = "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: a, namespace: shop}\nspec: {address: 192.0.2.1, labels: {app: ledger}}\n";
    assert_eq!(names(&[&pods, &selected, machine]), [""; 0]);
    let group = "apiVersion: networking.istio.io/v1\nkind: WorkloadGroup\nmetadata: {name: a, namespace: shop}\nspec: {template: {serviceAccount: a}}\n";
    assert!(!names(&[&pods, &selected, group]).contains(&"selector-without-workload"));
}

#[test]
fn what_runs_outside_of_kubernetes_is_selected() {
    let machine = "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: a, namespace: shop}\nspec: {address: 192.0.2.1, labels: {app: ledger, version: v1}}\n";
    let group = "apiVersion: networking.istio.io/v1\nkind: WorkloadGroup\nmetadata: {name: a, namespace: shop}\nspec: {template: {serviceAccount: a}}\n";
    let own = "{selector: {matchLabels: {app: ledger}}}";
    let service = REVIEWS.replace("reviews", "ledger");
    let pods = deployment("{app: reviews}");
    let selecting = [
        service.clone(),
        peer("shop", "{selector: {matchLabels: {app: ledger}}, mtls: {mode: STRICT}}"),
        policy("shop", own),
        policy("istio-system", own),
    ];
    for it in &selecting {
        let found = |others: &[&str]| {
            let all: Vec<_> = [it.as_str(), pods.as_str()].iter().chain(others).copied().collect();
            names(&all).contains(&"selector-without-workload")
        };
        assert!(found(&[]), "{it}");
        assert!(!found(&[machine]), "{it}");
        assert!(!found(&[group]), "it joins with labels of its own: {it}");
        let labelled = |app: &str| {
            group.replace("spec: {", &format!("spec: {{metadata: {{labels: {{app: {app}}}}}, "))
        };
        assert!(!found(&[&labelled("ledger")]), "{it}");
        assert!(found(&[&labelled("vm")]), "what joins is called otherwise: {it}");
        let other = machine.replace("ledger", "cards");
        assert!(found(&[&other]), "{it}");
    }
    // Some of the instances are pods.
    let pods = deployment("{app: ledger}");
    let subset = rule("{host: reviews, subsets: [{name: v1, labels: {version: v1}}]}")
        .replace("host: reviews", "host: ledger");
    assert_eq!(names(&[&service, &pods, &subset]), ["subset-without-instances"]);
    assert!(!names(&[&service, &pods, &subset, machine]).contains(&"subset-without-instances"));
}

#[test]
fn what_has_no_proxy_is_called_in_plain_text() {
    let strict = peer("istio-system", "{mtls: {mode: STRICT}}");
    let plain = rule("{host: reviews, trafficPolicy: {tls: {mode: DISABLE}}}");
    assert_eq!(names(&[REVIEWS, &plain, &strict]), ["mtls-conflict"]);
    let machine = "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: a, namespace: shop}\nspec: {address: 192.0.2.1, labels: {app: reviews}}\n";
    assert_eq!(names(&[REVIEWS, &plain, &strict, machine]), [""; 0]);
    let listed = REVIEWS.replace("selector: {app: reviews}, ", "");
    assert_ne!(listed, REVIEWS);
    assert_eq!(names(&[&listed, &plain, &strict]), [""; 0]);
}

#[test]
fn what_another_workload_made_is_part_of_that() {
    let made = |kind: &str, name: &str, owner: &str, spec: &str| {
        let (group, kind) = kind.split_once(' ').unwrap();
        let (by, owner) = owner.split_once('/').unwrap();
        format!(
            "apiVersion: {group}\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop, labels: {{app: reviews, pod-template-hash: abc}}, ownerReferences: [{{apiVersion: apps/v1, kind: {by}, name: {owner}, uid: a, controller: true}}]}}\nspec: {spec}\n"
        )
    };
    let template = "{selector: {matchLabels: {app: reviews}}, template: {metadata: {labels: {app: reviews}}, spec: {containers: [{name: a, image: a}]}}}";
    let set = made("apps/v1 ReplicaSet", "reviews-abc", "Deployment/reviews", template);
    let pod = made(
        "v1 Pod",
        "reviews-abc-x",
        "ReplicaSet/reviews-abc",
        "{containers: [{name: a, image: a}]}",
    );
    let running = |texts: &[&str]| {
        let compiled = crate::testing::Compiled::text(&texts.join("---\n"));
        let mesh = crate::resolve::resolve(&compiled.mesh);
        let all: Vec<_> =
            mesh.workloads.iter().map(|it| format!("{} {}", it.kind, it.name())).collect();
        all.join(", ")
    };
    let pods = deployment("{app: reviews}");
    assert_eq!(running(&[&pods, &set, &pod]), "Deployment reviews");
    assert_eq!(running(&[&pods, &pod]), "Deployment reviews");
    assert_eq!(running(&[&set, &pod]), "ReplicaSet reviews-abc");
    assert_eq!(running(&[&pod]), "Pod reviews-abc-x");
}

#[test]
fn replica_sets_and_replication_controllers_run_pods() {
    let other = REVIEWS.replace("reviews", "ledger");
    let set = deployment("{app: reviews}").replace("Deployment", "ReplicaSet");
    let controller = deployment("{app: reviews}")
        .replace("apps/v1", "v1")
        .replace("Deployment", "ReplicationController")
        .replace("selector: {matchLabels: {app: reviews}}", "selector: {app: reviews}");
    for workload in [&set, &controller] {
        assert_eq!(names(&[REVIEWS, workload]), [""; 0], "{workload}");
        assert_eq!(names(&[&other, workload]), ["selector-without-workload"], "{workload}");
        let slip = workload.replace("labels: {app: reviews}", "labels: {app: review}");
        assert!(names(&[&slip]).contains(&"mismatched-selector"), "{slip}");
    }
}

#[test]
fn a_service_whose_endpoints_are_listed_has_some() {
    let pods = deployment("{app: cards}");
    let slice = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: reviews-1, namespace: shop, labels: {kubernetes.io/service-name: reviews}}\naddressType: IPv4\nendpoints: [{addresses: [192.0.2.1]}]\nports: [{name: http, port: 80}]\n";
    assert_eq!(names(&[REVIEWS, &pods]), ["selector-without-workload"]);
    assert_eq!(names(&[REVIEWS, &pods, slice]), [""; 0]);
    let other = slice.replace("service-name: reviews", "service-name: ledger");
    assert_eq!(names(&[REVIEWS, &pods, &other]), ["selector-without-workload"]);
    let empty = slice.replace("addresses: [192.0.2.1]", "addresses: []");
    assert_eq!(names(&[REVIEWS, &pods, &empty]), ["selector-without-workload"]);
    let misspelt = slice.replace("addresses:", "adresses:");
    assert!(names(&[REVIEWS, &pods, &misspelt]).contains(&"unknown-field"));
}

/// Of three pods, the first of which has this number.
fn stateful_set(start: u32) -> String {
    deployment("{app: kafka}")
        .replace("Deployment", "StatefulSet")
        .replace("reviews", "kafka")
        .replace(
            "spec:\n",
            &format!(
                "spec:\n  replicas: 3\n  serviceName: kafka\n  ordinals: {{start: {start}}}\n"
            ),
        )
}

const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";

#[test]
fn the_pods_of_a_stateful_set_have_names_to_be_selected_by() {
    let set = stateful_set(0);
    let reviews = deployment("{app: reviews}");
    let policies = |pod: &str| {
        let selector = format!("selector: {{matchLabels: {{{POD_NAME}: {pod}}}}}");
        [
            REVIEWS
                .replace("selector: {app: reviews}", &format!("selector: {{{POD_NAME}: {pod}}}")),
            policy("shop", &format!("{{{selector}}}")),
            peer("shop", &format!("{{{selector}, mtls: {{mode: STRICT}}}}")),
        ]
    };
    let is_said = |selecting: &str, others: &[&str]| {
        let all: Vec<_> = [selecting].iter().chain(others).copied().collect();
        names(&all).contains(&"selector-without-workload")
    };
    for it in policies("kafka-2") {
        assert!(!is_said(&it, &[&set, &reviews]), "{it}");
        assert!(is_said(&it, &[&stateful_set(3), &reviews]), "there are 3 to 5: {it}");
    }
    let scaled = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: shop}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: kafka}, maxReplicas: 9}\n";
    for it in policies("kafka-7") {
        assert!(is_said(&it, &[&set, &reviews]), "{it}");
        assert!(!is_said(&it, &[&set, &reviews, scaled]), "{it}");
        assert!(is_said(&it, &[&set, &scaled.replace("name: kafka", "name: reviews")]), "{it}");
    }
    // Neither is another's, nor one of what numbers no pods.
    for pod in ["zookeeper-0", "reviews-0"] {
        for it in policies(pod) {
            assert!(is_said(&it, &[&set, &reviews]), "{it}");
        }
    }
}

#[test]
fn a_selector_by_a_pod_s_name_is_one_of_the_workload() {
    let set = stateful_set(0);
    let of_pod = |labels: &str| {
        REVIEWS.replace("selector: {app: reviews}", &format!("selector: {{app: kafka, {labels}}}"))
    };
    let service = of_pod(&format!("{POD_NAME}: kafka-0"));
    let subset = |labels: &str| {
        rule(&format!("{{host: reviews, subsets: [{{name: a, labels: {{{labels}}}}}]}}"))
    };
    let is_empty = |service: &str, labels: &str| {
        names(&[service, &set, &subset(labels)]).contains(&"subset-without-instances")
    };
    let all = REVIEWS.replace("app: reviews}", "app: kafka}");
    for (service, labels, expected) in [
        (&all, "apps.kubernetes.io/pod-index: '2'", false),
        (&all, "apps.kubernetes.io/pod-index: '3'", true),
        (&all, "controller-revision-hash: kafka-abc", false),
        (&all, "pod-template-hash: abc", true),
        (&all, "topology.istio.io/cluster: a", false),
        (&all, "topology.kubernetes.io/zone: a", false),
        (&all, "service.istio.io/canonical-name: kafka", false),
        (&all, "service.istio.io/canonical-name: other", true),
        (&all, "service.istio.io/canonical-revision: latest", false),
        (&service, "apps.kubernetes.io/pod-index: '0'", false),
        (&service, "apps.kubernetes.io/pod-index: '1'", true),
        (&service, "statefulset.kubernetes.io/pod-name: kafka-1", true),
    ] {
        assert_eq!(is_empty(service, labels), expected, "{service} {labels}");
    }
    // A Service goes by what pods have, and what runs them is known of it.
    let place = of_pod("topology.istio.io/cluster: a");
    assert!(names(&[&place, &set]).contains(&"selector-without-workload"));
    let named = service.replace("port: 80", "port: 80, targetPort: web");
    assert_ne!(named, service);
    assert!(names(&[&named, &set]).contains(&"unknown-target-port"));
}

#[test]
fn jobs_have_their_names_as_labels() {
    let job = |kind: &str, spec: &str| {
        format!(
            "apiVersion: batch/v1\nkind: {kind}\nmetadata: {{name: migrate, namespace: shop}}\nspec: {spec}\n"
        )
    };
    let template = "template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}";
    let once = job("Job", &format!("{{{template}}}"));
    let often = job(
        "CronJob",
        &format!("{{schedule: '* * * * *', jobTemplate: {{spec: {{{template}}}}}}}"),
    );
    let pods = deployment("{app: reviews}");
    let is_said = |job: &str, name: &str, value: &str| {
        let selecting =
            policy("shop", &format!("{{selector: {{matchLabels: {{{name}: {value}}}}}}}"));
        names(&[&selecting, &pods, job]).contains(&"selector-without-workload")
    };
    for name in ["job-name", "batch.kubernetes.io/job-name"] {
        assert!(!is_said(&once, name, "migrate"));
        assert!(is_said(&once, name, "other"));
        assert!(is_said(&often, name, "migrate"), "its Jobs have times in their names");
        assert!(!is_said(&often, name, "migrate-29000000"));
    }
    assert!(!is_said(&once, "controller-uid", "a"));
    assert!(is_said(&pods.replace("name: reviews", "name: b"), "controller-uid", "a"));
}

#[test]
fn a_policy_for_one_pod_is_no_policy_for_the_others() {
    let set = stateful_set(0);
    let strict = |name: &str, pod: &str| {
        let selector = format!("selector: {{matchLabels: {{{POD_NAME}: {pod}}}}}");
        peer("shop", &format!("{{{selector}, mtls: {{mode: STRICT}}}}"))
            .replace("metadata: {name: ", &format!("metadata: {{name: {name}"))
    };
    assert_eq!(names(&[&set, &strict("a", "kafka-0"), &strict("b", "kafka-1")]), [""; 0]);
    let canonical =
        |name: &str| strict(name, "kafka").replace(POD_NAME, "service.istio.io/canonical-name");
    let both = names(&[&set, &canonical("a"), &canonical("b")]);
    assert!(both.contains(&"conflicting-peer-authentications"), "{both:?}");
}

/// What Istio deploys for a Gateway has its label, a waypoint, too.
#[test]
fn pods_of_a_waypoint_are_selected_by_its_name() {
    let waypoint = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: waypoint, namespace: shop}\nspec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}\n";
    let policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}\nspec: {selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: NAME}}}\n";
    let found = |name: &str| {
        let all = names(&[waypoint, &policy.replace("NAME", name), &deployment("{app: web}")]);
        all.contains(&"selector-without-workload")
    };
    assert!(!found("waypoint"));
    assert!(found("other"));
}
