//! Certificates from elsewhere, uploaded by the owner or had by ACME: shown to whoever asks for a name that they are made
//! out to; everybody else is shown the appliance's own, so that a wrong one locks nobody out.

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

/// The longest chain or key, in bytes.
pub const PEM_BYTES_MAX: usize = 32 * 1024;

/// Where a certificate from elsewhere is kept. Of each there is one at most; neither touches the other, and where both
/// are made out to a name, the first is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The owner has uploaded it.
    Uploaded,
    /// An authority has issued it by ACME.
    Acme,
}

/// A certificate in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Where it is kept; `None`: it is the appliance's own, or that of the configuration.
    pub slot: Option<Slot>,
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

impl View {
    /// Whether it is made out to all of those host names.
    #[must_use]
    pub fn is_for(&self, names: &[String]) -> bool {
        names.iter().all(|host| self.names.iter().any(|name| fits(name, host)))
    }
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
    /// By slot.
    others: RwLock<[Option<Named>; Slot::ALL.len()]>,
}

#[derive(Debug, Clone)]
struct Named {
    names: Vec<String>,
    key: Arc<CertifiedKey>,
}

/// The way to take a certificate, and to see those that are in use. Cloning is cheap.
#[derive(Clone)]
pub struct Uploads {
    state: PathBuf,
    current: Arc<Current>,
}

impl Slot {
    const ALL: [Self; 2] = [Self::Uploaded, Self::Acme];

    /// The chain and its key, in one file: after a power cut they go together.
    const fn file(self) -> &'static str {
        match self {
            Self::Uploaded => "uploaded.pem",
            Self::Acme => "acme.pem",
        }
    }
}

impl Current {
    pub(super) fn new(own: Arc<CertifiedKey>) -> Self {
        Self { own: RwLock::new(own), others: RwLock::default() }
    }

    pub(super) fn replace(&self, own: Arc<CertifiedKey>) {
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = own;
    }

    fn own(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.own.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn get(&self, slot: Slot) -> Option<Named> {
        self.others.read().unwrap_or_else(PoisonError::into_inner)[slot as usize].clone()
    }

    fn set(&self, slot: Slot, named: Option<Named>) {
        self.others.write().unwrap_or_else(PoisonError::into_inner)[slot as usize] = named;
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name().unwrap_or_default();
        let mut others = Slot::ALL.into_iter().filter_map(|slot| self.get(slot));
        let fitting = others.find(|named| named.names.iter().any(|name| fits(name, asked)));
        Some(fitting.map_or_else(|| self.own(), |named| named.key))
    }
}

impl Uploads {
    /// Takes up what the owner has uploaded before.
    pub(super) fn open(state: &Path, current: Arc<Current>) -> Self {
        let uploads = Self { state: state.to_owned(), current };
        uploads.take_up(Slot::Uploaded);
        uploads
    }

    /// Shows the one that lies in the state directory, if any. One that cannot be used any more is left alone and told.
    pub fn take_up(&self, slot: Slot) {
        let path = self.path(slot);
        let unused = |cause: &str| {
            log::warn!(
                "the certificate in {} is not used: {cause}; another one has to be had",
                path.display()
            );
        };
        match files::read(&path) {
            Ok(None) => {}
            Ok(Some(pem)) => match named(&pem, &pem) {
                Ok(named) => self.current.set(slot, Some(named)),
                Err(cause) => unused(&cause),
            },
            Err(error) => unused(&error.to_string()),
        }
    }

    /// Shows it no longer, and keeps its file.
    pub fn hide(&self, slot: Slot) {
        self.current.set(slot, None);
    }

    fn path(&self, slot: Slot) -> PathBuf {
        self.state.join(slot.file())
    }

    /// Takes another one; it is shown to whoever comes next, and connections that are open go on.
    ///
    /// # Errors
    /// See [`Refused`]: what was used before goes on being used.
    pub fn put(&self, slot: Slot, chain: &str, key: &str, now_unix: u64) -> Result<View, Refused> {
        if chain.len() > PEM_BYTES_MAX || key.len() > PEM_BYTES_MAX {
            return Err(Refused::Unfit(format!("chain and key have at most {PEM_BYTES_MAX} bytes each")));
        }
        let named = named(chain, key).map_err(Refused::Unfit)?;
        let view = view(&named.key, Some(slot)).map_err(Refused::Unfit)?;
        if view.names.is_empty() {
            return Err(Refused::Unfit("it is made out to no host name".to_owned()));
        }
        if view.until_unix <= now_unix {
            return Err(Refused::Unfit("it has expired".to_owned()));
        }
        // The chain first: it may stand in the text of the key, too.
        let content = format!("{}\n{}\n", chain.trim(), key.trim());
        files::write(&self.path(slot), &content, Readers::OwnerAlone)?;
        self.current.set(slot, Some(named));
        Ok(view)
    }

    /// Shows it no longer, and forgets it. Whether there was one.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(&self, slot: Slot) -> std::io::Result<bool> {
        match std::fs::remove_file(self.path(slot)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let was_there = self.current.get(slot).is_some();
        self.hide(slot);
        Ok(was_there)
    }

    /// Those in use: the appliance's own, and those from elsewhere.
    #[must_use]
    pub fn list(&self) -> Vec<View> {
        let own = view(&self.current.own(), None).ok();
        own.into_iter().chain(Slot::ALL.into_iter().filter_map(|slot| self.get(slot))).collect()
    }

    /// One from elsewhere, if there is one.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<View> {
        view(&self.current.get(slot)?.key, Some(slot)).ok()
    }

    /// The same as DER, without its chain.
    #[must_use]
    pub fn leaf(&self, slot: Slot) -> Option<CertificateDer<'static>> {
        self.current.get(slot)?.key.cert.first().cloned()
    }

    /// The name by which guests reach the appliance with one from elsewhere: the first that stands for one host.
    #[must_use]
    pub fn public_name(&self) -> Option<String> {
        let names =
            Slot::ALL.into_iter().filter_map(|slot| self.current.get(slot)).flat_map(|named| named.names);
        names.into_iter().find(|name| !name.starts_with('*'))
    }
}

fn named(chain: &str, key: &str) -> Result<Named, String> {
    let key = Arc::new(certified(chain, key)?);
    let names = view(&key, None)?.names;
    Ok(Named { names, key })
}

fn view(key: &CertifiedKey, slot: Option<Slot>) -> Result<View, String> {
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
        slot,
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
