//! Trust: the machine's own root certificates, with ring as the only provider of cryptography.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt as _;

/// Makes ring the program's provider. A second call, or another part of the program doing the same, is fine.
pub(super) fn install() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Lost only to somebody who installed one in this very moment, which serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
}

/// The configuration of the socket; HTTP's makes its own by the same rules.
pub(super) fn config() -> Result<Arc<ClientConfig>, rustls::Error> {
    // Reading the machine's certificates takes a good part of 100 ms: once is enough, however often the
    // socket connects again. Two that come first at once both read them, which harms nothing.
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    install();
    let config = ClientConfig::with_platform_verifier().map(Arc::new)?;
    Ok(CONFIG.get_or_init(|| config).clone())
}
