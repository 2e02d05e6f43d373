//! Those who have no page open are told elsewhere: a push service and a webhook of this test's own.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::agreement::{self, ECDH_P256, UnparsedPublicKey};
use aws_lc_rs::{aead, hkdf, hmac};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::appliance::Appliance;
use crate::calls::{Page, user};

/// How long a notice may take; machines that build are busy.
const PATIENCE: Duration = Duration::from_secs(40);

/// What somebody was sent.
pub(crate) type Sent = (String, HeaderMap, Bytes);

/// Notes what comes, and answers it with the statuses in turn, the last one again and again; `/gone` is gone.
pub(crate) struct Post {
    sent: mpsc::Receiver<Sent>,
    pub(crate) port: u16,
}

type Noting = (mpsc::Sender<Sent>, Arc<std::sync::Mutex<Vec<u16>>>);

async fn note(
    State((notes, statuses)): State<Noting>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let path = uri.path().to_owned();
    // Nobody reads any more when a test is over.
    let _ = notes.send((path.clone(), headers, body)).await;
    if path == "/gone" {
        return StatusCode::GONE;
    }
    let mut statuses = statuses.lock().unwrap();
    let status = if statuses.len() > 1 { statuses.remove(0) } else { statuses[0] };
    StatusCode::from_u16(status).unwrap()
}

impl Post {
    pub(crate) fn start(tls: Option<rustls::ServerConfig>, statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (notes, sent) = mpsc::channel(32);
        let statuses = Arc::new(std::sync::Mutex::new(statuses.to_vec()));
        let router = Router::new().route("/{*any}", post(note)).with_state((notes, statuses));
        match tls {
            Some(tls) => {
                let tls = axum_server::tls_rustls::RustlsConfig::from_config(Arc::new(tls));
                let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
                tokio::spawn(server.serve(router.into_make_service()));
            }
            None => {
                let server = axum_server::from_tcp(listener).unwrap();
                tokio::spawn(server.serve(router.into_make_service()));
            }
        }
        Self { sent, port }
    }

    pub(crate) async fn next(&mut self) -> Sent {
        timeout(PATIENCE, self.sent.recv()).await.expect("in time").expect("it runs")
    }
}

/// A certificate for `localhost`, and the server that has it.
fn certified() -> (String, rustls::ServerConfig) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (made.cert.pem(), config)
}

/// A browser's side of RFC 8291.
struct Browser {
    private: agreement::PrivateKey,
    public: Vec<u8>,
    auth: [u8; 16],
}

impl Browser {
    fn new() -> Self {
        let private = agreement::PrivateKey::generate(&ECDH_P256).unwrap();
        let public = private.compute_public_key().unwrap().as_ref().to_vec();
        Self { private, public, auth: [7; 16] }
    }

    fn subscription(&self, endpoint: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "push": { "endpoint": endpoint, "p256dh": text(&self.public), "auth": text(&self.auth) } })
    }

    fn open(&self, body: &[u8]) -> Value {
        let (salt, sender, sealed) = (&body[..16], &body[21..86], &body[86..]);
        assert_eq!((&body[16..20], body[20]), (&4096_u32.to_be_bytes()[..], 65));
        let peer = UnparsedPublicKey::new(&ECDH_P256, sender);
        let secret = agreement::agree(&self.private, peer, (), |secret| {
            Ok(derive(&self.auth, secret, &[b"WebPush: info\0", &self.public, sender], 32))
        });
        let secret = secret.unwrap();
        let key = derive(salt, &secret, &[b"Content-Encoding: aes128gcm\0"], 16);
        let nonce = derive(salt, &secret, &[b"Content-Encoding: nonce\0"], 12);
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key).unwrap());
        let nonce = aead::Nonce::try_assume_unique_for_key(&nonce).unwrap();
        let mut sealed = sealed.to_vec();
        let opened = key.open_in_place(nonce, aead::Aad::empty(), &mut sealed).unwrap();
        let (end, message) = opened.split_last().unwrap();
        assert_eq!(*end, 2);
        serde_json::from_slice(message).unwrap()
    }
}

