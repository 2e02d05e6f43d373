//! Pebble, a real authority for tests, behind a gate that notes what it is asked and can refuse; and the names that it sees.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum_server::tls_rustls::RustlsConfig;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::appliance::soon;
use crate::debian::{Program, free_port};

/// How long something may take that is to happen at all; machines that build are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Answers every name with this machine, and with the records that it is told.
pub(crate) struct Names {
    _program: Program,
    pub(crate) dns: String,
    management: String,
}

impl Names {
    pub(crate) fn start() -> Self {
        let [dns, management] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
        let arguments = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", "", "-dns01", &dns];
        let arguments = [&arguments[..], &["-management", &management]].concat();
        Self { _program: Program::start("pebble-challtestsrv", &arguments, &[]), dns, management }
    }

    /// Tells it something: `set-txt`, `set-cname` and so on.
    pub(crate) async fn tell(&self, what: &str, body: Value) {
        let http = alcove::system::https::asker().unwrap();
        let mut turns = tokio::time::interval(Duration::from_millis(50));
        timeout(PATIENCE, async {
            loop {
                turns.tick().await;
                let told = http.post(format!("http://{}/{what}", self.management)).json(&body).send().await;
                if told.is_ok_and(|answer| answer.status() == 200) {
                    return;
                }
            }
        })
        .await
        .expect("it is told in time");
    }
}

/// Who vouches for the authority's own address: an authority of the house.
pub(crate) struct House {
    folder: TempDir,
    der: Vec<u8>,
}

impl House {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &authority).unwrap();
        for (name, text) in
            [("ca.pem", authority.pem()), ("leaf.pem", leaf.pem()), ("leaf.key", key.serialize_pem())]
        {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder, der: authority.der().to_vec() }
    }

    /// `ca.pem` is its own certificate.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn http(&self) -> reqwest::Client {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from(self.der.clone())).unwrap();
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ));
        let tls = tls.with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_root_certificates(roots).with_no_client_auth();
        reqwest::Client::builder().use_preconfigured_tls(tls).build().unwrap()
    }

    /// Serves something by HTTPS, and says where.
    pub(crate) fn serve(&self, router: axum::Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let server = axum_server::from_tcp_rustls(listener, self.server()).unwrap();
        tokio::spawn(server.serve(router.into_make_service()));
        url
    }

    fn server(&self) -> RustlsConfig {
        let chain = vec![CertificateDer::from_pem_file(self.path("leaf.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(self.path("leaf.key")).unwrap();
        let tls = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ));
        let tls = tls.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        RustlsConfig::from_config(Arc::new(tls.with_single_cert(chain, key).unwrap()))
    }
}

