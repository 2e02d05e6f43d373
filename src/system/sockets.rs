//! The listening sockets that systemd has opened for the daemon (`sd_listen_fds(3)`), in the order of `alcove.socket`.

use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;

/// What was passed. Without systemd, or without `alcove.socket`, nothing is.
#[derive(Debug, Default)]
pub struct Passed {
    /// The first: HTTPS.
    pub https: Option<TcpListener>,
    /// The second: plain HTTP.
    pub http: Option<TcpListener>,
}

/// Takes the sockets. They are there once: a second call finds none.
///
/// # Errors
/// When what was passed is no listening TCP socket.
pub fn take() -> io::Result<Passed> {
    let mut passed = ListenFd::from_env();
    let mut next = |index| if index < passed.len() { passed.take_tcp_listener(index) } else { Ok(None) };
    Ok(Passed { https: next(0)?, http: next(1)? })
}
