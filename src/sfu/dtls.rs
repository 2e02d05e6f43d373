//! Who may know the media keys: the DTLS handshake tells them to str0m, and through this to our own sender.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Instant;

use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{CryptoProvider, from_feature_flags};

use crate::sfu::srtp::Secrets;

/// Filled once the handshake is over.
pub(super) type SecretsCell = Arc<OnceLock<Secrets>>;

thread_local! {
    /// Where the transport that is being made on this thread will put its keys.
    static WATCHED: RefCell<Option<SecretsCell>> = const { RefCell::new(None) };

    /// What the last handshake on this thread had in common with all others of its MTU.
    static COMMON: RefCell<Option<(Option<usize>, Arc<dimpl::Config>)>> = const { RefCell::new(None) };
}

/// The library's cryptography, with handshakes that can be [watched].
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(CryptoProvider { dtls_provider: &WatchedDtls, ..from_feature_flags() }));
    Arc::clone(&PROVIDER)
}

/// Makes a transport, and returns where its media keys will be found.
pub(super) fn watched<T>(make: impl FnOnce() -> T) -> (T, SecretsCell) {
    let cell = SecretsCell::default();
    WATCHED.set(Some(Arc::clone(&cell)));
    let made = make();
    WATCHED.take();
    (made, cell)
}

#[derive(Debug)]
struct WatchedDtls;

impl DtlsProvider for WatchedDtls {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        from_feature_flags().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let DtlsCert { certificate, private_key } = certificate.clone();
        let certificate = dimpl::DtlsCertificate { certificate, private_key };
        let config = config(mtu)?;
        let inner = match version {
            DtlsVersion::Dtls12 => dimpl::Dtls::new_12(config, certificate, now),
            DtlsVersion::Dtls13 => dimpl::Dtls::new_13(config, certificate, now),
            DtlsVersion::Auto => dimpl::Dtls::new_auto(config, certificate, now),
            _ => return Err(CryptoError::Other(format!("DTLS {version} is not known"))),
        };
        Ok(Box::new(Handshake { inner, cell: WATCHED.take().unwrap_or_default() }))
    }
}

/// What handshakes have in common. To make it anew tries every curve out, which takes longer than all else that a peer
/// needs; so it is kept for the next one, who as a rule has the same MTU.
fn config(mtu: Option<usize>) -> Result<Arc<dimpl::Config>, CryptoError> {
    if let Some((_, config)) = COMMON.take().filter(|(of, _)| *of == mtu) {
        COMMON.set(Some((mtu, Arc::clone(&config))));
        return Ok(config);
    }
    // ICE has shown that the peer is where it says it is, so no cookie has to.
    let builder = dimpl::Config::builder().use_server_cookie(false);
    let builder = match mtu {
        Some(mtu) => builder.mtu(mtu),
        None => builder,
    };
    let config = builder.build().map_err(|error| CryptoError::Other(format!("DTLS: {error}")))?;
    let config = Arc::new(config);
    COMMON.set(Some((mtu, Arc::clone(&config))));
    Ok(config)
}

#[derive(Debug)]
struct Handshake {
    inner: dimpl::Dtls,
    cell: SecretsCell,
}

impl DtlsInstance for Handshake {
    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let is_client = self.inner.is_active();
        let output = self.inner.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            let secrets = Secrets { profile: *profile, material: material.to_vec(), is_client };
            // A second handshake, which str0m does not do, would leave the first keys in place.
            drop(self.cell.set(secrets));
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.inner.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.inner.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.inner.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.inner.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.inner.close()
    }
}
