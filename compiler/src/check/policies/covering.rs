//! Which rules of `AuthorizationPolicy`s hold for all that others hold for.
//!
//! Only what is sure is said. Source: Istio, `AuthorizationPolicy.rules`: within a rule all parts must hold, and in a list any value.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use ipnet::IpNet;

use crate::api::istio::{Action, AuthorizationPolicy, Condition, From, Operation, Rule, Source};
use crate::check::caller::is_for_all;
use crate::check::identity::{self, Identity};
use crate::check::matching::form::Form;
use crate::check::policy_value::{Kind, are_apart, block, has_one_value, is_within, namespace_of};
use crate::diagnostic::{FieldPath, Place};
use crate::parse::DocumentId;
use crate::resolve::policy::{Policy, Scope};
use crate::resolve::{Mesh, TrustDomains, service_account};

/// A rule, where it stands, and whom it is for.
pub(super) struct At<'m> {
    /// With whom it names written out, accounts with their namespaces, and with what its conditions ask of the caller in `from`.
    pub(super) rule: Cow<'m, Rule>,
    /// Whether it asks for something: of those that do not another rule speaks.
    asks: bool,
    pub(super) document: DocumentId,
    pub(super) index: usize,
    pub(super) scope: &'m Scope<'m>,
}

impl At<'_> {
    pub(super) fn place(&self) -> Place {
        let path = FieldPath::default().field("spec").field("rules").index(self.index);
        Place::value(self.document, path)
    }

    pub(super) fn wanted(&self) -> Wanted<'_> {
        Asked::ALL.map(|asked| asked.values(&self.rule))
    }
}

/// To how many rules one is held of which a value does not tell whether they cover it: nobody writes so many.
pub(super) const CANDIDATES_MAX: usize = 512;

/// The rules of all policies with an action, by the namespaces where they stand. What is on trial changes nothing.
pub(super) fn by_namespace<'m>(
    mesh: &'m Mesh<'_>,
    action: Action,
) -> BTreeMap<&'m str, Vec<At<'m>>> {
    let mut all: BTreeMap<&str, Vec<At<'_>>> = BTreeMap::new();
    let domains = mesh.settings.trust_domains();
    for policy in &mesh.policies.authorization_policies {
        let rules = rules(policy, action, domains);
        all.entry(policy.resource.namespace.as_str()).or_default().extend(rules);
    }
    all
}

/// Those of some policies.
pub(super) fn rules_of<'m>(
    policies: &[&'m Policy<'_, AuthorizationPolicy>],
    action: Action,
    domains: TrustDomains<'_>,
) -> Vec<At<'m>> {
    policies.iter().flat_map(|it| rules(it, action, domains)).collect()
}

fn rules<'m>(
    policy: &'m Policy<'_, AuthorizationPolicy>,
    action: Action,
    domains: TrustDomains<'_>,
) -> Vec<At<'m>> {
    let acts = policy.resource.spec.action == action && !policy.resource.is_tried();
    let Some(scope) = policy.scope.as_ref().ok().filter(|_| acts) else { return Vec::new() };
    let (document, namespace) = (policy.resource.id, policy.resource.namespace.as_str());
    let rules = policy.resource.spec.rules.iter().flatten().enumerate().map(|(index, rule)| {
        let rule = match identity::written_out(rule, domains) {
            Cow::Borrowed(rule) => with_callers(rule),
            Cow::Owned(rule) => Cow::Owned(with_callers(&rule).into_owned()),
        };
        let rule = with_accounts(rule, namespace);
        let asks = is_for_all(&rule).is_none();
        At { rule, asks, document, index, scope }
    });
    rules.collect()
}

