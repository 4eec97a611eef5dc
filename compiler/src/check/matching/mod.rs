//! What a match takes: which requests, whether those before it leave it any, and one of them as a witness.

pub(in crate::check) mod any_client;
pub(in crate::check) mod asked;
pub(in crate::check) mod cover;
pub(in crate::check) mod dead_texts;
pub(in crate::check) mod excluded_headers;
pub(in crate::check) mod form;
pub(in crate::check) mod http_places;
mod letters;
pub(in crate::check) mod merged_routes;
pub(in crate::check) mod possible;
pub(in crate::check) mod route_place;
pub(in crate::check) mod texts;
pub(in crate::check) mod together;
pub(in crate::check) mod tried;
pub(in crate::check) mod witness;
