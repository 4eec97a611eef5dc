//! `policy-never-matches`: a part of a rule of an `AuthorizationPolicy` contradicts itself or the workload it is for.
//!
//! - What it asks for it also excludes (`methods` within `notMethods`), or two conditions on one attribute leave nothing.
//! - It excludes what every request has (`notPaths: ["*"]`), or every trust domain that an identity may be of.
//! - It asks for identities of the connection, and the workload takes plain text alone, or is a gateway that asks for no certificates.
//! - It asks for tokens, and nothing checks tokens for the workload.
//! - A value is one that no request has ([`crate::check::matching::possible`]): a path that is not as normalisation leaves paths, a method in lower
//!   case, a host with a scheme; or an identity that the mesh gives nobody, a token of an issuer whose tokens nothing takes, or a
//!   host, of a request or of a handshake, that no server of the gateway has.
//! - Those whom a value stands for have no proxy, which alone could prove who they are.
//!
//! Source: Istio, `AuthorizationPolicy.rules`: within a rule all parts must hold, and in a list any value.

mod callers;
mod contradiction;
mod impossible;
mod selected;
mod token;
mod unproven;

use callers::{Callers, SeenBy};
use contradiction::contradictions;
use impossible::{Known, dead_values};
use selected::{Selected, Selections};
use token::Tokens;
use unproven::{Proof, Unproven};

