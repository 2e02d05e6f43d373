//! Programs that prove who they are by a certificate (mutual TLS): who is known by one is noted beside each request.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use rustls::pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tower::Layer as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::system::api_tokens::ApiRole;

/// The longest name that is taken over, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Whoever has shown a certificate of the authority that is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The common name of the certificate.
    pub name: Arc<str>,
    /// What they may do.
    pub role: ApiRole,
}

/// Notes who has shown a certificate; it was checked in the handshake.
#[derive(Clone)]
pub struct ClientCertificates<A> {
    inner: A,
    role: ApiRole,
}

impl<A> ClientCertificates<A> {
    /// Behind the one that does the handshake. Whoever shows a certificate has that role.
    pub const fn new(inner: A, role: ApiRole) -> Self {
        Self { inner, role }
    }
}

impl<A, S> Accept<TcpStream, S> for ClientCertificates<A>
where
    A: Accept<TcpStream, S, Stream = TlsStream<TcpStream>, Service = S>,
    A::Future: Send + 'static,
    S: 'static,
{
    type Stream = TlsStream<TcpStream>;
    type Service = AddExtension<S, Option<Shown>>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, socket: TcpStream, service: S) -> Self::Future {
        let (accepted, role) = (self.inner.accept(socket, service), self.role);
        Box::pin(async move {
            let (socket, service) = accepted.await?;
            let shown = socket.get_ref().1.peer_certificates().and_then(<[_]>::first).and_then(name);
            let shown = shown.map(|name| Shown { name: name.into(), role });
            Ok((socket, Extension(shown).layer(service)))
        })
    }
}

/// The common name; none where it has none that can stand in a log.
fn name(der: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?.trim().to_owned();
    let is_fit = (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    is_fit.then_some(name)
}