/// Which rules may cover another, found by a value that holds one which the other asks for.
pub(super) struct Broader<'m> {
    /// By what they ask for of the first thing of which it is known what holds it.
    by_value: HashMap<(Asked, Mark<'m>), Vec<usize>>,
    /// Of the fixed parts of patterns, for each thing.
    lengths: BTreeMap<Asked, BTreeSet<usize>>,
    /// Those of which it cannot be told so.
    others: Vec<usize>,
    /// What each rule asks for.
    pub(super) asked: Vec<Wanted<'m>>,
}

/// By what a rule asks for it.
pub(super) type Wanted<'m> = [Option<Vec<Key<'m>>>; 8];

/// A value, and what it is asked of.
pub(super) type Key<'m> = (Asked, &'m str);

/// What whatever a value holds has in common, by which the value is found.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Mark<'m> {
    Text(Form<'m>),
    Block(IpNet),
}

/// Of no pattern of callers, who may be asked for in other ways than this.
fn mark((asked, value): Key<'_>) -> Option<Mark<'_>> {
    if matches!(asked, Asked::Addresses | Asked::RemoteAddresses) {
        return Some(Mark::Block(block(value).ok()?.trunc()));
    }
    let form = match value.split_once('{').filter(|_| asked == Asked::Paths) {
        // What a template holds begins as it does, and ends so.
        Some((start, _)) => {
            let (_, end) = value.rsplit_once('}')?;
            if start.len() < end.len() { Form::Suffix(end) } else { Form::Prefix(start) }
        }
        None => Form::of_policy(value).unwrap_or(Form::Prefix("")),
    };
    let is_comparable = matches!(form, Form::Exact(_))
        || matches!(asked, Asked::Tokens | Asked::Paths | Asked::Hosts);
    (is_comparable && !form.text().contains('*')).then_some(Mark::Text(form))
}

impl Mark<'_> {
    /// Of what does not stand for one text or address alone: how much of it is fixed.
    fn length(&self) -> Option<usize> {
        match self {
            Self::Text(Form::Exact(_)) => None,
            Self::Text(form) => Some(form.text().len()),
            Self::Block(block) => Some(block.prefix_len().into()),
        }
    }
}