fn derive(salt: &[u8], secret: &[u8], info: &[&[u8]], length: usize) -> Vec<u8> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut bytes = vec![0; length];
    let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    pseudorandom.expand(info, Length(length)).unwrap().fill(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn a_browser_whose_page_is_closed_is_told_who_rings_and_what_was_missed() {
    let (pem, tls) = certified();
    let mut post = Post::start(Some(tls), &[503, 201]);
    let state = Arc::new(tempfile::tempdir().unwrap());
    let trusted = state.path().join("trusted.pem");
    std::fs::write(&trusted, pem).unwrap();
    let alcove = Appliance::start_with(Arc::clone(&state), "", |command| {
        command.env("SSL_CERT_FILE", &trusted).env_remove("SSL_CERT_DIR");
    });
    let (ben, ben_token) = user(&alcove, "Ben").await;
    let (_, ann_token) = user(&alcove, "Ann").await;
    let browser = Browser::new();
    let endpoint = format!("https://localhost:{}/push/ben", post.port);
    let mut page = Page::sign_in(&alcove, &ben_token, "ben").await;
    page.words.ask(browser.subscription(&endpoint)).await.unwrap();
    let key = page.welcome["push_key"].as_str().unwrap().to_owned();
    drop(page);

    let mut ann = Page::sign_in(&alcove, &ann_token, "ann").await;
    let call = ann.ring(&[&ben]).await;
    let (_, refused, _) = post.next().await;
    let (_, headers, body) = post.next().await;
    assert_eq!(refused["topic"], headers["topic"], "tried again after 503");
    let told = browser.open(&body);
    assert_eq!((&told["what"], &told["from"], &told["call"]), (&json!("ring"), &json!("Ann"), &json!(call)));
    assert_eq!(
        (&headers["content-encoding"], &headers["ttl"], &headers["urgency"]),
        (&"aes128gcm".parse().unwrap(), &"60".parse().unwrap(), &"high".parse().unwrap())
    );
    let authorization = headers["authorization"].to_str().unwrap();
    assert!(authorization.starts_with("vapid t=") && authorization.ends_with(&format!("k={key}")));

    ann.words.ask(json!({ "hang_up": { "call": call } })).await.unwrap();
    let (_, _, body) = post.next().await;
    let told = browser.open(&body);
    assert_eq!((&told["what"], &told["missed"]), (&json!("over"), &json!(true)));
}

#[tokio::test]
async fn a_subscription_that_is_gone_is_forgotten() {
    let (pem, tls) = certified();
    let mut post = Post::start(Some(tls), &[201]);
    let state = Arc::new(tempfile::tempdir().unwrap());
    let trusted = state.path().join("trusted.pem");
    std::fs::write(&trusted, pem).unwrap();
    let alcove = Appliance::start_with(Arc::clone(&state), "", |command| {
        command.env("SSL_CERT_FILE", &trusted).env_remove("SSL_CERT_DIR");
    });
    let (ben, ben_token) = user(&alcove, "Ben").await;
    let (_, ann_token) = user(&alcove, "Ann").await;
    let mut ben_page = Page::sign_in(&alcove, &ben_token, "ben").await;
    let mut ann = Page::sign_in(&alcove, &ann_token, "ann").await;
    let endpoint = |name: &str| format!("https://localhost:{}/{name}", post.port);
    for name in ["gone", "here"] {
        ben_page.words.ask(Browser::new().subscription(&endpoint(name))).await.unwrap();
    }
    let mut told = Vec::new();
    while !told.ends_with(&["/here", "/here", "/here", "/here"].map(str::to_owned)) {
        // A ring and its end, of which the one that is here is told both.
        let call = ann.ring(&[&ben]).await;
        ann.words.ask(json!({ "hang_up": { "call": call } })).await.unwrap();
        while told.iter().filter(|path| *path == "/here").count() % 2 == 0 {
            told.push(post.next().await.0);
        }
        while told.iter().filter(|path| *path == "/here").count() % 2 == 1 {
            told.push(post.next().await.0);
        }
    }
    assert!(told.contains(&"/gone".to_owned()), "it was tried");
}

#[tokio::test]
async fn a_webhook_is_told_with_a_signature_and_told_again_when_it_failed() {
    let mut post = Post::start(None, &[500, 204]);
    let state = Arc::new(tempfile::tempdir().unwrap());
    let secret = state.path().join("secret");
    std::fs::write(&secret, "a well kept secret\n").unwrap();
    let config = format!(
        "[calls]\nwebhook = \"http://127.0.0.1:{}/calls\"\nwebhook_secret_file = {secret:?}\n",
        post.port
    );
    let alcove = Appliance::start_in(state, &config);
    let (ben, _) = user(&alcove, "Ben").await;
    let (ann_id, ann_token) = user(&alcove, "Ann").await;
    let mut ann = Page::sign_in(&alcove, &ann_token, "ann").await;
    let call = ann.ring(&[&ben]).await;
    for attempt in ["the first", "the second"] {
        let (_, headers, body) = post.next().await;
        let time = headers["alcove-timestamp"].to_str().unwrap();
        let signed = [time.as_bytes(), b".", &body].concat();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"a well kept secret"), &signed);
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(headers["alcove-signature"], format!("v1={hex}"), "{attempt}");
        let told: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&told["event"], &told["call"]), (&json!("ring"), &json!(call)), "{attempt}");
        assert_eq!(told["by"], json!({ "id": ann_id, "name": "Ann" }));
        assert_eq!(told["user"], json!({ "id": ben, "name": "Ben" }));
    }
    ann.words.ask(json!({ "hang_up": { "call": call } })).await.unwrap();
    let (_, _, body) = post.next().await;
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["event"], "missed");
}
