//! Who may know the media keys: the DTLS handshake tells them to str0m, and through this to our own sender.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Instant;

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
    ) -> Result<Box<dyn DtlsInstance>, str0m::crypto::CryptoError> {
        let inner = from_feature_flags().dtls_provider.new_dtls(certificate, now, version, mtu)?;
        Ok(Box::new(Handshake { inner, cell: WATCHED.take().unwrap_or_default() }))
    }
}

#[derive(Debug)]
struct Handshake {
    inner: Box<dyn DtlsInstance>,
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
