//! The daemon under test: on free ports, with simulated hardware and a state directory of its own.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use alcove::system::tokens::Tokens;
use command_fds::{CommandFdExt as _, FdMapping};
use reqwest::{Method, StatusCode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use tempfile::TempDir;

/// A running daemon; dropped, it is killed.
pub(crate) struct Appliance {
    pub(crate) child: Child,
    pub(crate) port: u16,
    pub(crate) join_url: String,
    pub(crate) admin: String,
    pub(crate) state: Arc<TempDir>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    log: Arc<Mutex<String>>,
    log_reader: Option<JoinHandle<()>>,
    http: reqwest::Client,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
}

/// The program, with nothing of this machine's configuration.
pub(crate) fn alcove() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alcove"));
    for variable in ["STATE_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "JOURNAL_STREAM"] {
        command.env_remove(variable);
    }
    command
}

impl Appliance {
    /// Starts it with some more lines of configuration, and waits until it is ready.
    pub(crate) fn start(config: &str) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), config)
    }

    /// The same, with a state directory that may have been in use.
    pub(crate) fn start_in(state: Arc<TempDir>, config: &str) -> Self {
        Self::start_with(state, config, |_| ())
    }

    /// The same, with a last change to how it is started.
    pub(crate) fn start_with(state: Arc<TempDir>, config: &str, change: impl FnOnce(&mut Command)) -> Self {
        let file = state.path().join("alcove.toml");
        let free = "[http]\nhttps_port = 0\nhttp_port = 0\n[media]\nport = 0\n";
        std::fs::write(&file, format!("{free}{config}")).unwrap();
        let mut command = alcove();
        command.args(["run", "--simulated", "--state"]).arg(state.path()).arg("--config").arg(&file);
        change(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let log_reader = Some(keep(child.stderr.take().unwrap(), Arc::clone(&log)));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.map(Result::unwrap).find(|line| line.starts_with("ready: "));
        let Some(ready) = ready else { panic!("it ended before it was ready: {}", log.lock().unwrap()) };
        let words: Vec<&str> = ready.split_whitespace().collect();
        let ["ready:", url, "join:", join_url, "admin", "token:", admin] = words[..] else {
            panic!("the line of readiness is another one: {ready}")
        };
        let port = url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
        let tls = trusting(&state.path().join("tls/ca.pem"));
        let http = reqwest::Client::builder().use_preconfigured_tls((*tls).clone()).build().unwrap();
        let (join_url, admin) = (join_url.to_owned(), admin.to_owned());
        Self { child, port, join_url, admin, state, tls, log, log_reader, http }
    }

    /// Starts it on sockets that are passed to it, as systemd does; the ports of HTTPS and plain HTTP.
    pub(crate) fn start_on_passed_sockets() -> (Self, [u16; 2]) {
        let listeners = [(); 2].map(|()| TcpListener::bind("[::]:0").unwrap());
        let ports = listeners.each_ref().map(|listener| listener.local_addr().unwrap().port());
        let appliance = Self::start_with(Arc::new(tempfile::tempdir().unwrap()), "", |command| {
            let mappings = listeners.into_iter().zip(3..);
            let mappings =
                mappings.map(|(listener, child_fd)| FdMapping { parent_fd: listener.into(), child_fd });
            command.env("LISTEN_FDS", "2").fd_mappings(mappings.collect()).unwrap();
        });
        (appliance, ports)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Its state directory.
    pub(crate) fn state(&self) -> &std::path::Path {
        self.state.path()
    }

    /// Makes and checks tokens with its own secrets.
    pub(crate) fn tokens(&self) -> Tokens {
        Tokens::open(self.state.path()).unwrap()
    }

    /// A request that is not yet sent, without a token.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("https://localhost:{}{path}", self.port))
    }

    /// The same by plain HTTP, on that port.
    pub(crate) fn plain_request(&self, port: u16, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("http://localhost:{port}{path}"))
    }

    /// Asks below `/api/v1/` as the administrator.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        self.ask_as(&self.admin, method, path, body).await
    }

    /// The same as whoever has that token.
    pub(crate) async fn ask_as(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Reply {
        let request = self.request(method, &format!("/api/v1/{path}")).bearer_auth(token);
        send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.ask(Method::DELETE, path, None).await
    }

    /// Has a meeting, which is created with these settings.
    pub(crate) async fn meeting(&self, settings: Value) -> Value {
        let reply = self.post("meetings", settings).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()
    }

    /// A token for a meeting, as the API issues it.
    pub(crate) async fn token(&self, meeting: &str, role: &str) -> String {
        let reply =
            self.post(&format!("meetings/{meeting}/tokens"), serde_json::json!({ "role": role })).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        text(&reply.json()["token"])
    }

    /// Resident memory, in kB.
    pub(crate) fn resident_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Asks it to stop as systemd does.
    pub(crate) fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Waits for its end, and checks that it has logged no bug of ours.
    pub(crate) fn ended(mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        self.log_reader.take().unwrap().join().unwrap();
        let log = self.log();
        assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
        status
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Checks its status.
    #[track_caller]
    pub(crate) fn with_status(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    /// Checks that it is a problem document with that status and code, and returns its detail.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.kind, "application/problem+json");
        assert_eq!(self.json()["code"], code, "{}", self.text());
        text(&self.json()["detail"])
    }
}

/// Sends a request, and reads the answer whole.
pub(crate) async fn send(request: reqwest::RequestBuilder) -> Reply {
    let answer = request.send().await.unwrap();
    let kind = answer.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap()).to_owned();
    Reply { status: answer.status(), kind, body: answer.bytes().await.unwrap().to_vec() }
}

/// How long something may take that is to happen at all; machines that build are busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often is looked for it: whoever is looked at needs the time, too.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until there is something; nothing when that takes too long.
pub(crate) async fn soon<T>(look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    within(PATIENCE, look).await
}

/// What is found within that time.
pub(crate) async fn within<T>(patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let mut turns = tokio::time::interval(LOOK_EVERY);
    let found = async {
        loop {
            turns.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    tokio::time::timeout(patience, found).await.ok()
}

/// A text in JSON.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not text")).to_owned()
}

/// The token of a join link.
pub(crate) fn token_of(link: &str) -> &str {
    link.split_once("#t=").unwrap().1
}

fn keep(mut from: impl std::io::Read + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut part) {
            log.lock().unwrap().push_str(&String::from_utf8_lossy(&part[..count]));
        }
    })
}

/// Trusts the box's own authority and nothing else.
fn trusting(ca: &std::path::Path) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(config.unwrap().with_root_certificates(roots).with_no_client_auth())
}
