//! What the daemon does for systemd: it says that it is ready and alive, and takes the sockets that are passed to it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;

use crate::appliance::{Appliance, send};

/// How long a word to systemd is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The next message to systemd that has that word in it.
fn heard(systemd: &UnixDatagram, word: &str) -> String {
    let mut message = [0; 4096];
    loop {
        let length = systemd.recv(&mut message).unwrap_or_else(|why| panic!("no {word}: {why}"));
        let text = String::from_utf8(message[..length].to_vec()).unwrap();
        if text.lines().any(|line| line == word) {
            return text;
        }
    }
}

#[test]
fn systemd_hears_that_it_is_ready_and_then_that_it_is_alive_and_what_it_does() {
    let state = Arc::new(tempfile::tempdir().unwrap());
    let path = state.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(PATIENCE)).unwrap();
    let appliance = Appliance::start_with(state, "", |command| {
        command.env("NOTIFY_SOCKET", path).env("WATCHDOG_USEC", "5000000");
    });
    assert!(heard(&systemd, "READY=1").contains("STATUS=ready at https://"));
    for _ in 0..2 {
        let alive = heard(&systemd, "WATCHDOG=1");
        assert!(alive.contains("STATUS=1 meeting, 0 participants"), "{alive}");
    }
    appliance.terminate();
    heard(&systemd, "STOPPING=1");
    assert_eq!(appliance.ended().code(), Some(0));
}

#[tokio::test]
async fn it_serves_on_the_sockets_that_are_passed_to_it() {
    let (appliance, ports) = Appliance::start_on_passed_sockets();
    assert_eq!(appliance.port, ports[0], "HTTPS is the first");
    assert_eq!(send(appliance.request(Method::GET, "/readyz")).await.status, 200);
    let mut plain = TcpStream::connect(("127.0.0.1", ports[1])).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "plain HTTP is the second: {answer}");
}
