//! The daemon under measurement: a process of its own with simulated hardware, free ports and its own state.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use alcove_hal::clock::Clock;
use anyhow::{Context, bail};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Free ports, and meetings as large as any that is measured.
const CONFIG: &str =
    "[http]\nhttps_port = 0\nhttp_port = 0\n[media]\nport = 0\n[meetings]\nmax_participants = 500\n";

/// A running daemon; dropping it ends it.
pub(crate) struct Daemon {
    child: Child,
    port: u16,
    admin_token: String,
    tls: TlsConnector,
    /// From the start of the process to its ready line.
    pub(crate) ready_after: Duration,
    /// Removed with the daemon.
    folder: TempDir,
}

impl Daemon {
    /// Starts the program that `command` names and waits for its ready line.
    ///
    /// # Errors
    /// When it cannot be started or ends before it is ready: its log is in the error.
    pub(crate) fn start(mut command: Command, clock: &dyn Clock) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("alcove-bench-").context("cannot make a folder")?;
        let config = folder.path().join("alcove.toml");
        std::fs::write(&config, CONFIG).context("cannot write the configuration")?;
        let log = std::fs::File::create(folder.path().join("log")).context("cannot make the log file")?;
        let began = clock.now();
        let mut child = command
            .args(["run", "--simulated", "--state"])
            .arg(folder.path())
            .arg("--config")
            .arg(&config)
            .env("ALCOVE_LOG", "info")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {command:?}: build it first"))?;
        let ready = read_ready_line(&mut child)?;
        let ready_after = clock.now().saturating_duration_since(began);
        let (port, admin_token) = parse_ready(&ready).with_context(|| {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            format!("the daemon was not ready, but said {ready:?}; its log:\n{log}")
        })?;
        let tls = trusting(&folder.path().join("tls/ca.pem"))?;
        Ok(Self { child, port, admin_token, tls, ready_after, folder })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets everybody in.
    pub(crate) fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// `localhost:PORT`, as URLs have it.
    pub(crate) fn authority(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A TLS connection that trusts nothing but the box's own CA.
    pub(crate) async fn dial(&self) -> anyhow::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await.context("cannot reach the daemon")?;
        tcp.set_nodelay(true).context("cannot set TCP_NODELAY")?;
        let name = ServerName::try_from("localhost").context("localhost is no name")?;
        self.tls.connect(name, tcp).await.context("TLS with the daemon failed")
    }

    /// Asks the HTTP API as the administrator, and returns the body.
    ///
    /// # Errors
    /// When the daemon cannot be reached or its status is not a success.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
        let mut socket = self.dial().await?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.authority(),
            self.admin_token,
            body.len()
        );
        socket.write_all(head.as_bytes()).await.context("cannot send a request")?;
        let mut answer = Vec::new();
        // A server that closes without a TLS goodbye has still sent everything.
        drop(socket.read_to_end(&mut answer).await);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { bail!("{path}: no answer") };
        let status = head.split(' ').nth(1).unwrap_or_default();
        if !status.starts_with('2') {
            bail!("{method} {path} was answered by {status}: {body}");
        }
        Ok(body.to_owned())
    }

    /// A figure of `/metrics`.
    pub(crate) async fn figures(&self) -> anyhow::Result<Figures> {
        Ok(Figures::read(&self.ask("GET", "/metrics", "").await?))
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Errors
    /// When it ends with a failure.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status();
        asked.context("cannot run kill")?;
        let status = self.child.wait().context("cannot wait for the daemon")?;
        if !status.success() {
            bail!("the daemon ended with {status}; its log:\n{}", self.log());
        }
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails when it has ended, as it should have.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The figures of `/metrics` without labels.
pub(crate) struct Figures(Vec<(String, u64)>);

impl Figures {
    fn read(text: &str) -> Self {
        let figure = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.strip_prefix("alcove_")?.to_owned(), value.parse().ok()?))
        };
        Self(text.lines().filter_map(figure).collect())
    }

    /// The figure of that name, without `alcove_`.
    ///
    /// # Errors
    /// When the daemon does not tell it.
    pub(crate) fn get(&self, name: &str) -> anyhow::Result<u64> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| *value).with_context(|| format!("/metrics does not tell {name}"))
    }
}

fn read_ready_line(child: &mut Child) -> anyhow::Result<String> {
    let stdout = child.stdout.take().context("the daemon has no standard output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).context("cannot read what the daemon says")?;
    Ok(line)
}

/// `ready: https://localhost:PORT/  join: URL  admin token: TOKEN`
fn parse_ready(line: &str) -> Option<(u16, String)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["ready:", url, "join:", _, "admin", "token:", token] = words.as_slice() else { return None };
    let port = url.trim_end_matches('/').rsplit(':').next()?.parse().ok()?;
    Some((port, (*token).to_owned()))
}

fn trusting(ca: &Path) -> anyhow::Result<TlsConnector> {
    let mut roots = rustls::RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(ca).context("cannot read the box's CA")?;
    roots.add(ca).context("cannot trust the box's CA")?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("no TLS version")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
