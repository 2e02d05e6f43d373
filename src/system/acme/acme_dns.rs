//! Records by acme-dns, a server that holds nothing but those of ACME: the names lead to it by a CNAME.

use serde_json::json;

use super::failure::Failure;
use crate::config::Secret;

/// One subdomain there.
pub(super) struct AcmeDns {
    pub(super) http: reqwest::Client,
    pub(super) url: String,
    pub(super) username: String,
    pub(super) password: Secret,
    pub(super) subdomain: String,
}

impl AcmeDns {
    /// Has it serve that text.
    pub(super) async fn put(&self, text: &str) -> Result<(), Failure> {
        let request = self
            .http
            .post(format!("{}/update", self.url.trim_end_matches('/')))
            .header("Content-Type", "application/json")
            .header("X-Api-User", &self.username)
            .header("X-Api-Key", self.password.reveal())
            .body(json!({ "subdomain": self.subdomain, "txt": text }).to_string());
        let answer = request.send().await.map_err(|error| {
            let cause = format!("acme-dns cannot be reached: {:#}", anyhow::Error::from(error.without_url()));
            Failure::here(cause, "look at acme.dns_server")
        })?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(Failure::here(
                format!("acme-dns answered {status}"),
                "correct acme.dns_username, acme.dns_password and acme.dns_subdomain: its register call gives all three",
            )),
        }
    }
}
