//! Whose an Ingress is. Source: Istio, `shouldProcessIngressWithClass`; Kubernetes, "Ingress class".

use std::collections::BTreeMap;

use crate::api::mesh_config::IngressControllerMode;
use crate::api::{Mesh, Resource, kubernetes as k8s};
use crate::resolve::Settings;

/// What an `IngressClass` of the mesh names.
const CONTROLLER: &str = "istio.io/ingress-controller";
const ANNOTATION: &str = "kubernetes.io/ingress.class";
/// On the `IngressClass` that Kubernetes writes into Ingresses which name none.
const IS_DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// Who serves an Ingress.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Served<'a> {
    ByMesh,
    /// Another program, to which this `IngressClass` or annotation leads.
    Elsewhere(&'a str),
    /// There is no such `IngressClass` here, and without it the mesh takes no Ingress that says nothing else.
    UnknownClass(&'a str),
    /// It names no class, and the mesh takes none that does not.
    WithoutClass,
    /// `ingressControllerMode: OFF`
    Off,
}

pub(super) struct Classes<'a> {
    mode: IngressControllerMode,
    /// What the annotation says on those for the mesh.
    annotation: &'a str,
    by_name: BTreeMap<&'a str, &'a Resource<k8s::IngressClass>>,
    /// Absent also where several claim to be it.
    default: Option<&'a Resource<k8s::IngressClass>>,
}

impl<'a> Classes<'a> {
    pub(super) fn of(mesh: &'a Mesh, settings: &Settings<'a>) -> Self {
        let spec = settings.config.map(|config| &config.spec);
        let is_default = |it: &&Resource<k8s::IngressClass>| {
            it.metadata.annotations.get(IS_DEFAULT).is_some_and(|it| it == "true")
        };
        let mut defaults = mesh.ingress_classes.iter().filter(is_default);
        Self {
            mode: spec
                .and_then(|spec| spec.ingress_controller_mode)
                .unwrap_or(IngressControllerMode::Strict),
            annotation: spec.and_then(|spec| spec.ingress_class.as_deref()).unwrap_or("istio"),
            by_name: mesh.ingress_classes.iter().map(|it| (it.name(), it)).collect(),
            default: defaults.next().filter(|_| defaults.next().is_none()),
        }
    }

    pub(super) fn of_ingress(&self, ingress: &'a Resource<k8s::Ingress>) -> Served<'a> {
        if self.mode == IngressControllerMode::Off {
            return Served::Off;
        }
        if let Some(class) = ingress.metadata.annotations.get(ANNOTATION) {
            return if class == self.annotation {
                self.by_annotation()
            } else {
                Served::Elsewhere(class)
            };
        }
        let named = ingress.spec.ingress_class_name.as_deref();
        let class = match named {
            Some(name) => self.by_name.get(name).copied(),
            None => self.default,
        };
        match (class, named) {
            (Some(class), _) if class.spec.controller == CONTROLLER => Served::ByMesh,
            (Some(class), _) => Served::Elsewhere(class.name()),
            (None, _) if self.mode == IngressControllerMode::Default => Served::ByMesh,
            (None, Some(name)) => Served::UnknownClass(name),
            (None, None) => Served::WithoutClass,
        }
    }

    /// An `UNSPECIFIED` that is written out is no mode, and nothing is taken.
    fn by_annotation(&self) -> Served<'a> {
        match self.mode {
            IngressControllerMode::Unspecified => Served::Off,
            _ => Served::ByMesh,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Served;
    use crate::resolve::resolve;
    use crate::testing::Compiled;

    const CLASSES: &str = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: inside}\nspec: {controller: istio.io/ingress-controller}\n---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: other}\nspec: {controller: other.test/controller}\n";

    /// Who serves an Ingress with this `metadata` and `spec`, beside an `IngressClass` of the mesh and one of others.
    fn served(config: &str, metadata: &str, spec: &str) -> String {
        let ingress = format!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: a, namespace: shop{metadata}}}\nspec: {{{spec}}}\n"
        );
        let project = format!("meshConfig: {{{config}}}\n");
        let files = [("mesh.yaml", &*project), ("class.yaml", CLASSES), ("a.yaml", &*ingress)];
        let compiled = Compiled::files(&files);
        let mesh = resolve(&compiled.mesh);
        match mesh.ingresses.iter().next().unwrap().served {
            Served::ByMesh => "mesh".to_owned(),
            Served::Elsewhere(name) => format!("elsewhere: {name}"),
            Served::UnknownClass(name) => format!("unknown: {name}"),
            Served::WithoutClass => "without".to_owned(),
            Served::Off => "off".to_owned(),
        }
    }

    #[test]
    fn a_class_says_whose_an_ingress_is() {
        let annotated =
            |class: &str| format!(", annotations: {{kubernetes.io/ingress.class: {class}}}");
        assert_eq!(served("", "", ""), "without");
        assert_eq!(served("", &annotated("istio"), ""), "mesh");
        assert_eq!(served("", &annotated("nginx"), ""), "elsewhere: nginx");
        assert_eq!(served("", "", "ingressClassName: inside"), "mesh");
        assert_eq!(served("", "", "ingressClassName: other"), "elsewhere: other");
        assert_eq!(served("", "", "ingressClassName: istio"), "unknown: istio");
        assert_eq!(served("ingressClass: edge", &annotated("edge"), ""), "mesh");
        assert_eq!(served("ingressClass: edge", &annotated("istio"), ""), "elsewhere: istio");
    }

    #[test]
    fn the_mode_says_what_becomes_of_those_without_a_class() {
        let by_default = "ingressControllerMode: DEFAULT";
        assert_eq!(served(by_default, "", ""), "mesh");
        assert_eq!(served(by_default, "", "ingressClassName: nowhere"), "mesh");
        assert_eq!(served("ingressControllerMode: 'OFF'", "", "ingressClassName: inside"), "off");
    }
}
