//! The port of HTTPS takes media over TCP too: many firewalls let nothing else pass.
//!
//! TLS begins with a handshake record, 22 (RFC 8446, 5.1); media with the length of a STUN check (RFC 4571), which is below
//! 1024 and so begins with 0 to 3. Who begins with a check is handed to the media workers.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::appliance::Handle;

/// The longest check that is read, in bytes: a browser's has about a hundred.
const CHECK_BYTES_MAX: usize = 1023;

/// How long the first word may take.
const FIRST_WORD_MAX: Duration = Duration::from_secs(5);

/// Tells TLS and media apart.
#[derive(Clone)]
pub struct SharedPort {
    handle: Handle,
}

impl SharedPort {
    /// Media goes to the loop of this handle.
    #[must_use]
    pub const fn new(handle: Handle) -> Self {
        Self { handle }
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for SharedPort {
    type Stream = TcpStream;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(TcpStream, S)>> + Send>>;

    fn accept(&self, socket: TcpStream, service: S) -> Self::Future {
        let handle = self.handle.clone();
        Box::pin(async move {
            // Words are short, and each is waited for: none may wait for the acknowledgement of the one before (RFC
            // 1122, 4.2.3.4).
            socket.set_nodelay(true)?;
            let socket = timeout(FIRST_WORD_MAX, without_media(socket, &handle)).await??;
            Ok((socket, service))
        })
    }
}

/// The socket again, nothing read, if it does not begin with a check.
async fn without_media(mut socket: TcpStream, handle: &Handle) -> io::Result<TcpStream> {
    let mut first = [0];
    socket.peek(&mut first).await?;
    if usize::from(first[0]) > CHECK_BYTES_MAX >> 8 {
        return Ok(socket);
    }
    let mut check = vec![0; socket.read_u16().await?.into()];
    socket.read_exact(&mut check).await?;
    handle.adopt(socket.into_std()?, check);
    Err(io::Error::other("it was media, and is in other hands now"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appliance::fake::Fake;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    /// What becomes of a socket that begins with these bytes, and what the loop was asked.
    async fn begins_with(bytes: &[u8]) -> (io::Result<TcpStream>, Vec<String>) {
        let (handle, fake) = Fake::start();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut guest =
            TcpStream::connect(listener.local_addr().expect("an address")).await.expect("it listens");
        let (socket, _) = listener.accept().await.expect("somebody comes");
        guest.write_all(bytes).await.expect("somebody reads");
        let accepted = SharedPort::new(handle.clone()).accept(socket, ()).await;
        // The loop answers in order: whatever it was asked before is noted then.
        handle.status().await.expect("the loop lives");
        (accepted.map(|(socket, ())| socket), fake.calls())
    }

    #[tokio::test]
    async fn who_begins_with_tls_is_passed_on_with_every_byte() {
        let hello = [22, 3, 1, 2, 0, 1];
        let (socket, _) = begins_with(&hello).await;
        let mut read = [0; 6];
        socket.expect("it is for TLS").read_exact(&mut read).await.expect("all are there");
        assert_eq!(read, hello);
    }

    #[tokio::test]
    async fn who_begins_with_a_check_is_handed_over() {
        let (socket, calls) = begins_with(&[0, 4, 1, 2, 3, 4, 0, 9]).await;
        assert!(socket.is_err());
        assert!(calls.contains(&"adopt [1, 2, 3, 4]".to_owned()), "{calls:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_or_half_a_word_is_let_go() {
        for bytes in [&[][..], &[0], &[0, 40, 1]] {
            let (socket, _) = begins_with(bytes).await;
            assert_eq!(socket.err().map(|error| error.kind()), Some(io::ErrorKind::TimedOut), "{bytes:?}");
        }
    }
}
