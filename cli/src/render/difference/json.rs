//! For programs.

use serde_json::{Value, json};

use super::danger;
use crate::difference::{
    Bond, Change, Changed, Danger, Difference, Edit, Effect, Endangered, Held, Hold, Item, Pods,
    Turn, Viewers,
};

/// One object, `mesh.diff/v1`. Fields are only ever added to it. Where a side is `refused` it has nothing of a difference.
pub(crate) fn json(difference: &Difference) -> Value {
    let of = &difference.workloads;
    json!({
        "schema": "mesh.diff/v1",
        "before": difference.before,
        "after": difference.after,
        "objects": difference.objects.iter().map(object).collect::<Vec<_>>(),
        "workloads": {
            "added": of.added,
            "removed": of.removed,
            "changed": of.changed,
            "unchanged": of.unchanged,
        },
        "effects": difference.effects.iter().map(effect).collect::<Vec<_>>(),
        "held": difference.held.iter().map(held).collect::<Vec<_>>(),
        "isDangerous": danger::is_grave(difference),
        "dangers": difference.dangers.iter().map(danger).collect::<Vec<_>>(),
        "refused": [],
        "pods": difference.pods.iter().map(pods).collect::<Vec<_>>(),
    })
}

fn object(object: &Changed) -> Value {
    json!({
        "kind": object.key.kind.name(),
        "namespace": object.key.namespace,
        "name": object.key.name,
        "change": name(object.change),
        "resource": object.called(),
        "isView": !object.is_written,
        "before": object.before,
        "after": object.after,
        "edits": edits(&object.edits),
        "items": object.items.iter().map(item).collect::<Vec<_>>(),
    })
}

fn effect(effect: &Effect) -> Value {
    let Effect { workloads, objects, edits: edited, is_theirs } = effect;
    let edits = edits(edited);
    json!({ "workloads": workloads, "objects": objects, "edits": edits, "isTheirs": is_theirs })
}

fn held(held: &Held) -> Value {
    let objects: Vec<_> = held.holds.iter().map(hold).collect();
    json!({ "workloads": held.workloads, "objects": objects })
}

/// `isNewOrGone`: the resource itself is among `objects`, added or removed. `isReplaced`: another one that says the same holds in its
/// place, or did.
fn hold(hold: &Hold) -> Value {
    let direction = match hold.turn {
        Turn::Ceases => "ceases",
        Turn::Begins => "begins",
    };
    let relation = match hold.bond {
        Bond::Policy => "under",
        Bond::Service => "backs",
        Bond::Gateway => "serves",
    };
    json!({
        "kind": hold.kind(),
        "namespace": hold.key.namespace,
        "name": hold.key.name,
        "resource": hold.resource,
        "direction": direction,
        "relation": relation,
        "says": hold.gist,
        "isNewOrGone": hold.is_whole,
        "isReplaced": hold.is_replaced,
    })
}

/// What `says` tells is in fields beside it: `port`, `before`, `after`, `issuer`, `policy`, `was`, and in `of` which host, with its port and
/// what of it. Those that a kind has nothing of are null.
fn danger(endangered: &Endangered) -> Value {
    let kind = match endangered.danger {
        Danger::MutualTls { .. } => "weaker-mutual-tls",
        Danger::LetsIn => "lets-in",
        Danger::Refuses => "refuses",
        Danger::Closed => "closed",
        Danger::Tokens { .. } => "weaker-tokens",
        Danger::TrustsIssuer { .. } => "new-issuer",
        Danger::TrustsKeys { .. } => "other-keys",
        Danger::ServerTls { .. } => "weaker-server-tls",
        Danger::Unserved { .. } => "unserved",
        Danger::LeftBehind { .. } => "left-behind",
    };
    let says = danger::words(&endangered.danger);
    let (mut port, mut turn) = (None, [None; 2]);
    let [mut issuer, mut of, mut policy, mut was] = [None; 4];
    match &endangered.danger {
        Danger::MutualTls { port: at, before, after } => {
            (port, turn) = (*at, [Some(*before), Some(*after)]);
        }
        Danger::Tokens { issuer: whose }
        | Danger::TrustsIssuer { issuer: whose }
        | Danger::TrustsKeys { issuer: whose } => issuer = Some(whose),
        Danger::ServerTls { of: host, before, after } => {
            (of, turn) = (Some(host), [Some(*before), Some(*after)]);
        }
        Danger::Unserved { what } => of = Some(what),
        Danger::LeftBehind { policy: left, was: whose } => {
            (policy, was) = (Some(left), Some(whose));
        }
        Danger::LetsIn | Danger::Refuses | Danger::Closed => {}
    }
    let [before, after] = turn;
    json!({
        "kind": kind,
        "workloads": endangered.workloads,
        "says": says,
        "port": port,
        "before": before,
        "after": after,
        "issuer": issuer,
        "of": of,
        "policy": policy,
        "was": was,
    })
}

fn pods(pods: &Pods) -> Value {
    json!({ "workloads": pods.workloads, "edits": edits(&pods.edits) })
}

fn item(item: &Item) -> Value {
    json!({
        "item": item.name,
        "change": name(item.change),
        "place": item.place,
        "edits": edits(&item.edits),
        "seenFrom": match &item.viewers {
            Viewers::All => Value::Null,
            Viewers::Of(namespaces) => json!({ "only": namespaces }),
            Viewers::AllBut(namespaces) => json!({ "allBut": namespaces }),
        },
    })
}

fn edits(edits: &[Edit]) -> Vec<Value> {
    let edit = |it: &Edit| json!({ "path": it.path, "before": it.before, "after": it.after });
    edits.iter().map(edit).collect()
}

const fn name(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Changed => "changed",
    }
}
