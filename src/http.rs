//! HTTP clients, made in one place since each must be told how it meets TLS.

use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, RootCertStore};

/// For services of a stack, which are asked by plain HTTP: no proxy of the environment, no certificates to load.
pub fn inside() -> reqwest::Client {
    install();
    let trusting_nobody = ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let client = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(trusting_nobody).build();
    // Building fails only when the system's certificates cannot be loaded, and none are.
    client.unwrap_or_default()
}

/// For addresses out there: the environment's proxy, and certificates as this system trusts them.
///
/// Errors: this system's certificates cannot be loaded.
pub fn outside() -> reqwest::Result<reqwest::Client> {
    install();
    reqwest::Client::builder().build()
}

fn install() {
    if CryptoProvider::get_default().is_none() {
        // Another thread may have been quicker, with the same.
        drop(ring::default_provider().install_default());
    }
}