impl<'m> Broader<'m> {
    pub(super) fn of(rules: &'m [At<'_>]) -> Self {
        let asked: Vec<Wanted<'m>> = rules.iter().map(At::wanted).collect();
        let mut count: HashMap<Key<'m>, usize> = HashMap::new();
        for key in asked.iter().flatten().flatten().flatten() {
            *count.entry(*key).or_default() += 1;
        }
        let (mut by_value, mut others) = (HashMap::<_, Vec<usize>>::new(), Vec::new());
        let mut lengths: BTreeMap<Asked, BTreeSet<usize>> = BTreeMap::new();
        for (place, lists) in asked.iter().enumerate() {
            let told = lists.iter().flatten().filter_map(|values| {
                let marks = values.iter().map(|key| Some((key.0, mark(*key)?)));
                Some((values, marks.collect::<Option<BTreeSet<_>>>()?))
            });
            // What the fewest others ask for tells most.
            let rarest =
                told.min_by_key(|(values, _)| values.iter().map(|key| count.get(key)).max());
            let Some((_, marks)) = rarest else {
                others.push(place);
                continue;
            };
            for (asked, mark) in marks {
                lengths.entry(asked).or_default().extend(mark.length());
                by_value.entry((asked, mark)).or_default().push(place);
            }
        }
        Self { by_value, lengths, others, asked }
    }

    /// The same, but for rules of which it cannot be told by a value what they cover, and that stand behind so many of them.
    pub(super) fn at_most(mut self, others_max: usize) -> Self {
        self.others.truncate(others_max);
        self
    }

    /// All that may cover a rule, in their order: of a value that it asks for itself, they ask for one that holds it.
    pub(super) fn candidates(&self, asked: &Wanted<'m>, narrow: &'m At<'_>) -> Vec<usize> {
        let is_empty = |list: Option<usize>| list == Some(0);
        if is_empty(narrow.rule.from.as_ref().map(Vec::len))
            || is_empty(narrow.rule.to.as_ref().map(Vec::len))
        {
            return (0..self.asked.len()).collect();
        }
        let asked = asked.iter().flatten();
        let asked = asked.filter_map(|values| values.first().copied());
        // Who is asked for by name is of a namespace, too.
        let namespace = narrow.rule.from.iter().flatten().find_map(|it| {
            let source = it.source.as_ref()?;
            let account = source.service_accounts.first();
            let account = account.and_then(|it| it.split_once('/'));
            let of_account = account.map(|(namespace, _)| namespace);
            of_account.or_else(|| namespace_of(source.principals.first()?))
        });
        let asked = asked.chain(namespace.map(|it| (Asked::Namespaces, it)));
        let by_value = asked.flat_map(|key| self.holding(key)).flatten();
        let mut all: Vec<_> = by_value.chain(&self.others).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The rules by each value that holds this one.
    fn holding(&self, (asked, value): Key<'m>) -> impl Iterator<Item = &Vec<usize>> {
        let (start, end) = (value.trim_end_matches('*'), value.trim_start_matches('*'));
        let own = block(value).ok();
        let lengths = self.lengths.get(&asked).into_iter().flatten().copied();
        let wider = lengths.flat_map(move |length| {
            let prefix = start.get(..length).map(Form::Prefix);
            let from = end.len().checked_sub(length);
            let suffix = from.and_then(|from| end.get(from..)).map(Form::Suffix);
            let around = own.filter(|own| length <= own.prefix_len().into());
            let around = around.and_then(|own| {
                let length = u8::try_from(length).ok()?;
                Some(Mark::Block(IpNet::new(own.addr(), length).ok()?.trunc()))
            });
            let texts = [prefix, suffix].into_iter().flatten().map(Mark::Text);
            texts.chain(around)
        });
        let marks = std::iter::once(Mark::Text(Form::Exact(value))).chain(wider);
        marks.filter_map(move |mark| self.by_value.get(&(asked, mark)))
    }
}

/// What a rule may ask for, as far as rules are told apart by it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Asked {
    Principals,
    Namespaces,
    Tokens,
    Addresses,
    RemoteAddresses,
    Paths,
    Hosts,
    Ports,
}

impl Asked {
    const ALL: [Self; 8] = [
        Self::Principals,
        Self::Namespaces,
        Self::Tokens,
        Self::Addresses,
        Self::RemoteAddresses,
        Self::Paths,
        Self::Hosts,
        Self::Ports,
    ];

    /// The values of all alternatives; absent where one of them takes any.
    fn values<'m>(self, rule: &'m Rule) -> Option<Vec<(Self, &'m str)>> {
        let source = |get: fn(&Source) -> &Vec<String>| -> Option<Vec<&'m Vec<String>>> {
            let parts = rule.from.as_ref()?.iter();
            parts.map(|part| part.source.as_ref().map(get)).collect()
        };
        let operation = |get: fn(&Operation) -> &Vec<String>| -> Option<Vec<&'m Vec<String>>> {
            let parts = rule.to.as_ref()?.iter();
            parts.map(|part| part.operation.as_ref().map(get)).collect()
        };
        let lists = match self {
            Self::Principals => source(|it| &it.principals),
            Self::Namespaces => source(|it| &it.namespaces),
            Self::Tokens => source(|it| &it.request_principals),
            Self::Addresses => source(|it| &it.ip_blocks),
            Self::RemoteAddresses => source(|it| &it.remote_ip_blocks),
            Self::Paths => operation(|it| &it.paths),
            Self::Hosts => operation(|it| &it.hosts),
            Self::Ports => operation(|it| &it.ports),
        }?;
        let asks = !lists.is_empty() && lists.iter().all(|list| !list.is_empty());
        let values = lists.into_iter().flatten().map(|value| (self, value.as_str()));
        asks.then(|| values.collect())
    }
}

