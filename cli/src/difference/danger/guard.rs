//! What a proxy asks of those who call its workload, by all its policies together: however they are called, and however what they
//! say is divided among them.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{
    Accepts, Action, AuthorizationPolicy, JwtRule, MtlsMode, PeerAuthentication, Role, Rule,
    Subject, TextPattern,
};
use mesh_snapshot::slice::Slice;
use mesh_snapshot::{Object, Snapshot};

use super::Danger;
use super::accepted::are_apart;
use super::covers;
use crate::difference::gist::mode;

pub(super) struct Guard {
    /// From the narrowest to the widest; none where there is no proxy, which takes plain text alone.
    peers: Option<Vec<PeerAuthentication>>,
    tokens: Vec<JwtRule>,
    /// Of all policies that allow; none where everything is allowed.
    allow: Option<Vec<Rule>>,
    deny: Vec<Rule>,
    /// By the authorizer that is asked.
    custom: BTreeMap<String, Vec<Rule>>,
}

impl Guard {
    /// Nobody acts on policies.
    pub(super) const fn none() -> Self {
        Self {
            peers: None,
            tokens: Vec::new(),
            allow: None,
            deny: Vec::new(),
            custom: BTreeMap::new(),
        }
    }

    pub(super) fn of(slice: &Slice, role: Role, snapshot: &Snapshot) -> Self {
        let mut guard = Self { peers: Some(Vec::new()), ..Self::none() };
        for object in slice.roots().filter_map(|root| snapshot.object(&root.digest)) {
            match object {
                // What a gateway asks for its servers say.
                Object::PeerAuthentication(peer) if role == Role::Sidecar => {
                    guard.peers.get_or_insert_default().push(peer);
                }
                Object::RequestAuthentication(policy) => guard.tokens.extend(policy.rules),
                Object::AuthorizationPolicy(policy) => guard.add(policy),
                _ => {}
            }
        }
        guard
    }

    fn add(&mut self, AuthorizationPolicy { action, dry_run, rules, .. }: AuthorizationPolicy) {
        let all = match action {
            // It is judged and counted, and refuses nobody.
            _ if dry_run => return,
            Action::Audit => return,
            Action::Allow => self.allow.get_or_insert_default(),
            Action::Deny => &mut self.deny,
            Action::Custom { provider } => self.custom.entry(provider).or_default(),
        };
        all.extend(rules);
    }

    /// The narrowest that says something. Source: Istio `PeerAuthentication`.
    fn mutual_tls(&self, port: Option<u16>) -> MtlsMode {
        let Some(peers) = &self.peers else { return MtlsMode::Disable };
        let of_port = |peer: &PeerAuthentication| peer.ports.get(&port?).copied();
        peers.iter().find_map(|peer| of_port(peer).or(peer.mode)).unwrap_or_default()
    }

    /// Where it asks less of callers than `before`, or allows no longer what a list allowed.
    pub(super) fn dangers(&self, before: &Self) -> BTreeSet<Danger> {
        let mut dangers = BTreeSet::new();
        dangers.extend(self.weaker_mutual_tls(before));
        if !self.refuses_what(before) {
            dangers.insert(Danger::LetsIn);
        }
        if self.is_closed() {
            dangers.extend((!before.is_closed()).then_some(Danger::Closed));
        } else if self.refuses_listed(before) {
            dangers.insert(Danger::Refuses);
        }
        dangers.extend(self.weaker_tokens(before));
        dangers
    }

    /// Whose tokens are accepted that were not, or with less. Where some are asked for, those of others are refused.
    fn weaker_tokens(&self, before: &Self) -> BTreeSet<Danger> {
        let is_required = |side: &Self| side.tokens.iter().any(|it| it.required);
        let is_open = self.tokens.is_empty();
        let gone =
            before.tokens.iter().filter(|was| is_open || (was.required && !is_required(self)));
        let mut dangers: BTreeSet<_> =
            gone.map(|was| Danger::Tokens { issuer: was.issuer.clone() }).collect();
        for is in &self.tokens {
            let issuer = is.issuer.clone();
            let of_issuer: Vec<_> =
                before.tokens.iter().filter(|was| was.issuer == is.issuer).collect();
            if of_issuer.is_empty() {
                dangers.extend(
                    before.asks_for_token_of(&issuer).then_some(Danger::TrustsIssuer { issuer }),
                );
                continue;
            }
            let with_keys: Vec<_> = of_issuer.iter().filter(|was| was.keys == is.keys).collect();
            if with_keys.is_empty() {
                dangers.insert(Danger::TrustsKeys { issuer: issuer.clone() });
            }
            let known = if with_keys.is_empty() { of_issuer.iter().collect() } else { with_keys };
            if !known.iter().any(|was| is_for_no_others(is, was)) {
                dangers.insert(Danger::Tokens { issuer });
            }
        }
        dangers
    }

