//! Certificates: the appliance's own authority and leaf, renewed by themselves, or those of the configuration.
//!
//! ```text
//!  first start ──▶ authority (10 years, this machine's names and networks only)
//!                     │ signs
//!                     ▼
//!                  leaf (90 days) ── 30 days left, or names or addresses changed ──▶ a new leaf
//! ```
//!
//! The leaf is kept, so that who clicked through a warning is not warned again at each start. Beside it the owner may
//! upload a certificate, or have one issued by ACME, for the names that it is made out to.

mod authority;
mod identity;
mod leaf;
#[cfg(test)]
mod tests;
mod uploads;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use time::{Duration, OffsetDateTime};

pub use identity::Identity;
pub use uploads::{PEM_BYTES_MAX, Refused, Slot, Uploads, View};

use crate::config::Tls;
use crate::system::files;
use authority::Authority;
use uploads::Current;

/// How long a leaf is good for; browsers accept up to 397 days.
const LEAF_LIFE: Duration = Duration::days(90);

/// A leaf with less than this left is replaced.
const LEAF_RENEWAL: Duration = Duration::days(30);

/// Certificates are good from this long ago on, for clocks that are slow.
const CLOCK_SKEW: Duration = Duration::days(1);

/// 2026-11-01, in seconds since the Unix epoch. A clock that shows an earlier time is behind, as that of a board
/// without a battery is before it was set: this program did not exist then.
const EARLIEST_UNIX: u64 = 1_793_491_200;

/// Certificates that cannot be used or made: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the state directory cannot be read or written.
    #[error(transparent)]
    File(#[from] files::Error),
    /// A file holds something else.
    #[error("cannot use {path}: {cause}; {advice}", path = path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
        /// What to do.
        advice: &'static str,
    },
    /// The appliance's own certificates cannot be made.
    #[error(
        "cannot make the appliance's own certificate: {0}; set tls.certificate and tls.key to use another"
    )]
    Unmade(String),
}

/// What a renewal came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// The certificate in use is good for what is asked.
    Kept,
    /// Another one is in use from now on, without a restart.
    Replaced,
}

enum Source {
    /// In this folder.
    Own { folder: PathBuf, authority: Box<Authority> },
    /// By configuration.
    Given { certificate: PathBuf, key: PathBuf },
}

/// The certificate in use, and where the next one comes from.
pub struct Certificates {
    source: Source,
    current: Arc<Current>,
    uploads: Uploads,
    config: Arc<ServerConfig>,
    chain: Vec<CertificateDer<'static>>,
}

impl Certificates {
    /// Opens, and makes where there are none, the certificates for `identity` in `state_folder`; those of
    /// the configuration where it names any. `now_unix` is in seconds since the Unix epoch.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn open(state_folder: &Path, tls: &Tls, identity: &Identity, now_unix: u64) -> Result<Self, Error> {
        let now = date(now_unix)?;
        let source = match (&tls.certificate, &tls.key) {
            (Some(certificate), Some(key)) => {
                Source::Given { certificate: certificate.clone(), key: key.clone() }
            }
            _ => {
                let folder = state_folder.join("tls");
                files::make_folder(&folder)?;
                let authority = Box::new(Authority::open(&folder, identity, now)?);
                Source::Own { folder, authority }
            }
        };
        let certified = obtain(&source, identity, now)?;
        let chain = certified.cert.clone();
        let current = Arc::new(Current::new(certified));
        let config = server_config(Arc::clone(&current), tls.client_authority.as_deref())?;
        let uploads = Uploads::open(state_folder, Arc::clone(&current));
        Ok(Self { source, current, uploads, config, chain })
    }

    /// For the HTTPS server, for its whole life: a renewed certificate is used by it without a restart.
    #[must_use]
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// To be called daily, and when names or addresses have changed: replaces the certificate where needed.
    /// Where that fails, the one in use stays in use.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn renew(&mut self, identity: &Identity, now_unix: u64) -> Result<Renewal, Error> {
        let now = date(now_unix)?;
        if let Source::Own { folder, authority } = &mut self.source {
            **authority = Authority::open(folder, identity, now)?;
        }
        let certified = obtain(&self.source, identity, now)?;
        if certified.cert == self.chain {
            return Ok(Renewal::Kept);
        }
        self.chain.clone_from(&certified.cert);
        self.current.replace(certified);
        Ok(Renewal::Replaced)
    }

    /// The way to the certificates from elsewhere.
    #[must_use]
    pub fn uploads(&self) -> Uploads {
        self.uploads.clone()
    }

    /// When the certificate in use ends, in seconds since the Unix epoch; 0 where it does not say.
    #[must_use]
    pub fn valid_until_unix(&self) -> u64 {
        let leaf = self.chain.first().and_then(|der| x509_parser::parse_x509_certificate(der).ok());
        leaf.and_then(|(_, leaf)| u64::try_from(leaf.validity().not_after.timestamp()).ok()).unwrap_or(0)
    }

    /// The certificate of the appliance's own authority, as PEM; `None` with a certificate by configuration.
    #[must_use]
    pub fn authority_pem(&self) -> Option<&str> {
        match &self.source {
            Source::Own { authority, .. } => Some(&authority.pem),
            Source::Given { .. } => None,
        }
    }

    /// The SHA-256 of the authority's certificate, as people compare it: `AB:CD:…`.
    #[must_use]
    pub fn authority_fingerprint(&self) -> Option<String> {
        let der = CertificateDer::from_pem_slice(self.authority_pem()?.as_bytes()).ok()?;
        Some(uploads::fingerprint(&der))
    }
}

