//! Whatever is kept, what is compiled again is what is compiled afresh.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::Memory;
use crate::diagnostic::Finding;
use crate::parts::{Parts, reading};
use crate::source::Input;
use crate::testing::Folder;
use crate::{Compilation, Options, compile, compile_again};

const SERVICE: &str =
    "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n";
const BROKEN: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: [\n";

fn shown(compiled: &Compilation) -> String {
    let bundle = compiled.bundle.as_ref();
    let made = bundle.map(|it| (it.snapshot.digest(), &it.provenance, &it.source_map));
    let broken: Vec<_> = compiled.parsed.broken().iter().map(|it| &it.identity).collect();
    let mesh = &compiled.mesh;
    // Without the page of each check.
    let findings = compiled.findings.iter().map(|it| {
        let said = (it.check.name, it.severity, &it.message, &it.consequence, &it.help);
        format!("{said:?} {:?} {:?} {:?}", it.primary, it.others, it.fixes)
    });
    let findings = findings.collect::<Vec<_>>().join("\n");
    format!("{made:?} {findings} {broken:?} {} {:?}", mesh.count, mesh.skipped)
}

#[test]
fn what_is_compiled_again_is_what_is_compiled_afresh() {
    let folder = Folder::new();
    let inputs = [Input::Path(folder.path().into())];
    let options = Options::default();
    let mut memory = Memory::default();
    let mut again = || {
        let compiled = compile_again(&inputs, &options, &mut memory, None);
        assert_eq!(shown(&compiled), shown(&compile(&inputs, &options)));
        memory.take_news()
    };
    folder.write("b.yaml", SERVICE);
    assert!(again());
    assert!(!again());
    // Every file behind it gets another number.
    folder.write("a.yaml", BROKEN);
    assert!(again());
    assert!(!again());
    folder.write("a.yaml", "");
    assert!(again());
    std::fs::remove_file(folder.path().join("b.yaml")).unwrap();
    assert!(again());
    assert!(!again());
}

/// By that it is judged whether a placeholder is an error, in a file that is not parsed again.
#[test]
fn what_a_kustomization_fills_in_is_judged_by_it_each_time() {
    const ROUTE: &str = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec: {hosts: [REPLACE_ME], http: [{route: [{destination: {host: a.test}}]}]}\n";
    let folder = Folder::new();
    let inputs = [Input::Path(folder.path().into())];
    let options = Options::default();
    let mut memory = Memory::default();
    folder.write("a.yaml", SERVICE);
    folder.write("base/b.yaml", ROUTE);
    for (kustomization, check) in [
        ("resources: [b.yaml]\n", "invalid-host"),
        ("resources: [b.yaml]\nreplacements: [{path: c}]\n", "unresolved-placeholder"),
        ("resources: [b.yaml]\n", "invalid-host"),
    ] {
        folder.write("base/kustomization.yaml", kustomization);
        let again = compile_again(&inputs, &options, &mut memory, None);
        assert_eq!(shown(&again), shown(&compile(&inputs, &options)));
        let is_told = again.findings.iter().any(|it| it.check.name == check);
        assert!(is_told, "{kustomization}: {:?}", again.findings);
    }
}

/// Its identity is the same one for as long as it is not parsed again.
#[test]
fn a_file_that_gets_another_number_is_not_parsed_again() {
    let folder = Folder::new();
    let inputs = [Input::Path(folder.path().into())];
    let options = Options::default();
    let mut memory = Memory::default();
    let mut again = || {
        let compiled = compile_again(&inputs, &options, &mut memory, None);
        assert_eq!(shown(&compiled), shown(&compile(&inputs, &options)));
        let services = compiled.parsed.documents().map(|(_, it)| it);
        let mut services = services.filter(|it| &*it.identity.kind == "Service");
        let found = services.next().map(|it| (it.file, Arc::as_ptr(&it.identity).addr()));
        found.unwrap()
    };
    // Something is found in it while it is parsed, while it is decoded, and by a rule.
    let faulty = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec: {prots: [], ports: [{port: 80, port: 81}]}\n";
    folder.write("b.yaml", format!("# mesh:allow nothing\n{faulty}---\n{BROKEN}---\nkind: [\n"));
    let (first, address) = again();
    folder.write("a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\n");
    let (second, same) = again();
    assert_ne!(first, second);
    assert_eq!(address, same);
    std::fs::remove_file(folder.path().join("a.yaml")).unwrap();
    assert_eq!(again(), (first, address));
}

#[test]
fn what_is_looked_for_again_is_told_by_what_has_changed() {
    const SPLIT: &str = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec: {hosts: [a], http: [{route: [{destination: {host: a}}]}]}\n";
    let folder = Folder::new();
    let inputs = [Input::Path(folder.path().into())];
    let mut memory = Memory::default();
    let mut changed = |text: &str| {
        folder.write("a.yaml", text);
        let mesh = compile_again(&inputs, &Options::default(), &mut memory, None).mesh;
        let services = reading(|| mesh.services.len()).1;
        let routes = reading(|| mesh.virtual_services.len()).1;
        (mesh.changed.parts, services, routes)
    };
    let whole = format!("{SERVICE}---\n{SPLIT}");
    assert_eq!(changed(&whole).0, Parts::ALL);
    assert_eq!(changed(&whole).0, Parts::default());
    assert_eq!(changed(&format!("# moved\n{whole}")).0, Parts::default());
    let (parts, services, routes) = changed(&whole.replace("hosts: [a]", "hosts: [b]"));
    assert!(parts.meet(routes) && !parts.meet(services));
    let (parts, services, routes) = changed(&whole.replace("port: 80", "port: 81"));
    assert!(parts.meet(routes) && parts.meet(services), "both say what they said before");
    // Where resources stand is known while none comes or goes.
    let mesh = compile_again(&inputs, &Options::default(), &mut memory, None).mesh;
    assert!(!reading(|| mesh.services.namespaces().count()).1.meet(services));
    let mut changed = |text: &str| {
        folder.write("a.yaml", text);
        compile_again(&inputs, &Options::default(), &mut memory, None).mesh.changed.parts
    };
    // What has another name may be another's duplicate, and what was added gives others other numbers.
    assert_eq!(changed(&whole.replace("name: a", "name: b")), Parts::ALL);
    assert_eq!(changed(&whole.replace("{name: a}", "{name: b, namespace: c}")), Parts::ALL);
    assert_eq!(changed(SERVICE), Parts::ALL);
}

/// What is written below may be looked at as if it had been there for long: no file takes the place of another unnoticed, as each
/// is a file of its own.
const LATER: Duration = Duration::from_secs(1 << 40);

const FILES: &[&str] =
    &["a.yaml", "b.yaml", "base/c.yaml", "base/kustomization.yaml", "cluster.yaml", "mesh.yaml"];

/// Some are right and some are not, some say the same twice, and some are about others of them.
const TEXTS: &[&str] = &[
    "",
    "# nothing\n",
    "kind: [\n",
    SERVICE,
    BROKEN,
    "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec: {selector: {app: a}, ports: [{name: http, port: 80}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop, labels: {app: a}}\nspec: {containers: [{name: a, image: a}]}\n",
    "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec: {hosts: [a], http: [{route: [{destination: {host: a, subset: v1}}]}]}\n",
    "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec:\n  hosts: [a]\n  http:\n  - route: # mesh:allow unknown-host reason=\"soon\"\n    - destination: {host: nobody}\n",
    "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d, namespace: shop}\nspec: {host: a, subsets: [{name: v1, labels: {v: '1'}}], trafficPolicy: {tls: {mode: DISABLE}}}\n",
    "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p, namespace: shop}\nspec: {mtls: {mode: STRICT}, mtsl: {}}\n---\n# another\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}\nspec: {rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/nobody]}}]}]}\n",
    "apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: {name: g, namespace: shop}\nspec: {parentRefs: [{group: '', kind: Service, name: a}], rules: [{backendRefs: [{name: a, port: 80}]}]}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: 'rootNamespace: shop'}\n",
    "apiVersion: example.com/v1\nkind: Other\nmetadata: {name: x}\n---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w, namespace: shop}\nspec: {address: 10.0.0.1, labels: {app: a}}\n",
    "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [c.yaml, ../b.yaml]\nnamespace: shop\n",
    "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [c.yaml]\npatches: [{path: ../a.yaml}]\n",
    "defaultNamespace: shop\nlints: {unknown-host: allow}\n",
    "context: [cluster.yaml]\ninventory: {hosts: [nobody]}\nmeshConfig: {trustDomain: example.com}\n",
    "environments: {prod: {paths: [base, a.yaml], defaultNamespace: shop}, test: {paths: [base]}}\n",
];

#[derive(Clone, Debug)]
enum Step {
    Write(&'static str, &'static str),
    Remove(&'static str),
    Rename(&'static str, &'static str),
}

fn step() -> impl Strategy<Value = Step> {
    let file = || proptest::sample::select(FILES);
    prop_oneof![
        6 => (file(), proptest::sample::select(TEXTS)).prop_map(|(name, text)| Step::Write(name, text)),
        1 => file().prop_map(Step::Remove),
        1 => (file(), file()).prop_map(|(from, to)| Step::Rename(from, to)),
    ]
}

impl Step {
    fn take(&self, folder: &Folder) {
        let path = |name: &str| folder.path().join(name);
        // Nobody minds where there is no such file.
        let _ = match self {
            Self::Write(name, text) => {
                folder.write("new", text);
                folder.write("base/hold", "");
                std::fs::rename(path("new"), path(name))
            }
            Self::Remove(name) => std::fs::remove_file(path(name)),
            Self::Rename(from, to) => std::fs::rename(path(from), path(to)),
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_changes_it_is_compiled_as_it_is_afresh(
        steps in proptest::collection::vec(step(), 1..14),
        of_environment in any::<bool>(),
        has_context in any::<bool>(),
        trusts_stamps in any::<bool>(),
    ) {
        let folder = Folder::new();
        let inputs = [Input::Path(folder.path().into())];
        let context = [Input::Path(folder.path().join("cluster.yaml"))];
        let options = Options {
            environment: of_environment.then(|| "prod".to_owned()),
            context: if has_context { context.to_vec() } else { Vec::new() },
            ..Options::on("2026-01-01".parse().unwrap())
        };
        let (mut memory, mut ground) = (Memory::default(), None);
        for (number, step) in steps.iter().enumerate() {
            step.take(&folder);
            let last = ground.take();
            let mut standing = memory.on(last.as_ref());
            if trusts_stamps {
                standing.at(LATER);
            }
            let afresh = compile(&inputs, &options);
            let mut heard = None;
            let mut early = |_: &Compilation, found: &[Finding]| heard = Some(found.to_vec());
            let again = compile_again(&inputs, &options, &mut standing, Some(&mut early));
            prop_assert_eq!(shown(&again), shown(&afresh), "step {}", number);
            let is_told = standing.take_news() && afresh.bundle.is_some();
            prop_assert!(!is_told || heard.is_some(), "step {}", number);
            // Making the snapshot takes nothing back.
            let is_kept = heard.iter().flatten().all(|it| again.findings.contains(it));
            prop_assert!(is_kept, "step {}", number);
            (memory, ground) = (standing.on(None), Some(again.mesh));
        }
    }
}

/// Resources that are about each other, and what each may say.
const VARIANTS: &[(&str, &[&str])] = &[
    (
        "networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: shop}",
        &[
            "{hosts: [a], http: [{route: [{destination: {host: a, subset: v1}}]}]}",
            "{hosts: [a], http: [{route: [{destination: {host: a, subset: v2}, weight: 30}, {destination: {host: b}, weight: 30}]}, {match: [{uri: {prefix: /b*}}], route: [{destination: {host: nobody}}]}]}",
            "{hosts: [b], gateways: [g], http: [{match: [{port: 81}], route: [{destination: {host: a, port: {number: 81}}}]}]}",
        ],
    ),
    (
        "networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: b, namespace: shop}",
        &[
            "{hosts: [b], http: [{delegate: {name: part}}]}",
            "{hosts: [b, nobody], http: [{delegate: {name: part}, match: [{uri: {prefix: /x}}]}, {route: [{destination: {host: a, subset: v1}}]}]}",
            "{hosts: [a, b], tcp: [{route: [{destination: {host: b}}]}]}",
        ],
    ),
    (
        "networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: part, namespace: shop}",
        &[
            "{http: [{route: [{destination: {host: a, subset: v1}}]}]}",
            "{http: [{match: [{uri: {prefix: /a*}}], route: [{destination: {host: nobody}}]}, {route: [{destination: {host: b}}]}]}",
            "{hosts: [b], http: [{route: [{destination: {host: a}}]}]}",
        ],
    ),
    (
        "networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d, namespace: shop}",
        &[
            "{host: a, subsets: [{name: v1, labels: {v: '1'}}]}",
            "{host: a, subsets: [{name: v2, labels: {v: '2'}}], exportTo: ['.']}",
            "{host: b}",
        ],
    ),
    (
        "v1\nkind: Service\nmetadata: {name: b, namespace: shop}",
        &[
            "{selector: {app: b}, ports: [{name: http, port: 80}]}",
            "{selector: {app: b}, ports: [{name: http, port: 80}, {name: tcp, port: 81}]}",
            "{selector: {app: c}, ports: [{name: tcp, port: 80}]}",
        ],
    ),
    (
        "security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}",
        &[
            "{rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/nobody]}}]}]}",
            "{rules: [{to: [{operation: {paths: [/a/*/b], notPaths: ['*'], ports: ['80']}}]}]}",
            "{selector: {matchLabels: {app: b}}, action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}",
        ],
    ),
    (
        "argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: r, namespace: shop}",
        &[
            "{workloadRef: {apiVersion: apps/v1, kind: Deployment, name: nobody}}",
            "{template: {metadata: {labels: {app: g}}, spec: {containers: [{name: istio-proxy, image: auto}]}}}",
            "{}",
        ],
    ),
    (
        "networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: e, namespace: shop}",
        &[
            "{workloadSelector: {labels: {app: g}}, configPatches: [{applyTo: HTTP_FILTER, match: {context: SIDECAR_INBOUND}, patch: {operation: REMOVE}}]}",
            "{workloadSelector: {labels: {app: g}}, configPatches: [{applyTo: HTTP_FILTER, match: {context: GATEWAY}, patch: {operation: REMOVE}}]}",
            "{configPatches: []}",
        ],
    ),
    (
        "security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: q, namespace: shop}",
        &["{}", "{rules: [{}]}", "{rules: [{from: [{source: {namespaces: [web]}}]}]}"],
    ),
];

const AROUND: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec: {selector: {app: a}, ports: [{name: http, port: 80}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b, namespace: shop, labels: {app: b, v: '1'}}\nspec: {containers: [{name: b, image: b}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: g, namespace: shop, labels: {app: g}}\nspec: {containers: [{name: istio-proxy, image: auto}]}\n---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: shop}\nspec: {selector: {app: g}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_a_resource_says_otherwise_it_is_compiled_as_it_is_afresh(
        steps in proptest::collection::vec((0..VARIANTS.len(), 0..3_usize), 1..10),
    ) {
        let folder = Folder::new();
        folder.write("around.yaml", AROUND);
        let write = |(kind, specs): &(&str, &[&str]), variant: usize, number: usize| {
            let text = format!("apiVersion: {kind}\nspec: {}\n", specs[variant]);
            folder.write(&format!("{number}.yaml"), text);
        };
        for (number, resource) in VARIANTS.iter().enumerate() {
            write(resource, 0, number);
        }
        let inputs = [Input::Path(folder.path().into())];
        let options = Options::on("2026-01-01".parse().unwrap());
        let mut memory = Memory::default();
        let ground = compile_again(&inputs, &options, &mut memory, None).mesh;
        let mut memory = memory.on(Some(&ground));
        for (number, variant) in steps {
            write(&VARIANTS[number], variant, number);
            let again = compile_again(&inputs, &options, &mut memory, None);
            prop_assert_ne!(again.mesh.changed.parts, Parts::ALL);
            prop_assert_eq!(shown(&again), shown(&compile(&inputs, &options)));
        }
    }
}
