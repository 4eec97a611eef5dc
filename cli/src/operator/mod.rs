//! The operator's side of the control runtime's API, and how its answers look.

mod client;
mod follow;
mod named;
mod running;
mod token;
pub(crate) mod view;

pub(crate) use client::{AskError, Client};
pub(crate) use follow::Follow;
pub(crate) use named::Named;
pub(crate) use running::{Announced, Running};
pub(crate) use token::{NotAToken, Token, TokenError};