fn obtain(source: &Source, identity: &Identity, now: OffsetDateTime) -> Result<Arc<CertifiedKey>, Error> {
    let (pem, key_pem, path) = match source {
        Source::Own { folder, authority } => {
            let pem = leaf::open(folder, authority, identity, now)?;
            // Whoever knows the authority by its fingerprint alone is shown all of it.
            (format!("{pem}\n{}", authority.pem), pem, leaf::path(folder))
        }
        Source::Given { certificate, key } => (given(certificate)?, given(key)?, certificate.clone()),
    };
    certified(&pem, &key_pem).map(Arc::new).map_err(|cause| Error::Broken {
        path,
        cause,
        advice: "give a certificate chain and its private key, both as PEM",
    })
}

fn given(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|cause| Error::Broken {
        path: path.to_owned(),
        cause: cause.to_string(),
        advice: "correct tls.certificate and tls.key in the configuration, and let the user of alcove read them",
    })
}

/// The chain and the key that stand in the texts; the key must be that of the first certificate.
fn certified(pem: &str, key_pem: &str) -> Result<CertifiedKey, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|cause| format!("it is no certificate chain ({cause})"))?;
    if chain.is_empty() {
        return Err("no certificate is in it".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
        .map_err(|cause| format!("its private key cannot be read ({cause})"))?;
    CertifiedKey::from_der(chain, key, &default_provider())
        .map_err(|cause| format!("certificate and private key do not go together ({cause})"))
}

fn server_config(current: Arc<Current>, client_authority: Option<&Path>) -> Result<Arc<ServerConfig>, Error> {
    let clients = match client_authority {
        Some(path) => of_clients(path)?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|cause| Error::Unmade(cause.to_string()))?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(current);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Checks the certificates of clients that show one; whoever shows none is not asked for it again.
fn of_clients(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let broken = |cause: String| Error::Broken {
        path: path.to_owned(),
        cause,
        advice: "give the certificates of an authority as PEM, as tls.client_authority",
    };
    let pem = std::fs::read(path).map_err(|cause| broken(cause.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|cause| broken(cause.to_string()))?;
        roots.add(certificate).map_err(|cause| broken(cause.to_string()))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()));
    verifier.allow_unauthenticated().build().map_err(|cause| broken(cause.to_string()))
}

fn date(now_unix: u64) -> Result<OffsetDateTime, Error> {
    i64::try_from(now_unix.max(EARLIEST_UNIX))
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .ok_or_else(|| Error::Unmade(format!("the clock shows an impossible time ({now_unix} s)")))
}
