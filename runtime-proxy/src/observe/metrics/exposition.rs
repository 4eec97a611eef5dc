//! What has been counted until now, as Prometheus' text, a piece at a time.

use std::sync::Arc;

use super::Metrics;
use super::counter::{Counter, Spread};
use super::denier::{Denier, DenierId};
use super::labels::Dictionary;
use super::series::{
    ConnectionKey, ConnectionSeries, MessageKey, MessageSeries, RequestKey, RequestSeries,
};
use super::text::{Kind, Labels, Text, Thousandths};

/// Pieces are at least this long, but for the last.
const PIECE_BYTES: usize = 32 << 10;

/// Pieces of a page. The series are those that there were at the beginning.
pub(in crate::observe) struct Exposition {
    dictionary: Dictionary,
    deniers: Vec<Arc<Denier>>,
    requests: Vec<(RequestKey, Vec<Arc<RequestSeries>>)>,
    connections: Vec<(ConnectionKey, Vec<Arc<ConnectionSeries>>)>,
    messages: Vec<(MessageKey, Vec<Arc<MessageSeries>>)>,
    denials: Vec<(DenierId, Vec<Arc<Counter>>)>,
    /// What has been written and not been taken.
    piece: Text,
    labels: Labels,
    families: std::slice::Iter<'static, Family>,
    /// The family that is being written, and how many of its series have been.
    under_way: Option<(&'static Family, usize)>,
}

struct Family {
    name: &'static str,
    help: &'static str,
    values: Values,
}

enum Values {
    Requests(fn(&RequestSeries) -> &Counter),
    Spread(fn(&RequestSeries) -> &super::counter::Histogram),
    Connections(fn(&ConnectionSeries) -> &Counter),
    Messages(fn(&MessageSeries) -> &Counter),
    Denials,
}

static FAMILIES: &[Family] = &[
    Family {
        name: "istio_requests_total",
        help: "Requests that have ended.",
        values: Values::Requests(|series| &series.requests),
    },
    Family {
        name: "istio_request_duration_milliseconds",
        help: "From the first byte of a request to the last byte of its answer.",
        values: Values::Spread(|series| &series.duration),
    },
    Family {
        name: "istio_request_bytes",
        help: "Of a request's body, and of its head as HTTP/1.1 would write it.",
        values: Values::Spread(|series| &series.received),
    },
    Family {
        name: "istio_response_bytes",
        help: "Of an answer's body, and of its head as HTTP/1.1 would write it.",
        values: Values::Spread(|series| &series.sent),
    },
    Family {
        name: "istio_request_messages_total",
        help: "Messages from clients of gRPC.",
        values: Values::Messages(|series| &series.requests),
    },
    Family {
        name: "istio_response_messages_total",
        help: "Messages from servers of gRPC.",
        values: Values::Messages(|series| &series.responses),
    },
    Family {
        name: "istio_tcp_connections_opened_total",
        help: "Connections that were opened, other than HTTP's.",
        values: Values::Connections(|series| &series.opened),
    },
    Family {
        name: "istio_tcp_connections_closed_total",
        help: "Connections that have ended, other than HTTP's.",
        values: Values::Connections(|series| &series.closed),
    },
    Family {
        name: "istio_tcp_sent_bytes_total",
        help: "Bytes sent to clients over connections other than HTTP's.",
        values: Values::Connections(|series| &series.sent),
    },
    Family {
        name: "istio_tcp_received_bytes_total",
        help: "Bytes received from clients over connections other than HTTP's.",
        values: Values::Connections(|series| &series.received),
    },
    Family {
        name: "mesh_denials_total",
        help: "Requests and connections that an authorization policy denied; without a policy, none allowed them.",
        values: Values::Denials,
    },
];

impl Exposition {
    /// Begins with `head`.
    pub(in crate::observe) fn new(metrics: &Metrics, mut head: Text) -> Self {
        // Series first: what their keys mean is known before they are.
        let requests = metrics.requests.all();
        let connections = metrics.connections.all();
        let messages = metrics.messages.all();
        let denials = metrics.denials.all();
        let series = requests.len() + connections.len() + messages.len() + denials.len();
        head.gauge("mesh_metrics_series", "Label sets that are counted.", series as u64);
        let overflowed = metrics.requests.overflowed()
            + metrics.connections.overflowed()
            + metrics.messages.overflowed()
            + metrics.denials.overflowed();
        let help = "How often there was no room for a label set: counted as `__overflow__`.";
        head.counter("mesh_metrics_overflowed_total", help, overflowed);
        Self {
            dictionary: Dictionary::new(metrics),
            deniers: metrics.deniers.all(),
            requests,
            connections,
            messages,
            denials,
            piece: head,
            labels: Labels::default(),
            families: FAMILIES.iter(),
            under_way: None,
        }
    }

