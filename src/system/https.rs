//! How the appliance asks servers that belong to others.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Speaks HTTP and HTTPS, trusts whom this machine trusts, and follows nobody elsewhere.
///
/// # Errors
/// When this machine cannot speak HTTPS.
pub fn asker() -> anyhow::Result<reqwest::Client> {
    asker_trusting(None)
}

/// The same, and trusts the authorities (PEM) in that file, too.
///
/// # Errors
/// As above, and when the file holds none.
pub fn asker_trusting(authorities: Option<&Path>) -> anyhow::Result<reqwest::Client> {
    let http = reqwest::Client::builder().timeout(ANSWER_MAX).redirect(reqwest::redirect::Policy::none());
    http.use_preconfigured_tls(tls(authorities)?).build().context("cannot speak HTTPS")
}

/// TLS with servers of others, as above.
///
/// # Errors
/// As above.
pub fn tls(authorities: Option<&Path>) -> anyhow::Result<rustls::ClientConfig> {
    let mut trusted = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    trusted.add_parsable_certificates(found.certs);
    if let Some(path) = authorities {
        let what = || format!("{} holds no certificates", path.display());
        let certificates = CertificateDer::pem_file_iter(path).with_context(what)?;
        let certificates = certificates.collect::<Result<Vec<_>, _>>().with_context(what)?;
        anyhow::ensure!(trusted.add_parsable_certificates(certificates).0 > 0, what());
    }
    if trusted.is_empty() {
        log::warn!(
            "this machine trusts no authority: no server is asked over HTTPS (package ca-certificates)"
        );
    }
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(tls.with_root_certificates(trusted).with_no_client_auth())
}
