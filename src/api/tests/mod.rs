//! The API asked from outside, with a fake loop behind it.

mod bad_input;
mod endpoints;
mod sign_in;
mod sockets;
mod whip;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alcove_hal::clock::Clock;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tower::ServiceExt as _;

use super::{Edge, Facts, router, wanted_types};
use crate::appliance::Handle;
use crate::appliance::fake::Fake;
use crate::appliance::handle::Join;
use crate::config::layers::Layers;
use crate::config::{self, Tls};
use crate::meeting::Role;
use crate::system::acme::Acme;
use crate::system::api_tokens::ApiTokens;
use crate::system::audit::Audit;
use crate::system::certificates::{Certificates, Identity};
use crate::system::claim::Claim;
use crate::system::conditions::Conditions;
use crate::system::configuration::Configuration;
use crate::system::events::Events;
use crate::system::machine::Machine;
use crate::system::operations::Operations;
use crate::system::tokens::Tokens;
use crate::system::updates::Updates;
use crate::system::webhooks::Webhooks;
use crate::web::wire::{self, ParticipantKind};

/// 2027, so that tokens have room to expire in both directions.
const NOW_UNIX_S: u64 = 1_800_000_000;

/// A clock that stands still until it is turned.
struct Hand {
    start: Instant,
    turned: Mutex<Duration>,
}

impl Hand {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "an Instant to count from; nothing waits for it")]
        let start = Instant::now();
        Self { start, turned: Mutex::default() }
    }

    fn turn(&self, by: Duration) {
        *self.turned.lock().expect("no panic while held") += by;
    }

    fn turned(&self) -> Duration {
        *self.turned.lock().expect("no panic while held")
    }
}

impl Clock for Hand {
    fn now(&self) -> Instant {
        self.start + self.turned()
    }

    fn unix_time(&self) -> Duration {
        Duration::from_secs(NOW_UNIX_S) + self.turned()
    }

    fn wait_until(&self, _: Instant) {
        panic!("the edge never blocks");
    }
}

/// An appliance of which only the edge is real.
struct House {
    router: Router,
    handle: Handle,
    fake: Fake,
    tokens: Arc<Tokens>,
    clock: Arc<Hand>,
    claim: Arc<Claim>,
    _close: watch::Sender<bool>,
    _state: TempDir,
}

/// What came back.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl House {
    /// A house with one meeting, `room`. Needs a tokio runtime.
    fn new() -> Self {
        let state = tempfile::tempdir().expect("a folder");
        let tokens = Arc::new(Tokens::open(state.path()).expect("new tokens"));
        let clock = Arc::new(Hand::new());
        let (handle, fake) = Fake::start();
        let facts = Facts {
            room_name: "Blue <room>".to_owned(),
            public_url: "https://blue.local:8443".to_owned(),
            authority_fingerprint: None,
            authority_pem: Some("-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n".to_owned()),
            devices: Arc::new(|| json!({ "camera": "simulated" })),
            has_mail: false,
        };
        let claim = Claim::open(state.path(), false, NOW_UNIX_S).expect("nobody's");
        let claim = Arc::new(claim);
        let updates = Arc::new(Updates::open(state.path()));
        let machine = Machine::new(state.path());
        let events = Arc::new(Events::open(state.path(), "urn:alcove:box".to_owned()).0);
        let operations = Arc::new(Operations::new(Arc::clone(&events), clock.clone()));
        let (webhooks, _) = Webhooks::open(state.path(), Arc::clone(&events), wanted_types);
        let identity = Identity::new("blue", &[], []);
        let certificates = Certificates::open(state.path(), &Tls::default(), &identity, NOW_UNIX_S);
        let certificates = certificates.expect("new certificates");
        let (close, closing) = watch::channel(false);
        let edge = Edge {
            handle: handle.clone(),
            tokens: Arc::clone(&tokens),
            api_tokens: ApiTokens::open(state.path()).expect("no tokens"),
            audit: Audit::open(state.path()),
            claim: Arc::clone(&claim),
            browsers: Arc::default(),
            clock: clock.clone(),
            machine,
            updates,
            nearby: crate::system::nearby::Nearby::default(),
            configuration: Arc::new(Configuration::open(state.path(), Layers::default()).0),
            conditions: watch::channel(Conditions::default()).1,
            closing,
            uploads: certificates.uploads(),
            acme: Arc::new(Acme::open(
                state.path(),
                certificates.uploads(),
                &config::Acme::default(),
                clock.clone(),
            )),
            box_id: "b0c5".to_owned(),
            events,
            webhooks: Arc::new(webhooks),
            operations,
            facts,
        };
        Self { router: router(edge), handle, fake, tokens, clock, claim, _close: close, _state: state }
    }

    fn token(&self, meeting: &str, role: Role) -> String {
        self.tokens.issue(meeting, role, NOW_UNIX_S + 3600)
    }

    /// Has somebody join, whose words are not read; returns the id.
    async fn join(&self, meeting: &str) -> String {
        let (frames, _) = mpsc::channel(8);
        let (name, kind, role) = ("Ann".to_owned(), ParticipantKind::Browser, wire::Role::Speaker);
        let join = Join {
            meeting: meeting.to_owned(),
            name,
            kind,
            role,
            password: None,
            custom_info: None,
            identity: None,
            user: None,
            bridge: None,
            frames,
        };
        let member = self.handle.join_now(join).await.expect("let in");
        self.fake.member(member).id
    }

    /// Sends a request as it is.
    async fn send(&self, mut request: Request<Body>) -> Reply {
        let from = SocketAddr::from(([192, 0, 2, 7], 40_000));
        request.extensions_mut().get_or_insert(ConnectInfo(from));
        let response = self.router.clone().oneshot(request).await.expect("a router answers");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body").to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Asks as the administrator.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.tokens.admin()));
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).expect("a request")).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.ask(Method::POST, path, Some(body)).await
    }
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }

    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// Checks that it is a whole problem document (RFC 9457), and returns its detail.
    #[track_caller]
    fn problem(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header(header::CONTENT_TYPE), "application/problem+json");
        let document = self.json();
        assert_eq!(document["code"], code);
        assert_eq!(document["status"], status);
        assert_eq!(document["type"], format!("urn:alcove:problem:{code}"));
        assert!(document["title"].as_str().is_some_and(|title| !title.is_empty()));
        document["detail"].as_str().expect("a sentence").to_owned()
    }
}