use crate::api::istio::{Action, Rule};
use crate::check::identity::{self, asked_by, is_asked};
use crate::check::kept::apart;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("policy-never-matches", Severity::Warning, include_str!("policy_never_matches.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let (selections, unproven) = (Selections::of(mesh), Unproven::of(mesh));
    apart::authorization_policies(mesh, out, |policy, out| {
        let action = policy.resource.spec.action;
        let Some(selected) = selections.by(policy) else { return };
        let callers = Callers { mesh, workloads: &selected.workloads };
        let identities = SeenBy { callers: &callers, namespace: &policy.resource.namespace };
        let tokens = || selections.tokens(policy, &selected);
        let served = || selections.served(&selected);
        let names = || selections.names(&selected);
        for (index, rule) in policy.resource.spec.rules.iter().flatten().enumerate() {
            let at = FieldPath::default().field("spec").field("rules").index(index);
            let written_out = identity::written_out(rule, mesh.settings.trust_domains());
            let mut faults = contradictions(&written_out, &at, &identities);
            let nobody = without_identity(&selections, (action, rule), &at, &selected);
            // Where nobody has an identity, that is what is said of each.
            let has_identities = nobody.is_none();
            faults.extend(nobody);
            faults.extend(without_token(&selections, rule, &at, &selected, tokens));
            out.extend(faults.into_iter().map(|fault| fault.say(policy.resource.id, action)));
            let known = Known { tokens: &tokens, hosts: &served, names: &names, has_identities };
            let mut dead = dead_values(&callers, &known, rule, &at);
            if has_identities {
                dead.extend(unproven.values(&callers, (rule, &policy.resource.namespace), &at));
            }
            out.extend(dead.into_iter().map(|value| value.say(policy.resource.id, action)));
        }
    });
}

/// Why a part never holds.
struct Fault {
    message: String,
    at: FieldPath,
    label: &'static str,
    other: Option<(Place, &'static str)>,
    help: &'static str,
}

/// A value of a list that nothing has.
struct DeadValue {
    message: String,
    at: FieldPath,
    /// Whether it stands in a list of what is left out.
    excludes: bool,
    /// What may have been meant.
    instead: Option<String>,
    /// Of callers without a proxy.
    proof: Option<Proof>,
}

impl DeadValue {
    fn say(self, document: crate::parse::DocumentId, action: Action) -> Diagnostic {
        let effect = match action {
            _ if self.excludes => "nobody is left out by this value",
            Action::Allow => "this value lets nobody in",
            Action::Deny => "this value stops nobody",
            Action::Audit => "by this value nothing is noted",
            Action::Custom => "by this value nobody is asked",
        };
        let place = Place::value(document, self.at);
        let message = self.message;
        // What is refused as it stands is not asked which requests have it.
        let found = Diagnostic::new(&CHECK, place.clone(), message)
            .supposing(place)
            .meant(self.instead.as_deref(), "never holds")
            .consequence(effect);
        match self.proof {
            Some(proof) => found.also(proof.place, proof.text).help(
                "give these callers a proxy, or tell them apart by `ipBlocks`, where plain text is let in",
            ),
            None => found,
        }
    }
}

impl Fault {
    fn say(self, document: crate::parse::DocumentId, action: Action) -> Diagnostic {
        let effect = match action {
            Action::Allow => "this part of the rule lets nobody in",
            Action::Deny => "this part of the rule stops no request",
            Action::Audit => "this part of the rule notes nothing",
            Action::Custom => "by this part of the rule nobody is asked",
        };
        let place = Place::key(document, self.at);
        let found = Diagnostic::new(&CHECK, place, self.message).label(self.label);
        let found = match self.other {
            Some((place, text)) => found.also(place, text),
            None => found,
        };
        found.consequence(effect).help(self.help)
    }
}

/// Every caller is somebody unknown to a workload that takes plain text alone, or to a gateway that asks for no certificates.
fn without_identity<'m, 'a>(
    selections: &Selections<'m, 'a>,
    (action, rule): (Action, &Rule),
    at: &FieldPath,
    selected: &Selected<'m, 'a>,
) -> Option<Fault> {
    let sources = rule.from.iter().flatten().enumerate();
    let from = sources.filter_map(|(index, it)| {
        let field = asked_by(it.source.as_ref()?)?;
        let path = at.clone().field("from").index(index).field("source").field(field);
        Some((path, field))
    });
    let when = rule.when.iter().enumerate().filter(|(_, it)| is_asked(it));
    let when = when
        .map(|(index, it)| (at.clone().field("when").index(index).field("key"), it.key.as_str()));
    let (at, asked) = from.chain(when).next()?;
    let message = format!("`{asked}` asks for an identity, and no connection here has one");
    let fault = |place: &Place, why, help| Fault {
        message,
        at,
        label: "never holds",
        other: Some((place.clone(), why)),
        help,
    };
    if let Some(place) = selections.plain_text(selected) {
        let why = "the workload takes plain text alone, which proves nothing";
        let help = "let the workload take mutual TLS (`PERMISSIVE` or `STRICT`)";
        return Some(fault(place, why, help));
    }
    // Of a gateway that lets nobody in `closed-gateway` speaks.
    let place = selections.anonymous_gateway(selected).filter(|_| action != Action::Allow)?;
    let why = "no server of this gateway asks its clients for a certificate";
    let help = "tell clients from outside apart by `requestPrincipals` or `remoteIpBlocks`";
    Some(fault(place, why, help))
}

/// Without a `RequestAuthentication` no request has a token that counts.
fn without_token<'m, 'a, 't>(
    selections: &Selections<'m, 'a>,
    rule: &Rule,
    at: &FieldPath,
    selected: &Selected<'m, 'a>,
    tokens: impl FnOnce() -> &'t Tokens<'t>,
) -> Option<Fault> {
    let sources = rule.from.iter().flatten().enumerate();
    let source = sources.filter_map(|(at, it)| Some((at, it.source.as_ref()?)));
    let mut source = source.filter(|(_, source)| !source.request_principals.is_empty());
    let from = source.next().map(|(index, _)| {
        at.clone().field("from").index(index).field("source").field("requestPrincipals")
    });
    let when = rule.when.iter().position(|condition| {
        condition.key.starts_with("request.auth.") && !condition.values.is_empty()
    });
    let when = when.map(|index| at.clone().field("when").index(index).field("key"));
    let at = from.or(when)?;
    if !tokens().are_none() {
        return None;
    }
    // What becomes of such a rule where there are no requests is told by others.
    if selections.are_for_tcp_alone(selected) {
        return None;
    }
    Some(Fault {
        message: "the rule asks for a token, and nothing checks tokens here".to_owned(),
        at,
        label: "never holds",
        other: None,
        help: "add a RequestAuthentication for the same workloads",
    })
}