/// A rule whose accounts are written with their namespaces, which is the policy's `own` where it is left out.
fn with_accounts<'m>(rule: Cow<'m, Rule>, own: &str) -> Cow<'m, Rule> {
    let is_short = |all: &[String]| all.iter().any(|it| !it.contains('/'));
    let of_accounts = |it: &Condition| it.key == "source.serviceAccount";
    let sources = || rule.from.iter().flatten().filter_map(|it| it.source.as_ref());
    let conditions = || rule.when.iter().filter(|it| of_accounts(it));
    let is_any_short = sources()
        .any(|it| is_short(&it.service_accounts) || is_short(&it.not_service_accounts))
        || conditions().any(|it| is_short(&it.values) || is_short(&it.not_values));
    if !is_any_short {
        return rule;
    }
    let complete = |all: &mut Vec<String>| {
        for account in all {
            let (namespace, name) = service_account(account, own);
            *account = format!("{namespace}/{name}");
        }
    };
    let mut rule = rule.into_owned();
    for source in rule.from.iter_mut().flatten().filter_map(|it| it.source.as_mut()) {
        complete(&mut source.service_accounts);
        complete(&mut source.not_service_accounts);
    }
    for condition in rule.when.iter_mut().filter(|it| of_accounts(it)) {
        complete(&mut condition.values);
        complete(&mut condition.not_values);
    }
    Cow::Owned(rule)
}

/// A rule whose conditions on the caller's identity stand in `from`, where nothing else does.
fn with_callers(rule: &Rule) -> Cow<'_, Rule> {
    let is_of_caller = |it: &Condition| matches!(&*it.key, "source.namespace" | "source.principal");
    if rule.from.is_some() || !rule.when.iter().any(is_of_caller) {
        return Cow::Borrowed(rule);
    }
    let (of_caller, others): (Vec<_>, Vec<_>) = rule.when.iter().cloned().partition(is_of_caller);
    // Of one attribute there may be two, which must both hold.
    let [condition] = of_caller.as_slice() else { return Cow::Borrowed(rule) };
    let Condition { key, values, not_values } = condition.clone();
    let source = if key == "source.namespace" {
        Source { namespaces: values, not_namespaces: not_values, ..Source::default() }
    } else {
        Source { principals: values, not_principals: not_values, ..Source::default() }
    };
    let from = Some(vec![From { source: Some(source) }]);
    Cow::Owned(Rule { from, when: others, ..rule.clone() })
}

/// Whether a rule holds for all that another one holds for, whatever workloads they are for. Of one that asks for nothing it is
/// not said.
pub(super) fn covers(broad: &At<'_>, narrow: &At<'_>) -> bool {
    let (a, b) = (&*broad.rule, &*narrow.rule);
    broad.asks
        && covers_any(a.from.as_deref(), b.from.as_deref(), |a, b| {
            let (Some(a), Some(b)) = (a.source.as_ref(), b.source.as_ref()) else { return false };
            covers_source(a, b) && covers_callers(a, b)
        })
        && covers_any(a.to.as_deref(), b.to.as_deref(), |a, b| {
            covers_operation(a.operation.as_ref(), b.operation.as_ref())
        })
        && a.when.iter().all(|a| b.when.iter().any(|b| covers_condition(a, b)))
}

/// Whether each alternative of `b` is covered by one of `a`; absent are all requests.
fn covers_any<T>(a: Option<&[T]>, b: Option<&[T]>, covers: impl Fn(&T, &T) -> bool) -> bool {
    match (a, b) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(a), Some(b)) => b.iter().all(|b| a.iter().any(|a| covers(a, b))),
    }
}

