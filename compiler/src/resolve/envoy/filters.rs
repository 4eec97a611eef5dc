//! What becomes of the `EnvoyFilter`s of a repository: which of their patches are served, for whom, and what is told of the others.

use std::collections::BTreeSet;

use mesh_snapshot::object::{FilterStep, RequestFilter, RouteHeaders, RouteSetting};

use super::{Effect, Loss, effect};
use crate::api::istio::EnvoyFilter;
use crate::api::{Mesh, Resource};
use crate::resolve::policy::{self, NoScope, Scope};
use crate::resolve::{Age, Settings};

/// The oldest first: among those of one priority and one namespace, that is their order. Source: Istio, `EnvoyFilter.priority`.
#[derive(Clone, Debug)]
pub struct EnvoyFilters<'a>(Vec<Resolved<'a>>);

/// One of them.
#[derive(Clone, Debug)]
pub struct Resolved<'a> {
    pub resource: &'a Resource<EnvoyFilter>,
    /// Absent: nobody, for this reason.
    pub scope: Result<Scope<'a>, NoScope>,
    pub patches: Vec<Patch>,
}

/// One patch: what of it is served, and what is told of it.
#[derive(Clone, Debug)]
pub struct Patch {
    /// In `spec.configPatches`.
    pub index: usize,
    pub served: Option<Served>,
    pub told: Option<Loss>,
}

#[derive(Clone, Debug)]
pub enum Served {
    Step(RequestFilter),
    Settings(Vec<RouteSetting>),
    RouteHeaders(RouteHeaders),
    TrustedProxies(u32),
}

impl<'a> EnvoyFilters<'a> {
    pub(in crate::resolve) fn of(mesh: &'a Mesh, settings: &Settings<'a>) -> Self {
        let root = settings.root_namespace;
        let mut resources: Vec<_> = mesh.envoy_filters.iter().collect();
        resources.sort_by_key(|resource| Age::of(resource));
        let scope = |resource: &'a Resource<EnvoyFilter>| {
            let spec = &resource.spec;
            let labels = spec.workload_selector.as_ref().map(|selector| &selector.labels);
            policy::of_workloads(labels, &spec.target_refs, &resource.namespace, root)
        };
        let effects: Vec<_> =
            resources.into_iter().map(|it| (it, scope(it), effects(it))).collect();
        let limits = Limits::of(&effects, root);
        let resolved = effects.into_iter().map(|(resource, scope, effects)| Resolved {
            patches: patches(effects, scope.as_ref().err(), &|name| {
                limits.has(&resource.namespace, name)
            }),
            resource,
            scope,
        });
        Self(resolved.collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Resolved<'a>> {
        self.0.iter()
    }
}

/// Patches that say what they do, with their places.
type Effects = Vec<(usize, Effect)>;

/// What follows a patch that is none is not looked at.
fn effects(resource: &Resource<EnvoyFilter>) -> Effects {
    let patches = resource.spec.config_patches.iter().enumerate();
    let patches = patches.take_while(|(_, config)| config.patch.is_some());
    patches.filter_map(|(index, config)| Some((index, effect(config)?))).collect()
}

/// By namespace, the names of filters that limit rates.
struct Limits<'e> {
    root: &'e str,
    names: BTreeSet<(&'e str, String)>,
}

impl<'e> Limits<'e> {
    fn of(
        effects: &[(&'e Resource<EnvoyFilter>, Result<Scope<'e>, NoScope>, Effects)],
        root: &'e str,
    ) -> Self {
        let served = effects.iter().filter(|(_, scope, _)| scope.is_ok());
        let names = served.flat_map(|(resource, _, effects)| {
            effects.iter().filter_map(|(_, effect)| match effect {
                Effect::Step(step) if matches!(step.served.step, FilterStep::RateLimit(_)) => {
                    Some((&*resource.namespace, step.served.name.clone()))
                }
                _ => None,
            })
        });
        Self { root, names: names.collect() }
    }

    /// Whether some workload may have that filter and what is set in `namespace`.
    fn has(&self, namespace: &str, name: &str) -> bool {
        self.names.iter().any(|(of, known)| {
            known == name && (*of == namespace || *of == self.root || namespace == self.root)
        })
    }
}

fn patches(
    effects: Effects,
    nobody: Option<&NoScope>,
    is_limit: &dyn Fn(&str) -> bool,
) -> Vec<Patch> {
    let patch = |(index, effect)| {
        let (served, told) = match effect {
            Effect::Native(_) => (None, None),
            Effect::Lost(loss) => (None, Some(loss)),
            Effect::Step(step) if nobody.is_none() => (Some(Served::Step(step.served)), step.told),
            Effect::Step(step) => (None, Some(step.unmade.because(NOBODY))),
            Effect::RouteHeaders(headers) if nobody.is_none() => {
                (Some(Served::RouteHeaders(headers.served)), headers.told)
            }
            Effect::RouteHeaders(headers) => (None, Some(headers.unmade.because(NOBODY))),
            Effect::TrustedProxies(trusted) if nobody.is_none() => {
                (Some(Served::TrustedProxies(trusted.served)), trusted.told)
            }
            Effect::TrustedProxies(trusted) => (None, Some(trusted.unmade.because(NOBODY))),
            Effect::Settings(settings) => {
                let stranger = settings.served.iter().find(|it| !is_limit(&it.filter));
                match stranger {
                    _ if nobody.is_some() => (None, Some(settings.unmade.because(NOBODY))),
                    None => (Some(Served::Settings(settings.served)), settings.told),
                    Some(setting) => {
                        let name = &setting.filter;
                        let reason =
                            format!("no EnvoyFilter puts a rate limit of the name `{name}` there");
                        (None, Some(settings.unmade.because(&reason)))
                    }
                }
            }
        };
        Patch { index, served, told }
    };
    effects.into_iter().map(patch).collect()
}

const NOBODY: &str = "it is for waypoints, and there are none";
