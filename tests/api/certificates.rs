//! A certificate of the owner's: shown to whoever asks for its name, beside the appliance's own, without cutting anybody off.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use reqwest::Method;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use crate::appliance::{Appliance, Reply, send, text};
use crate::kept::killed;
use crate::words::Words;

/// An authority of the owner's, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A chain and its key, for that name, good until that year.
    fn sign(&self, name: &str, until: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let leaf = params.signed_by(&key, &self.0).unwrap();
        (format!("{}{}", leaf.pem(), self.0.pem()), key.serialize_pem())
    }

    async fn vouches_for(&self, alcove: &Appliance, name: &str) -> bool {
        is_believed(alcove, self.0.der().to_vec(), name).await
    }
}

/// Whether an appliance is believed by whoever trusts that authority and asks for that name.
pub(crate) async fn is_believed(alcove: &Appliance, authority_der: Vec<u8>, name: &str) -> bool {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(authority_der)).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.unwrap().with_root_certificates(roots).with_no_client_auth();
    let address = SocketAddr::from(([127, 0, 0, 1], alcove.port));
    let http = reqwest::Client::builder().use_preconfigured_tls(tls).resolve(name, address).build().unwrap();
    let asked = http.get(format!("https://{name}:{}/healthz", alcove.port)).send().await;
    asked.is_ok_and(|answer| answer.status() == 200)
}

async fn upload(alcove: &Appliance, (chain, key): (String, String)) -> Reply {
    let body = json!({ "chain": chain, "key": key });
    alcove.ask(Method::PUT, "certificates/uploaded", Some(body)).await
}

#[tokio::test]
async fn an_uploaded_certificate_is_shown_for_its_name_and_nobody_is_cut_off() {
    let authority = Authority::new();
    let alcove = Appliance::start("");
    let token = alcove.token("room", "speaker").await;
    let mut ann = Words::join(&alcove, "room", &token, "Ann").await;
    assert!(!authority.vouches_for(&alcove, "den.example.org").await);
    let taken = upload(&alcove, authority.sign("den.example.org", 2096)).await.with_status(200).json();
    assert_eq!((&taken["source"], &taken["names"]), (&json!("uploaded"), &json!(["den.example.org"])));
    assert!(authority.vouches_for(&alcove, "den.example.org").await);
    assert!(!authority.vouches_for(&alcove, "attic.example.org").await);
    ann.ask(json!({ "hand": { "up": true } })).await.expect("her socket goes on");
    let listed = alcove.get("certificates").await.with_status(200).json();
    let sources: Vec<_> = listed.as_array().unwrap().iter().map(|one| text(&one["source"])).collect();
    assert_eq!(sources, ["own", "uploaded"], "the own one still opens localhost, as this answer shows");
    assert!(!listed.to_string().contains("PRIVATE"), "{listed}");

    // Renewed, and there after a power cut; then join links bear its name.
    upload(&alcove, authority.sign("*.example.org", 2097)).await.with_status(200);
    upload(&alcove, authority.sign("attic.example.org", 2097)).await.with_status(200);
    let alcove = killed(alcove);
    assert!(authority.vouches_for(&alcove, "attic.example.org").await);
    let links = alcove.meeting(json!({ "name": "den" })).await.to_string();
    assert!(links.contains("https://attic.example.org"), "{links}");
    alcove.delete("certificates/uploaded").await.with_status(204);
    assert!(!authority.vouches_for(&alcove, "attic.example.org").await);
    alcove.delete("certificates/uploaded").await.problem(404, "invalid-parameter");
}

#[tokio::test]
async fn what_is_no_good_certificate_is_refused_and_the_one_in_use_stays() {
    let authority = Authority::new();
    let alcove = Appliance::start("");
    let good = authority.sign("den.example.org", 2096);
    upload(&alcove, good.clone()).await.with_status(200);
    let other_key = authority.sign("den.example.org", 2096).1;
    let old = authority.sign("den.example.org", 2021);
    for (wrong, why) in [
        ((good.0.clone(), other_key), "do not go together"),
        ((good.0.clone(), "nonsense".to_owned()), "private key"),
        (("nonsense".to_owned(), good.1.clone()), "no certificate is in it"),
        (old, "has expired"),
        (("x".repeat(40_000), good.1.clone()), "at most"),
    ] {
        let detail = upload(&alcove, wrong).await.problem(400, "invalid-parameter");
        assert!(detail.contains(why), "{detail}");
    }
    assert!(authority.vouches_for(&alcove, "den.example.org").await);
    let made: Value = alcove.post("tokens", json!({"name": "panel", "role": "integrator"})).await.json();
    let body = json!({ "chain": good.0, "key": good.1 });
    let refused =
        alcove.ask_as(&text(&made["token"]), Method::PUT, "certificates/uploaded", Some(body)).await;
    refused.problem(403, "not-permitted");
}

/// A program that shows a certificate of that name, signed by an authority, to a box that it trusts.
fn with_certificate(alcove: &Appliance, authority: &Authority, name: &str) -> reqwest::Client {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let leaf = params.signed_by(&key, &authority.0).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    let own = alcove.state().join("tls/ca.pem");
    roots.add(CertificateDer::from_pem_file(own).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let chain = vec![CertificateDer::from(leaf.der().to_vec())];
    let tls = tls.unwrap().with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap();
    reqwest::Client::builder().use_preconfigured_tls(tls).build().unwrap()
}

#[tokio::test]
async fn a_program_is_let_in_by_its_certificate_with_the_role_that_is_configured() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clients.pem");
    std::fs::write(&file, authority.0.pem()).unwrap();
    let alcove =
        Appliance::start(&format!("[tls]\nclient_authority = {file:?}\nclient_role = \"integrator\"\n"));
    let url = |path: &str| format!("https://localhost:{}/api/v1/{path}", alcove.port);
    let console = with_certificate(&alcove, &authority, "console");
    assert_eq!(send(console.get(url("status"))).await.status, 200);
    let made = send(console.post(url("meetings")).json(&json!({ "name": "den" }))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let detail = send(console.get(url("tokens"))).await.problem(403, "not-permitted");
    assert!(detail.contains("console (certificate)") && detail.contains("integrator"), "{detail}");
    let audit = alcove.get("audit").await.json().to_string();
    assert!(audit.contains("console (certificate)"), "{audit}");

    // A page of somebody else's that has a browser ask brings the certificate along: that opens nothing.
    for (name, value) in
        [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example"), ("Cookie", "a=b")]
    {
        let asked = send(console.get(url("status")).header(name, value)).await;
        assert_eq!(asked.status, 401, "{name}: {}", asked.text());
    }
    let foreign = with_certificate(&alcove, &stranger, "console");
    assert!(foreign.get(url("status")).send().await.is_err(), "strangers are turned away in the handshake");
    assert_eq!(alcove.request(Method::GET, "/api/v1/status").send().await.unwrap().status(), 401);
    assert_eq!(alcove.get("status").await.status, 200, "tokens open as before");
}