/// Whether whoever has an identity that `b` asks for has one that `a` asks for, in whichever way each of them says it.
fn covers_callers(a: &Source, b: &Source) -> bool {
    let accounts: Vec<_> = b.service_accounts.iter().filter_map(|it| it.split_once('/')).collect();
    let principals: Vec<_> = b.principals.iter().map(|it| (namespace_of(it), it)).collect();
    let each_account = |holds: &dyn Fn(&str, &str) -> bool| {
        !accounts.is_empty() && accounts.iter().all(|(namespace, name)| holds(namespace, name))
    };
    let each_principal = |holds: &dyn Fn(&str, &str) -> bool| {
        let holds = |(namespace, it): &(Option<&str>, &String)| {
            namespace.is_some_and(|namespace| holds(namespace, it))
        };
        !principals.is_empty() && principals.iter().all(holds)
    };
    let is_any = |values: &[String], value: &str| values.iter().any(|it| is_within(value, it));
    // Whatever the trust domain.
    let of_account = |namespace: &str, name: &str| format!("*/ns/{namespace}/sa/{name}");
    let has_principal = a.principals.is_empty()
        || asked(Kind::Text, &a.principals, &b.principals)
        || each_account(&|namespace, name| is_any(&a.principals, &of_account(namespace, name)))
        || (is_any(&a.principals, "*") && !b.namespaces.is_empty());
    let has_namespace = a.namespaces.is_empty()
        || asked(Kind::Text, &a.namespaces, &b.namespaces)
        || each_account(&|namespace, _| is_any(&a.namespaces, namespace))
        || each_principal(&|namespace, _| is_any(&a.namespaces, namespace));
    let own: Vec<_> = a.service_accounts.iter().filter_map(|it| it.split_once('/')).collect();
    let has_account = own.is_empty()
        || each_account(&|namespace, name| own.contains(&(namespace, name)))
        || each_principal(&|_, it| {
            own.iter().any(|(namespace, name)| is_within(it, &of_account(namespace, name)))
        });
    has_principal && has_namespace && has_account
}

fn covers_source(a: &Source, b: &Source) -> bool {
    use Kind::{Address, Text};
    let callers = OfCallers(b);
    asked(Text, &a.request_principals, &b.request_principals)
        && asked(Address, &a.ip_blocks, &b.ip_blocks)
        && asked(Address, &a.remote_ip_blocks, &b.remote_ip_blocks)
        && asked(Text, &a.trust_domains, &b.trust_domains)
        && leaves(
            Text,
            &a.not_request_principals,
            (&b.request_principals, &b.not_request_principals),
        )
        && leaves(Address, &a.not_ip_blocks, (&b.ip_blocks, &b.not_ip_blocks))
        && leaves(Address, &a.not_remote_ip_blocks, (&b.remote_ip_blocks, &b.not_remote_ip_blocks))
        && leaves(Text, &a.not_trust_domains, (&[], &b.not_trust_domains))
        && a.not_principals
            .iter()
            .all(|it| b.not_principals.iter().any(|own| is_within(it, own)) || callers.are_not(it))
        && a.not_namespaces.iter().all(|it| {
            b.not_namespaces.iter().any(|own| is_within(it, own)) || callers.are_not_of(it)
        })
        && excluded(Text, &a.not_service_accounts, &b.not_service_accounts)
}

/// Whom a source asks for, where it asks for identities.
struct OfCallers<'p>(&'p Source);

