//! Speaks with an appliance as those do who administer it: with that of this machine, found by what lies in its state
//! directory, or with one elsewhere.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Method, RequestBuilder, Response, Url};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

use crate::system::{files, trust};

/// The longest that an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// An administrator of one appliance.
pub(crate) struct Administrator {
    http: reqwest::Client,
    url: Url,
    token: String,
}

impl Administrator {
    /// Reads how the appliance of this machine is reached.
    pub(crate) fn of_this_machine(state: &Path) -> anyhow::Result<Self> {
        let read = |file: &str| {
            let text = files::read(&state.join(file))?;
            text.with_context(|| {
                let folder = state.display();
                format!("there is no {file} in {folder}: has the appliance been started? (--state names its folder)")
            })
        };
        let url: Url = read(files::URL)?.trim().parse().context("the appliance's address is none")?;
        let token = read("admin-token")?.trim().to_owned();
        let mut trusted = RootCertStore::empty();
        if let Some(authority) = files::read(&state.join("tls/ca.pem"))? {
            trusted.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
        }
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let http = reqwest::Client::builder().timeout(ANSWER_MAX).use_preconfigured_tls(tls);
        Ok(Self { http: http.build().context("cannot speak HTTPS")?, url, token })
    }

    /// Of the appliance at that address; without a fingerprint the machine's authorities vouch for it.
    pub(crate) fn at(url: Url, token: String, fingerprint: Option<&str>) -> anyhow::Result<Self> {
        let tls = Arc::unwrap_or_clone(trust::tls(fingerprint)?);
        let http = reqwest::Client::builder().timeout(ANSWER_MAX).use_preconfigured_tls(tls);
        Ok(Self { http: http.build().context("cannot speak HTTPS")?, url, token })
    }

    /// Where it is.
    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }

    /// What a path says, as text.
    pub(crate) async fn text(&self, path: &str) -> anyhow::Result<String> {
        Ok(self.send(self.request(Method::GET, path)?).await?.text().await?)
    }

    /// What a path says, as JSON.
    pub(crate) async fn json(&self, path: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.text(path).await?)?)
    }

    /// What a path says that takes its time.
    pub(crate) async fn patient(&self, path: &str, within: Duration) -> anyhow::Result<Value> {
        let request = self.request(Method::GET, path)?.timeout(within + ANSWER_MAX);
        Ok(serde_json::from_str(&self.send(request).await?.text().await?)?)
    }

    /// What a path says, with its entity tag.
    pub(crate) async fn tagged(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.send(self.request(Method::GET, path)?).await?;
        let etag = answer.headers().get("etag").and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        etag.context("it has told no entity tag: it is older than this program")
    }

    /// Sends a document, for what was read with that entity tag.
    pub(crate) async fn put(&self, path: &str, etag: &str, document: &Value) -> anyhow::Result<Value> {
        let request = self.request(Method::PUT, path)?.header("content-type", "application/json");
        let request = request.header("if-match", etag).body(document.to_string());
        Ok(serde_json::from_str(&self.send(request).await?.text().await?)?)
    }

    /// Sends something to be done.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let request = self.request(Method::POST, path)?.header("content-type", "application/json");
        self.send(request.body(body.to_string())).await.map(drop)
    }

    /// Makes a meeting.
    pub(crate) async fn open_meeting(&self, name: &str) -> anyhow::Result<()> {
        self.post("api/v1/meetings", &serde_json::json!({ "name": name, "mode": "audio" })).await
    }

    /// Ends a meeting, and with it whoever is in it.
    pub(crate) async fn end_meeting(&self, name: &str) -> anyhow::Result<()> {
        self.send(self.request(Method::DELETE, &format!("api/v1/meetings/{name}"))?).await.map(drop)
    }

    /// Offers media to a WHIP or WHEP endpoint; the answer.
    pub(crate) async fn offer(&self, path: &str, offer: String) -> anyhow::Result<String> {
        let request = self.request(Method::POST, path)?.header("content-type", "application/sdp");
        Ok(self.send(request.body(offer)).await?.text().await?)
    }

    fn request(&self, method: Method, path: &str) -> anyhow::Result<RequestBuilder> {
        Ok(self.http.request(method, self.url.join(path)?).bearer_auth(&self.token))
    }

    /// Fails with the problem's words when the answer is one.
    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.send().await.with_context(|| format!("{} does not answer", self.url))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let problem: Value = serde_json::from_str(&response.text().await?).unwrap_or_default();
        bail!("it says {status}: {}", problem["detail"].as_str().unwrap_or("no more than that"))
    }
}
