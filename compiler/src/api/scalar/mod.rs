//! Values that are texts in a small language of their own, and the other leaves that kinds share.

mod duration;
mod int_or_string;
mod json;
mod opaque;
mod owners;
mod text;

pub use duration::{Duration, GatewayDuration};
pub use int_or_string::IntOrString;
pub use json::Json;
pub use opaque::{AnyText, Opaque, TextIfAny};
pub use owners::{Owner, Owners};

use text::text_scalar;