impl OfCallers<'_> {
    /// Whether none of them has an identity that `principal` stands for, whatever their trust domains.
    fn are_not(&self, principal: &str) -> bool {
        let account = Identity::parse(principal);
        let is_other = |namespace: &str, name: &str| {
            account.as_ref().is_some_and(|it| (it.namespace, it.account) != (namespace, name))
        };
        let is_other_principal =
            |it: &String| Identity::parse(it).is_some_and(|it| is_other(it.namespace, it.account));
        let is_other_account = |it: &String| {
            it.split_once('/').is_some_and(|(namespace, name)| is_other(namespace, name))
        };
        all_of(&self.0.principals, is_other_principal)
            || all_of(&self.0.service_accounts, is_other_account)
            || namespace_of(principal).is_some_and(|namespace| self.are_not_of(namespace))
    }

    /// Whether none of them is of a namespace that `namespace` stands for.
    fn are_not_of(&self, namespace: &str) -> bool {
        let is_other = |it: &str| are_apart(it, namespace);
        all_of(&self.0.namespaces, |it| is_other(it))
            || all_of(&self.0.principals, |it| namespace_of(it).is_some_and(is_other))
            || all_of(&self.0.service_accounts, |it| {
                it.split_once('/').is_some_and(|(namespace, _)| is_other(namespace))
            })
    }
}

/// Of no values nothing is said.
fn all_of(values: &[String], holds: impl Fn(&String) -> bool) -> bool {
    !values.is_empty() && values.iter().all(holds)
}

fn covers_operation(a: Option<&Operation>, b: Option<&Operation>) -> bool {
    use Kind::{Host, Path, Text};
    let (Some(a), Some(b)) = (a, b) else { return false };
    asked(Host, &a.hosts, &b.hosts)
        && asked(Text, &a.ports, &b.ports)
        && asked(Text, &a.methods, &b.methods)
        && asked(Path, &a.paths, &b.paths)
        && leaves(Host, &a.not_hosts, (&b.hosts, &b.not_hosts))
        && leaves(Text, &a.not_ports, (&b.ports, &b.not_ports))
        && leaves(Text, &a.not_methods, (&b.methods, &b.not_methods))
        && leaves(Path, &a.not_paths, (&b.paths, &b.not_paths))
}

fn covers_condition(a: &Condition, b: &Condition) -> bool {
    let kind = Kind::of_condition(&a.key);
    a.key == b.key
        && asked(kind, &a.values, &b.values)
        && if has_one_value(&a.key) {
            leaves(kind, &a.not_values, (&b.values, &b.not_values))
        } else {
            excluded(kind, &a.not_values, &b.not_values)
        }
}

/// Whether what has one of `b` has one of `a`; none asks for nothing.
fn asked(kind: Kind, a: &[String], b: &[String]) -> bool {
    // There may be thousands of blocks in one list.
    if matches!(kind, Kind::Address) && a.len() > 1 && b.len() > 1 {
        return are_held(a, b);
    }
    let is_held = |b: &String| a.iter().any(|a| kind.is_within(b, a));
    a.is_empty() || (!b.is_empty() && b.iter().all(is_held))
}

/// Whether each block of `b` lies in one of `a`.
fn are_held(a: &[String], b: &[String]) -> bool {
    let blocks = |values: &[String]| -> Option<BTreeSet<IpNet>> {
        values.iter().map(|it| block(it).ok().map(|it| it.trunc())).collect()
    };
    let (Some(a), Some(b)) = (blocks(a), blocks(b)) else { return false };
    let lengths: BTreeSet<u8> = a.iter().map(IpNet::prefix_len).collect();
    b.iter().all(|own| {
        let wider = lengths.range(..=own.prefix_len());
        let mut around = wider.filter_map(|length| IpNet::new(own.addr(), *length).ok());
        around.any(|it| a.contains(&it.trunc()))
    })
}

/// Whether nothing of what `a` excludes is left in what is asked for, but for what is excluded there.
fn leaves(kind: Kind, a: &[String], (asked, not): (&[String], &[String])) -> bool {
    let is_apart = |it: &String, own: &String| kind.are_apart(it, own);
    a.iter().all(|a| {
        not.iter().any(|own| kind.is_within(a, own)) || all_of(asked, |own| is_apart(a, own))
    })
}

/// Whether all that `a` excludes `b` excludes, too.
fn excluded(kind: Kind, a: &[String], b: &[String]) -> bool {
    a.iter().all(|a| b.iter().any(|b| kind.is_within(a, b)))
}