/// What the gate says instead of the authority.
pub(crate) type Refusal = (StatusCode, Vec<(&'static str, String)>, Value);

/// Decides on a POST by its path, and how often that was asked before.
type Refuse = Arc<dyn Fn(&str, u32) -> Option<Refusal> + Send + Sync>;

/// The gate's end of the story.
#[derive(Clone)]
struct Gate {
    http: reqwest::Client,
    behind: String,
    /// How often each path was asked by POST: `/order-plz` is one more order.
    asked: Arc<Mutex<BTreeMap<String, u32>>>,
    refuse: Refuse,
    /// In which window each certificate is to be renewed (RFC 9773), which this authority itself does not say.
    window: Arc<Mutex<Option<(String, String)>>>,
    /// Of which certificates that was asked.
    hinted: Arc<Mutex<BTreeSet<String>>>,
    /// What it has looked for over plain HTTP.
    tokens: Arc<Mutex<BTreeSet<String>>>,
}

/// The authority.
pub(crate) struct Pebble {
    house: House,
    program: Option<Program>,
    arguments: (String, String),
    management: String,
    gate: Gate,
    /// Its directory, at the gate.
    pub(crate) directory: String,
}

impl Pebble {
    /// Looks up names there, and asks appliances over plain HTTP at that port, behind a gate that may refuse.
    pub(crate) async fn start(
        house: House,
        (dns, http_port): (&str, u16),
        more: Value,
        refuse: impl Fn(&str, u32) -> Option<Refusal> + Send + Sync + 'static,
    ) -> Self {
        let [behind, management] = [(); 2].map(|()| format!("localhost:{}", free_port()));
        let mut config = json!({
            "listenAddress": behind, "managementListenAddress": management, "httpPort": http_port, "tlsPort": 1,
            "certificate": house.path("leaf.pem"), "privateKey": house.path("leaf.key"),
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let file = house.path("pebble.json");
        std::fs::write(&file, json!({ "pebble": config }).to_string()).unwrap();
        let arguments = (file.display().to_string(), dns.to_owned());
        let (asked, window, hinted, tokens) = Default::default();
        let refuse: Refuse = Arc::new(refuse);
        let gate = Gate { http: house.http(), behind, asked, refuse, window, hinted, tokens };
        let url = house.serve(axum::Router::new().fallback(pass).with_state(gate.clone()));
        let directory = format!("{url}/dir");
        let mut pebble = Self { house, program: None, arguments, management, gate, directory };
        pebble.forget().await;
        pebble
    }

    /// It forgets all accounts, and has another root.
    pub(crate) async fn forget(&mut self) {
        drop(self.program.take());
        let (file, dns) = (&self.arguments.0, &self.arguments.1);
        // Without its sleeps, and without the refusals that it makes by chance: the gate makes them.
        let variables =
            [("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_WFE_NONCEREJECT", "0"), ("PEBBLE_AUTHZREUSE", "0")];
        self.program =
            Some(Program::start("pebble", &["-strict", "-config", file, "-dnsserver", dns], &variables));
        soon(async || self.root().await).await.expect("pebble starts");
    }

    /// The root of what it issues, as DER.
    pub(crate) async fn root(&self) -> Option<Vec<u8>> {
        let answer =
            self.house.http().get(format!("https://{}/roots/0", self.management)).send().await.ok()?;
        let pem = answer.bytes().await.ok()?;
        Some(CertificateDer::from_pem_slice(&pem).ok()?.to_vec())
    }

    /// From now on it says when certificates are to be renewed: dates of RFC 3339.
    pub(crate) fn suggest(&self, from: &str, to: &str) {
        *self.gate.window.lock().unwrap() = Some((from.to_owned(), to.to_owned()));
    }

    /// Of how many certificates it was asked that.
    pub(crate) fn hinted(&self) -> usize {
        self.gate.hinted.lock().unwrap().len()
    }

    /// What it has looked for over plain HTTP.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.gate.tokens.lock().unwrap().iter().cloned().collect()
    }

    /// How many orders were asked for.
    pub(crate) fn orders(&self) -> u32 {
        self.asked("/order-plz")
    }

    /// How many accounts were.
    pub(crate) fn accounts(&self) -> u32 {
        self.asked("/sign-me-up")
    }

    /// How often an account was changed.
    pub(crate) fn changes_of_accounts(&self) -> u32 {
        let asked = self.gate.asked.lock().unwrap();
        asked.iter().filter(|(path, _)| path.starts_with("/my-account/")).map(|(_, count)| count).sum()
    }

    fn asked(&self, path: &str) -> u32 {
        self.gate.asked.lock().unwrap().get(path).copied().unwrap_or(0)
    }

    /// How many POSTs there were.
    pub(crate) fn posts(&self) -> u32 {
        self.gate.asked.lock().unwrap().values().sum()
    }
}

/// Passes a request on as it is: host and body are signed.
async fn pass(
    State(gate): State<Gate>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method == Method::POST {
        let before = {
            let mut asked = gate.asked.lock().unwrap();
            let count = asked.entry(uri.path().to_owned()).or_default();
            *count += 1;
            *count - 1
        };
        // As authorities of the public web do.
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        if !headers.contains_key(header::CONTENT_LENGTH) || !agent.starts_with("alcove/") {
            return StatusCode::LENGTH_REQUIRED.into_response();
        }
        if let Some((status, more, problem)) = (gate.refuse)(uri.path(), before) {
            let mut response = (status, problem.to_string()).into_response();
            response.headers_mut().insert(header::CONTENT_TYPE, "application/problem+json".parse().unwrap());
            for (name, value) in more {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            return response;
        }
    }
    let window = gate.window.lock().unwrap().clone();
    if let (Some((start, end)), Some(id)) = (&window, uri.path().strip_prefix("/when/")) {
        gate.hinted.lock().unwrap().insert(id.to_owned());
        let body = json!({ "suggestedWindow": { "start": start, "end": end } });
        return ([(header::RETRY_AFTER, "3600")], body.to_string()).into_response();
    }
    let url = format!("https://{}{uri}", gate.behind);
    let here = headers[header::HOST].to_str().unwrap().to_owned();
    let answer = gate.http.request(method, url).headers(headers).body(body).send().await;
    let Ok(answer) = answer else { return StatusCode::BAD_GATEWAY.into_response() };
    if window.is_some() && uri.path() == "/dir" {
        let mut directory: Value = answer.json().await.unwrap();
        directory["renewalInfo"] = json!(format!("https://{here}/when"));
        return directory.to_string().into_response();
    }
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.unwrap();
    let state: Value = serde_json::from_slice(&body).unwrap_or_default();
    let is_http = |challenge: &&Value| challenge["type"] == "http-01";
    let challenges = state["challenges"].as_array().into_iter().flatten().filter(is_http);
    let tokens = challenges.filter_map(|challenge| challenge["token"].as_str().map(str::to_owned));
    gate.tokens.lock().unwrap().extend(tokens);
    let mut response = Response::new(Body::from(body));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    response.headers_mut().remove(header::TRANSFER_ENCODING);
    response
}

/// A zone `example.test` that takes updates (RFC 2136) from whoever has the key.
pub(crate) struct Zone {
    _program: Program,
    _folder: TempDir,
    pub(crate) port: u16,
}

/// The key of the zone, by the name `box`.
pub(crate) const ZONE_KEY: &str = "6d/2sYiCxBpW0Mi3mVPZIZ5LnTxQr5vVXCRy5TzeJSE=";

impl Zone {
    pub(crate) fn start() -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let file = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let zone = file(
            "zone",
            "$ORIGIN example.test.\n$TTL 60\n@ SOA ns admin 1 60 60 600 60\n@ NS ns\n* A 127.0.0.1\n\
             _acme-challenge.attic CNAME proof.attic\n"
                .to_owned(),
        );
        let place = |path: &Path| path.display().to_string();
        let config = format!(
            "server:\n  rundir: {0}\n  listen: 127.0.0.1@{port}\ndatabase:\n  storage: {0}\n\
             key:\n  - id: box.\n    algorithm: hmac-sha256\n    secret: {ZONE_KEY}\n\
             acl:\n  - id: box\n    key: box.\n    action: update\n\
             zone:\n  - domain: example.test\n    file: {1}\n    acl: box\n",
            place(folder.path()),
            place(&zone),
        );
        let config = file("knot.conf", config);
        Self { _program: Program::start("knotd", &["-c", &place(&config)], &[]), _folder: folder, port }
    }
}
