//! Bounds of fields: how many, how long, how large, and in which form, where a kind's definition says so and no rule of the
//! kind needs to know more.
//!
//! `bounds.txt` has a line a bound:
//!
//! ```text
//! HTTPRoute                 spec.rules                items 1..
//! TCPRoute@v1               spec.rules                items ..1
//! {ServiceEntry,Sidecar}    spec.workloadSelector.labels.*   chars ..63
//! ```
//! The first word is a kind, with those of its versions for which it holds, the second a path as in the tables of fields.
//! `items` counts the elements of a list, `entries` those of a map, `chars` the characters of a text; `number` and `whole`
//! bound a number, which for `whole` has no fraction; `like` names a form ([`form`]); `needs` a field that must be there.
//! Source: the definitions of Istio's and of the Gateway API's kinds.

mod check;
mod form;
mod table;

pub(crate) use check::check;
