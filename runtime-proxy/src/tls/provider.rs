//! The provider of cryptography: aws-lc-rs, and no other.

use std::sync::{Arc, OnceLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// Makes the provider that of the process too, for libraries that ask for it. Safe to repeat.
pub fn install_provider() {
    // An error means that there is one already: this one, or that of a program which links this crate and knows better.
    let _ = aws_lc_rs::default_provider().install_default();
}

/// What every configuration of this crate is built with.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}