    /// Whether some are refused unless they have a token that this issuer may have given.
    fn asks_for_token_of(&self, issuer: &str) -> bool {
        let of_rules =
            |rules: &[Rule], negated| rules.iter().any(|it| asks_for(it, negated, issuer));
        self.tokens.iter().any(|it| it.required)
            || of_rules(self.allow.as_deref().unwrap_or_default(), false)
            || of_rules(&self.deny, true)
    }

    fn weaker_mutual_tls(&self, before: &Self) -> Vec<Danger> {
        let sides = [before, self];
        let weaker = |port| {
            let [was, is] = sides.map(|side| side.mutual_tls(port));
            let danger = Danger::MutualTls { port, before: mode(was), after: mode(is) };
            // That pods lose their proxy is told of those; who was refused before has to be said.
            let is_told = self.peers.is_some() || was == MtlsMode::Strict;
            (is_told && strength(is) < strength(was)).then_some(danger)
        };
        let peers = sides.into_iter().flat_map(|side| side.peers.iter().flatten());
        let ports: BTreeSet<_> = peers.flat_map(|peer| peer.ports.keys().copied()).collect();
        // What becomes of all ports is not said of each.
        let of_all = weaker(None);
        let is_alone = |port: &u16| {
            let of = |side: &Self, port| side.mutual_tls(port);
            of_all.is_none() || sides.iter().any(|it| of(it, Some(*port)) != of(it, None))
        };
        let of_ports = ports.into_iter().filter(is_alone).filter_map(|port| weaker(Some(port)));
        let of_ports: Vec<_> = of_ports.collect();
        of_all.into_iter().chain(of_ports).collect()
    }

    /// Whether it refuses every request.
    fn is_closed(&self) -> bool {
        let is_for_all = |it: &Rule| it.from.is_empty() && it.to.is_empty() && it.when.is_empty();
        self.allow.as_ref().is_some_and(Vec::is_empty) || self.deny.iter().any(is_for_all)
    }

    /// Whether it refuses some of those that a list let in: by another list, or by what is denied now.
    fn refuses_listed(&self, before: &Self) -> bool {
        let Some(was) = &before.allow else { return false };
        let is_new = |rule: &&Rule| !covers::all(&before.deny, std::slice::from_ref(*rule));
        let mut denied = self.deny.iter().filter(is_new);
        // What was denied need not be listed.
        let is_listed = self
            .allow
            .as_ref()
            .is_none_or(|is| covers::all(is, was) || covers::all(&with(is, &before.deny), was));
        !is_listed || denied.any(|rule| was.iter().any(|it| covers::meet(it, rule)))
    }

    /// Whether all that was refused still is, by whatever. Where nothing but a list is allowed, what it does not have is refused.
    fn refuses_what(&self, before: &Self) -> bool {
        if self.is_closed() {
            return true;
        }
        let is_allowed = match (&before.allow, &self.allow) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(was), Some(is)) => {
                covers::all(was, is) || covers::all(&with(was, &self.deny), is)
            }
        };
        let is_refused = |rule: &Rule| {
            covers::all(&self.deny, std::slice::from_ref(rule))
                || self.allow.as_ref().is_some_and(|is| !is.iter().any(|it| covers::meet(it, rule)))
        };
        let is_asked = |(provider, was): (&String, &Vec<Rule>)| {
            let asked = self.custom.get(provider).map_or(&[][..], Vec::as_slice);
            covers::all(asked, was)
                || was
                    .iter()
                    .all(|it| is_refused(it) || covers::all(asked, std::slice::from_ref(it)))
        };
        let is_denied = covers::all(&self.deny, &before.deny) || before.deny.iter().all(is_refused);
        is_allowed && is_denied && before.custom.iter().all(is_asked)
    }
}

fn with(some: &[Rule], others: &[Rule]) -> Vec<Rule> {
    some.iter().chain(others).cloned().collect()
}

const fn strength(mode: MtlsMode) -> u8 {
    match mode {
        MtlsMode::Disable => 0,
        MtlsMode::Permissive => 1,
        MtlsMode::Strict => 2,
    }
}

/// Whether whoever is let in by the first was by the second: both are of one issuer.
fn is_for_no_others(is: &JwtRule, was: &JwtRule) -> bool {
    was.audiences.is_empty()
        || (!is.audiences.is_empty() && is.audiences.iter().all(|it| was.audiences.contains(it)))
}

/// Whether a rule has a test, negated or not, that a token of this issuer may be meant by.
fn asks_for(rule: &Rule, negated: bool, issuer: &str) -> bool {
    let own = Accepts::Text(vec![TextPattern::Prefix(format!("{issuer}/"))]);
    let tests = rule.from.iter().chain(&rule.to).flatten().chain(&rule.when);
    let mut tests = tests.filter(|it| it.negated == negated);
    tests.any(|it| match it.subject {
        Subject::RequestPrincipal => {
            !are_apart((&it.subject, &it.accepts), (&Subject::RequestPrincipal, &own))
        }
        Subject::JwtClaim(_) | Subject::JwtAudience | Subject::JwtPresenter => true,
        _ => false,
    })
}
