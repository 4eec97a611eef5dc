//! Steps that authors have put into a request's path: what they do to it, with their lines.
//!
//! What a limit has counted only its proxy knows, so a limit is told and refuses nobody. A value that is made of more than what is
//! known here is told and not written.

use http::HeaderMap;
use mesh_engine::filter::{
    Change, Edit, Entry, Filter, Limit, Moment, OnRoute, Side, Step as Put, edit,
};
use mesh_engine::route::{Outcome, Value};
use mesh_engine::{Program, Request};
use mesh_snapshot::SourceMap;
use mesh_snapshot::object::{FilterPlace, PartsPerMillion, Traffic};

use super::answer::{Mark, Step, place};
use super::describe::{share, span};

/// Where a request comes in at a proxy.
pub(super) struct Path<'a> {
    pub program: &'a Program,
    pub traffic: Traffic,
    pub port: u16,
    pub sources: &'a SourceMap,
}

/// A request that was routed, and its headers then.
pub(super) struct Passed<'p> {
    pub headers: HeaderMap,
    pub outcome: Outcome<'p>,
    /// How its route was found.
    pub route: Step,
}

impl Path<'_> {
    /// Takes headers through the steps of one place. Whether a route is to be found anew by them.
    pub(super) fn pass(
        &self,
        at: FilterPlace,
        on: Option<&OnRoute<'_>>,
        headers: &mut HeaderMap,
        told: &mut Step,
    ) -> bool {
        let entry = Entry { traffic: self.traffic, port: self.port };
        let mut anew = false;
        for filter in self.program.filters().steps(at, entry) {
            match &filter.step {
                Put::RateLimit(_) => {
                    let found = self.program.filters().limit(filter, self.traffic, on);
                    let limit = found.and_then(|(id, _)| self.program.filters().get(id));
                    if let Some(limit) = limit {
                        let source = place(self.sources, &limit.key, &limit.item);
                        told.push(Mark::Note, limited(limit), source);
                    }
                }
                Put::Edits { request, response, reroute } => {
                    edit(headers, request, |_, _| None);
                    anew |= *reroute && !request.is_empty();
                    self.tell(filter, request, "of the request", told);
                    self.tell(filter, response, "of the answer", told);
                }
            }
        }
        anew
    }

    fn tell(&self, filter: &Filter, edits: &[Edit], whose: &str, told: &mut Step) {
        tell(edits, whose, place(self.sources, &filter.key, &filter.item), told);
    }

    /// Routes a request by `find`, and takes it through the steps of `places`.
    pub(super) fn route<'p>(
        &self,
        request: &Request<'_>,
        places: &[FilterPlace],
        told: &mut Step,
        find: impl Fn(&Request<'_>, &mut Step) -> Outcome<'p>,
    ) -> Passed<'p> {
        let mut route = Step::new("route");
        let mut outcome = find(request, &mut route);
        let mut headers = request.headers.clone();
        for at in places {
            let on = OnRoute::of(&outcome, request.port);
            if self.pass(*at, on.as_ref(), &mut headers, told) {
                route = Step::new("route");
                outcome = find(&Request { headers: &headers, ..*request }, &mut route);
            }
        }
        Passed { headers, outcome, route }
    }
}

fn tell(edits: &[Edit], whose: &str, source: Option<String>, told: &mut Step) {
    if !edits.is_empty() {
        let edits: Vec<_> = edits.iter().map(edited).collect();
        told.push(Mark::Note, format!("headers {whose}: {}", edits.join(", ")), source);
    }
}

/// Which way requests go that a proxy sends on.
pub(super) const fn sent(program: &Program) -> Traffic {
    if program.gateway().is_some() { Traffic::Gateway } else { Traffic::Outbound }
}

/// Edits the headers of a request that is sent where its route leads.
pub(super) fn lead(
    program: &Program,
    on: Option<&OnRoute<'_>>,
    moment: Moment,
    headers: &mut HeaderMap,
) {
    let Some(on) = on else { return };
    let edits = program.filters().route_headers();
    edits.each((sent(program), on), Side::Request, moment, |_, _, edits| {
        edit(headers, edits, |_, _| None);
    });
}

/// What is edited where a route leads, with its lines.
pub(super) fn tell_route(
    program: &Program,
    traffic: Traffic,
    on: Option<&OnRoute<'_>>,
    sources: &SourceMap,
    told: &mut Step,
) {
    let Some(on) = on else { return };
    for (side, whose) in [(Side::Request, "of the request"), (Side::Response, "of the answer")] {
        for moment in [Moment::Before, Moment::After] {
            let edits = program.filters().route_headers();
            edits.each((traffic, on), side, moment, |key, item, edits| {
                tell(edits, whose, place(sources, key, item), told);
            });
        }
    }
}

/// What there is to tell, if anything.
pub(super) fn told(step: Step) -> Option<Step> {
    Some(step).filter(|step| !step.lines.is_empty())
}

/// `x-a: b`, `x-a: … more`, `no x-a`
fn edited(edit: &Edit) -> String {
    let Edit { name, change } = edit;
    let value = |value: &Value| match value {
        Value::Fixed(value) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        Value::Computed(_) => "(made of the request)".to_owned(),
    };
    match change {
        Change::Set(to) => format!("{name}: {}", value(to)),
        Change::Add(to) => format!("{name}: {} beside what is there", value(to)),
        Change::Remove => format!("no {name}"),
    }
}

fn limited(limit: &Limit) -> String {
    let (bucket, of) = (&limit.bucket, limit.enabled);
    let most = bucket.tokens_max;
    let (back, every) = (bucket.tokens_per_fill, span(bucket.fill_interval.into()));
    let part = if of == PartsPerMillion::ALL {
        String::new()
    } else {
        format!(", for {} of the requests", share(of))
    };
    let beyond = match limit.enforced {
        PartsPerMillion::ALL => format!("beyond it {}", limit.status),
        PartsPerMillion(0) => "beyond it requests pass".to_owned(),
        enforced => format!("beyond it {} get {}", share(enforced), limit.status),
    };
    format!("each proxy lets {most} requests pass, and {back} more every {every}{part}; {beyond}")
}
