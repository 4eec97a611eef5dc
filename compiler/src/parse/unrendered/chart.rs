//! Helm charts, as far as they are looked at: nothing is rendered of them.
//!
//! A chart is a folder with a `Chart.yaml`. What lies in its folder `templates` and has braces is a template, whatever else it
//! looks like. A file there without any is rendered to itself, so it is read like any other. Source: Helm, "Charts" and "The
//! Chart Template Guide".

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{not_shown, template};
use crate::diagnostic::{Diagnostic, Place};
use crate::parse::checks::UNRENDERED_SOURCE;
use crate::parse::document::Identity;
use crate::parse::{Content, NodeId, Parsed, Tree, stream};
use crate::source::FileId;

/// How many templates a notice points at.
const SHOWN_MAX: usize = 3;

/// The charts of a repository.
#[derive(Clone, Debug, Default)]
pub struct Charts {
    /// Their `Chart.yaml`s.
    pub(in crate::parse) all: Vec<FileId>,
    templates: BTreeMap<FileId, Template>,
}

#[derive(Clone, Debug)]
struct Template {
    chart: FileId,
    /// What it calls resources, and what they define by names of their own, as it stands.
    names: BTreeSet<String>,
    /// Whether it makes resources whose names depend on values.
    has_unknown: bool,
}

impl Charts {
    /// The names that templates define, as far as they do not depend on values.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.templates.values().flat_map(|it| &it.names).map(String::as_str).collect()
    }

    /// The first chart that makes resources whose names depend on values, so that they may be any.
    pub(crate) fn of_unknown_names(&self) -> Option<FileId> {
        self.templates.values().filter(|it| it.has_unknown).map(|it| it.chart).min()
    }

    /// What renders the first of them.
    pub(super) fn command(&self, parsed: &Parsed) -> Option<String> {
        let folder = folder(&parsed.source(*self.all.first()?).path);
        Some(format!("helm template {}", if folder.is_empty() { "." } else { folder }))
    }

    pub(in crate::parse) fn retain(&mut self, keep: impl Fn(FileId) -> bool) {
        self.all.retain(|file| keep(*file));
        self.templates.retain(|file, it| keep(*file) && keep(it.chart));
    }

    /// That they are not rendered, a notice each; and how many findings are `held` back for it.
    pub(crate) fn report(&self, held: usize) -> impl Iterator<Item = Diagnostic> {
        // Which of them makes a name is nobody's question: the first stands for all.
        let held = std::iter::once(held).chain(std::iter::repeat(0));
        self.all.iter().zip(held).map(|(chart, held)| self.notice(*chart, held))
    }

    fn notice(&self, chart: FileId, held: usize) -> Diagnostic {
        let templates = self.templates.iter().filter(|(_, it)| it.chart == chart);
        let files: Vec<_> = templates.map(|(file, _)| *file).collect();
        let message = match files.len() {
            0 => "a Helm chart is not rendered".to_owned(),
            1 => "a Helm chart is not rendered; its template is skipped".to_owned(),
            more => format!("a Helm chart is not rendered; its {more} templates are skipped"),
        };
        let of = if held == 1 { "a name that a template has" } else { "names that templates have" };
        let held = not_shown(held, of);
        let found = Diagnostic::new(&UNRENDERED_SOURCE, Place::File(chart), message)
            .consequence(format!(
                "the resources that it makes are neither checked nor compiled{held}"
            ))
            .help("compile what it renders to, as in `helm template . | mesh compile -`");
        let shown = files.iter().take(SHOWN_MAX);
        shown.fold(found, |found, file| found.also(Place::File(*file), "skipped"))
    }
}

/// Leaves out the templates of charts, and what was said of them: the chart's notice stands for all.
pub(crate) fn read_charts(parsed: &mut Parsed, out: &mut Vec<Diagnostic>) {
    if parsed.charts().all.is_empty() {
        return;
    }
    let charts = parsed.charts().all.iter();
    let charts: HashMap<_, _> = charts.map(|id| (folder(&parsed.source(*id).path), *id)).collect();
    let readable = parsed.sources().iter().filter(|(_, file)| file.is_readable());
    let templates: BTreeMap<_, _> = readable
        .filter(|(_, file)| file.text().contains("{{"))
        .filter_map(|(id, file)| Some((id, template(chart_of(&charts, &file.path)?, file.text()))))
        .collect();
    out.retain(|found| !templates.contains_key(&found.place.file(parsed)));
    parsed.retain_files(|file| !templates.contains_key(&file));
    parsed.charts_mut().templates = templates;
}

