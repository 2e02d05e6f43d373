//! A certificate that the owner has uploaded: shown to whoever asks for a name that it is made out to; everybody else is
//! shown the appliance's own, so that a wrong one locks nobody out.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certified;
use crate::system::files::{self, Readers};

/// The chain and its key, in one file: after a power cut they go together.
const FILE: &str = "uploaded.pem";

/// The longest chain or key, in bytes.
pub const PEM_BYTES_MAX: usize = 32 * 1024;

/// A certificate in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Whether the owner has uploaded it; else it is the appliance's own, or that of the configuration.
    pub is_uploaded: bool,
    /// The host names that it is made out to.
    pub names: Vec<String>,
    /// Who has signed it.
    pub issuer: String,
    /// From when on it is good, in seconds since the Unix epoch.
    pub from_unix: u64,
    /// Until when, likewise.
    pub until_unix: u64,
    /// Its SHA-256: `AB:CD:…`.
    pub fingerprint: String,
}

/// Why a certificate is not taken: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Unfit(String),
    /// It could not be written down.
    #[error(transparent)]
    File(#[from] files::Error),
}

/// What the server shows.
#[derive(Debug)]
pub(super) struct Current {
    own: RwLock<Arc<CertifiedKey>>,
    uploaded: RwLock<Option<Named>>,
}

#[derive(Debug, Clone)]
struct Named {
    names: Vec<String>,
    key: Arc<CertifiedKey>,
}

/// The way to take a certificate, and to see those that are in use. Cloning is cheap.
#[derive(Clone)]
pub struct Uploads {
    path: PathBuf,
    current: Arc<Current>,
}

impl Current {
    pub(super) fn new(own: Arc<CertifiedKey>) -> Self {
        Self { own: RwLock::new(own), uploaded: RwLock::default() }
    }

    pub(super) fn replace(&self, own: Arc<CertifiedKey>) {
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = own;
    }

    fn own(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.own.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn uploaded(&self) -> Option<Named> {
        self.uploaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name().unwrap_or_default();
        let uploaded = self.uploaded().filter(|named| named.names.iter().any(|name| fits(name, asked)));
        Some(uploaded.map_or_else(|| self.own(), |named| named.key))
    }
}

impl Uploads {
    /// Takes up the one that lies in the state directory. One that cannot be used any more is left alone and told.
    pub(super) fn open(state: &Path, current: Arc<Current>) -> Self {
        let uploads = Self { path: state.join(FILE), current };
        match files::read(&uploads.path) {
            Ok(None) => {}
            Ok(Some(pem)) => match named(&pem, &pem) {
                Ok(named) => uploads.show(Some(named)),
                Err(cause) => log::warn!("the uploaded certificate is not used: {cause}; upload another one"),
            },
            Err(error) => log::warn!("the uploaded certificate is not used: {error}"),
        }
        uploads
    }

    /// Takes another one; it is shown to whoever comes next, and connections that are open go on.
    ///
    /// # Errors
    /// See [`Refused`]: what was used before goes on being used.
    pub fn put(&self, chain: &str, key: &str, now_unix: u64) -> Result<View, Refused> {
        if chain.len() > PEM_BYTES_MAX || key.len() > PEM_BYTES_MAX {
            return Err(Refused::Unfit(format!("chain and key have at most {PEM_BYTES_MAX} bytes each")));
        }
        let named = named(chain, key).map_err(Refused::Unfit)?;
        let view = view(&named.key, true).map_err(Refused::Unfit)?;
        if view.names.is_empty() {
            return Err(Refused::Unfit("it is made out to no host name".to_owned()));
        }
        if view.until_unix <= now_unix {
            return Err(Refused::Unfit("it has expired".to_owned()));
        }
        // The chain first: it may stand in the text of the key, too.
        files::write(&self.path, &format!("{}\n{}\n", chain.trim(), key.trim()), Readers::OwnerAlone)?;
        self.show(Some(named));
        Ok(view)
    }

    /// Shows it no longer. Whether there was one.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(&self) -> std::io::Result<bool> {
        match std::fs::remove_file(&self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let was_there = self.current.uploaded().is_some();
        self.show(None);
        Ok(was_there)
    }

    /// Those in use: the appliance's own, and the uploaded one.
    #[must_use]
    pub fn list(&self) -> Vec<View> {
        let own = view(&self.current.own(), false);
        let uploaded = self.current.uploaded().map(|named| view(&named.key, true));
        own.into_iter().chain(uploaded.into_iter().flatten()).collect()
    }

    /// The name by which guests reach the appliance with the uploaded one: the first that stands for one host.
    #[must_use]
    pub fn public_name(&self) -> Option<String> {
        self.current.uploaded()?.names.into_iter().find(|name| !name.starts_with('*'))
    }

    /// When the uploaded one ends, in seconds since the Unix epoch, if there is one.
    #[must_use]
    pub fn until_unix(&self) -> Option<u64> {
        view(&self.current.uploaded()?.key, true).ok().map(|view| view.until_unix)
    }

    fn show(&self, named: Option<Named>) {
        *self.current.uploaded.write().unwrap_or_else(PoisonError::into_inner) = named;
    }
}

fn named(chain: &str, key: &str) -> Result<Named, String> {
    let key = Arc::new(certified(chain, key)?);
    let names = view(&key, true)?.names;
    Ok(Named { names, key })
}

fn view(key: &CertifiedKey, is_uploaded: bool) -> Result<View, String> {
    let der = key.cert.first().ok_or("no certificate is in it")?;
    let (_, leaf) = X509Certificate::from_der(der).map_err(|cause| format!("it cannot be read ({cause})"))?;
    let seconds = |time: OffsetDateTime| u64::try_from(time.unix_timestamp()).unwrap_or(0);
    let alternatives = leaf.subject_alternative_name().ok().flatten();
    let names = alternatives.into_iter().flat_map(|names| &names.value.general_names);
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    Ok(View {
        is_uploaded,
        names: names.collect(),
        issuer: leaf.issuer().to_string(),
        from_unix: seconds(leaf.validity().not_before.to_datetime()),
        until_unix: seconds(leaf.validity().not_after.to_datetime()),
        fingerprint: fingerprint(der),
    })
}

/// The SHA-256 of a certificate, as people compare it.
pub(super) fn fingerprint(der: &CertificateDer<'_>) -> String {
    let hash = digest::digest(&digest::SHA256, der);
    hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// Whether a name of a certificate is that of a host; `*` stands for one label (RFC 9525, section 6.3).
fn fits(name: &str, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => name == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        assert!(fits("den.example.org", "DEN.example.org"));
        assert!(fits("*.example.org", "den.example.org"));
        for host in ["example.org", "a.den.example.org", ".example.org", "", "den.example.net"] {
            assert!(!fits("*.example.org", host), "{host}");
        }
    }
}