    /// One more series of the family. Whether there was one.
    fn series(&mut self, family: &Family, at: usize) -> bool {
        self.labels.clear();
        let Self { dictionary, piece, labels, .. } = self;
        match family.values {
            Values::Requests(of) => {
                let Some((key, shards)) = self.requests.get(at) else { return false };
                dictionary.request(key, labels);
                let total = shards.iter().map(|series| of(series).get()).sum();
                piece.sample(family.name, labels.as_str(), total);
            }
            Values::Spread(of) => {
                let Some((key, shards)) = self.requests.get(at) else { return false };
                dictionary.request(key, labels);
                let mut spread = Spread::default();
                for series in shards {
                    spread.add(of(series));
                }
                histogram(piece, family.name, labels.as_str(), &spread);
            }
            Values::Connections(of) => {
                let Some((key, shards)) = self.connections.get(at) else { return false };
                dictionary.connection(key, labels);
                let total = shards.iter().map(|series| of(series).get()).sum();
                piece.sample(family.name, labels.as_str(), total);
            }
            Values::Messages(of) => {
                let Some((key, shards)) = self.messages.get(at) else { return false };
                dictionary.messages(key, labels);
                let total = shards.iter().map(|series| of(series).get()).sum();
                piece.sample(family.name, labels.as_str(), total);
            }
            Values::Denials => {
                let Some((DenierId(id), shards)) = self.denials.get(at) else { return false };
                let id = usize::try_from(*id).unwrap_or(usize::MAX);
                let Some(denier) = self.deniers.get(id) else { return true };
                labels.add("policy_namespace", &denier.namespace);
                labels.add("policy", &denier.policy).add("rule", &denier.rule);
                let total = shards.iter().map(|count| count.get()).sum();
                piece.sample(family.name, labels.as_str(), total);
            }
        }
        true
    }
}

impl Iterator for Exposition {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        while self.piece.0.len() < PIECE_BYTES {
            if let Some((family, at)) = self.under_way {
                self.under_way = self.series(family, at).then_some((family, at + 1));
            } else if let Some(family) = self.families.next() {
                let kind = match family.values {
                    Values::Spread(_) => Kind::Histogram,
                    _ => Kind::Counter,
                };
                self.piece.family(family.name, kind, family.help);
                self.under_way = Some((family, 0));
            } else {
                break;
            }
        }
        let piece = std::mem::take(&mut self.piece.0);
        (!piece.is_empty()).then_some(piece)
    }
}

fn histogram(text: &mut Text, name: &str, labels: &str, spread: &Spread) {
    let mut count = 0;
    for (bound, cumulated) in spread.cumulated() {
        match bound {
            Some(bound) => {
                let bound = Thousandths(bound);
                text.line(format_args!("{name}_bucket{{{labels},le=\"{bound}\"}} {cumulated}"));
            }
            None => {
                text.line(format_args!("{name}_bucket{{{labels},le=\"+Inf\"}} {cumulated}"));
            }
        }
        count = cumulated;
    }
    text.line(format_args!("{name}_sum{{{labels}}} {}", Thousandths(spread.sum)));
    text.line(format_args!("{name}_count{{{labels}}} {count}"));
}