/// The chart below whose `templates` a file lies.
fn chart_of(charts: &HashMap<&str, FileId>, path: &str) -> Option<FileId> {
    let folders = path.rmatch_indices('/').filter_map(|(at, _)| path.get(..at));
    let mut templates =
        folders.filter(|it| it.rsplit(['/', ':']).next().is_some_and(|name| name == "templates"));
    templates.find_map(|it| charts.get(folder(it)).copied())
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// What is known of what a template makes.
fn template(chart: FileId, text: &str) -> Template {
    let text = template::rendered(text, template::UNKNOWN);
    let documents = stream::read(&text, chart);
    let mut read = Template { chart, names: BTreeSet::new(), has_unknown: false };
    for yaml in &documents {
        let root = yaml.tree.root().filter(|root| !yaml.tree.entries(*root).is_empty());
        read.has_unknown |= !yaml.is_whole;
        let Some(root) = root else { continue };
        let identity = Identity::read(&yaml.tree, root, &text);
        let mut names: Vec<&str> = identity.name.as_deref().into_iter().collect();
        read.has_unknown |= names.is_empty();
        names.extend(defined(&yaml.tree, root, &identity.kind, &text));
        for name in names {
            if name.contains(template::UNKNOWN) {
                read.has_unknown = true;
            } else {
                read.names.insert(name.to_owned());
            }
        }
    }
    // Another template that it includes makes all of it.
    read.has_unknown |= read.names.is_empty();
    read
}

/// The names that a resource defines besides its own: the hosts of a `ServiceEntry`, the subsets of a `DestinationRule`.
fn defined<'t>(tree: &'t Tree, root: NodeId, kind: &str, text: &'t str) -> Vec<&'t str> {
    let elements = |field| {
        let spec = tree.entry(root, "spec", text);
        let held = spec.and_then(|spec| tree.entry(spec.value, field, text));
        held.map(|held| tree.elements(held.value)).unwrap_or_default().iter()
    };
    match kind {
        "ServiceEntry" => {
            let hosts = elements("hosts").filter_map(|host| match tree.content(*host) {
                Content::Text(host) => Some(tree.text(host, text)),
                _ => None,
            });
            hosts.collect()
        }
        "DestinationRule" => {
            elements("subsets").filter_map(|it| tree.text_at(*it, "name", text)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::{Finding, Severity};
    use crate::testing::{Folder, compiled, findings};

    const OTHER: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n";
    const ROUTE: &str = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r, namespace: shop}\nspec: {hosts: [cart], http: [{route: [{destination: {host: cart}}]}]}\n";

    fn service(name: &str) -> String {
        OTHER.replace("name: other", name).replace("80", "{{ .Values.port }}")
    }

    fn chart(templates: &[&str]) -> Folder {
        let folder = Folder::new();
        folder.write("charts/cart/Chart.yaml", "apiVersion: v2\nname: cart\n");
        for (index, template) in templates.iter().enumerate() {
            folder.write(&format!("charts/cart/templates/{index}.yaml"), template);
        }
        folder
    }

    /// With a route to a host that stands nowhere else.
    fn told(templates: &[&str]) -> Vec<Finding> {
        let folder = chart(templates);
        folder.write("other.yaml", OTHER);
        folder.write("route.yaml", ROUTE);
        findings(folder.path())
    }

    #[test]
    fn a_chart_is_one_notice() {
        let action = "{{- if .Values.x }}\nkind: AuthorizationPolicy\n{{- end }}\n";
        let quoted = OTHER.replace("name: other", "name: \"{{ .Values.name }}\"");
        let fault = format!("{OTHER}---\na: [\n---\n{}", service("name: a"));
        let folder = chart(&[action, &service("name: cart"), &quoted, &fault]);
        folder.write("charts/cart/templates/tests/a.yaml", action);
        let found = findings(folder.path());
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(only.message, "a Helm chart is not rendered; its 5 templates are skipped");
        assert_eq!((only.severity, only.others.len()), (Severity::Warning, 3));
    }

    #[test]
    fn what_is_no_template_of_a_chart_stays_as_it_is() {
        let folder = chart(&[OTHER]);
        folder.write("charts/cart/files/a.yaml", service("name: a"));
        folder.write("templates/b.yaml", service("name: b"));
        let compiled = compiled(folder.path());
        let said: Vec<_> = compiled.findings.iter().map(|it| it.message.as_str()).collect();
        let skipped = "skipped: this is a template, and not YAML until it is rendered";
        assert_eq!(said, ["a Helm chart is not rendered", skipped, skipped]);
        assert_eq!(compiled.mesh.count, 1);
    }

    #[test]
    fn a_name_that_a_template_has_is_not_missed() {
        let found = told(&[&service("name: cart")]);
        let [only] = found.as_slice() else { panic!("{found:?}") };
        let consequence = only.consequence.as_deref().unwrap();
        assert!(consequence.ends_with("1 finding is not shown, of a name that a template has"));
        let found = told(&[&service("name: card")]);
        let checks: Vec<_> = found.iter().map(|it| (it.check.name, it.severity)).collect();
        let unknown = ("unknown-host", Severity::Error);
        assert_eq!(checks, [("unrendered-source", Severity::Warning), unknown]);
    }

    #[test]
    fn hosts_of_a_template_are_not_missed() {
        let entry = |host: &str| {
            format!(
                "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: a}}\nspec:\n  hosts: [{host}]\n  exportTo: [{{{{ .x }}}}]\n"
            )
        };
        for (host, expected) in [
            ("cart", None),
            ("card", Some(Severity::Error)),
            ("\"{{ .host }}\"", Some(Severity::Warning)),
        ] {
            let found = told(&[&entry(host)]);
            let unknown = found.iter().find(|it| it.check.name == "unknown-host");
            assert_eq!(unknown.map(|it| it.severity), expected, "{found:?}");
        }
    }

    /// It may be this one, and it may be a mistake.
    #[test]
    fn a_name_that_depends_on_values_makes_an_error_a_warning() {
        for template in [
            service("name: \"{{ .Release.Name }}-a\""),
            service("name: {{ include \"fullname\" . }}"),
            "{{ include \"all\" . }}\n".to_owned(),
        ] {
            let found = told(&[&template]);
            let [chart, route] = found.as_slice() else { panic!("{found:?}") };
            assert_eq!(chart.check.name, "unrendered-source");
            assert_eq!((route.check.name, route.severity), ("unknown-host", Severity::Warning));
            assert_eq!(route.others.last().unwrap().file, chart.primary.file);
        }
    }
}
