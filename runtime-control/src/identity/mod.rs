//! Who is who: SPIFFE identities, the authority that certifies them, and the tokens that begin it all.
//!
//! A workload's first certificate is for a one-time token, every later one for the certificate it renews. What a request
//! asks to be called is never read: the authority knows who asks, and what else the certificate says of its holder comes from the
//! registry.

mod spiffe;

mod random;
mod root;

mod authority;
mod holder;
mod token;

mod bootstrap;

pub use authority::{Authority, AuthorityError, Lifetimes, Request, SignError, Svid};
pub use bootstrap::Bootstrap;
pub use holder::Holder;
pub(crate) use random::random;
pub(crate) use spiffe::is_segment;
pub use spiffe::{Identity, NotAnIdentity};
pub use token::{Bearer, TokenError, Tokens};
