//! Speaks with the appliance of this machine: found by the address, the authority and the token in its state
//! directory.

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

use crate::system::files;

/// The longest that an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// An administrator on the same machine.
pub(super) struct Administrator {
    http: reqwest::Client,
    url: Url,
    token: String,
}

impl Administrator {
    /// Reads how the appliance is reached.
    pub(super) fn open(state: &Path) -> anyhow::Result<Self> {
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

    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    /// What a path says, as text.
    pub(super) async fn text(&self, path: &str) -> anyhow::Result<String> {
        Ok(self.send(self.request(Method::GET, path)?).await?.text().await?)
    }

    /// What a path says, as JSON.
    pub(super) async fn json(&self, path: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.text(path).await?)?)
    }

    /// Makes a meeting.
    pub(super) async fn open_meeting(&self, name: &str) -> anyhow::Result<()> {
        let meeting = serde_json::json!({ "name": name, "mode": "audio" }).to_string();
        let request =
            self.request(Method::POST, "api/v1/meetings")?.header("content-type", "application/json");
        self.send(request.body(meeting)).await.map(drop)
    }

    /// Ends a meeting, and with it whoever is in it.
    pub(super) async fn end_meeting(&self, name: &str) -> anyhow::Result<()> {
        self.send(self.request(Method::DELETE, &format!("api/v1/meetings/{name}"))?).await.map(drop)
    }

    /// Offers media to a WHIP or WHEP endpoint; the answer.
    pub(super) async fn offer(&self, path: &str, offer: String) -> anyhow::Result<String> {
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
