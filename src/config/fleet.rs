//! The keys of `fleet`: where the appliance fetches what it is to be, and whom it believes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::checks::Fault;
use super::{GivenRole, Secret};

/// A public key of minisign in base64: two bytes of algorithm, eight of its number, 32 of the key.
const KEY_CHARS: usize = 56;

/// The longest name of a JetStream domain.
const DOMAIN_CHARS_MAX: usize = 64;

/// The longest address, in bytes.
const ADDRESS_BYTES_MAX: usize = 2048;

/// What the appliance is to be, as a fleet says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fleet {
    /// A web address, or a folder of this machine, with the desired states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The public key that they are signed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How often is looked, in seconds.
    pub interval_seconds: u32,
    /// A web address that is told how the appliance is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// The bearer token for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_token: Option<Secret>,
    /// The NATS servers of the fleet, with commas between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nats: Option<String>,
    /// The file with what lets the box in there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nats_credentials_file: Option<PathBuf>,
    /// The file with the authorities that the servers are believed by, besides those of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nats_authority: Option<PathBuf>,
    /// The JetStream domain of the servers that keep what the fleet knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nats_domain: Option<String>,
    /// What may be asked of the box from there: one of the roles of tokens.
    pub nats_role: GivenRole,
    /// Whether the rooms there that want it too are in the directory, and ring each other.
    pub nats_calls: bool,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            source: None,
            key: None,
            interval_seconds: 300,
            report: None,
            report_token: None,
            nats: None,
            nats_credentials_file: None,
            nats_authority: None,
            nats_domain: None,
            nats_role: GivenRole::Admin,
            nats_calls: false,
        }
    }
}

impl Fleet {
    /// Whether the values fit together.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let fault = |key, cause: &str| Err(Fault { key, cause: cause.to_owned() });
        let is_web = |text: &str| text.starts_with("https://") || text.starts_with("http://");
        let is_short = |text: &String| text.len() <= ADDRESS_BYTES_MAX;
        match &self.source {
            Some(source) if !is_short(source) || !(is_web(source) || source.starts_with('/')) => {
                return fault(
                    "fleet.source",
                    "give an address that begins with https:// or http://, or the path of a folder",
                );
            }
            Some(_) if self.key.is_none() => {
                return fault("fleet.source", "nobody is believed without a key; set fleet.key, too");
            }
            _ => {}
        }
        let is_key = |key: &String| {
            key.len() == KEY_CHARS
                && key.starts_with("RW")
                && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='))
        };
        if self.key.as_ref().is_some_and(|key| !is_key(key)) {
            return fault(
                "fleet.key",
                "it is no public key of minisign; give the line of minisign.pub that begins with RW",
            );
        }
        let is_server = |server: &str| {
            let place = server.trim();
            place
                .strip_prefix("nats://")
                .or_else(|| place.strip_prefix("tls://"))
                .is_some_and(|host| !host.is_empty())
        };
        if self.nats.as_ref().is_some_and(|servers| !is_short(servers) || !servers.split(',').all(is_server))
        {
            return fault(
                "fleet.nats",
                "give addresses that begin with tls:// or nats://, with commas between",
            );
        }
        // A part of the subjects that JetStream is asked by.
        let is_token = |domain: &String| {
            (1..=DOMAIN_CHARS_MAX).contains(&domain.len())
                && domain.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        };
        if self.nats_domain.as_ref().is_some_and(|domain| !is_token(domain)) {
            return fault("fleet.nats_domain", "give 1 to 64 letters, digits, '-' and '_'");
        }
        if self.nats.is_none() {
            let needs_it = [
                ("fleet.nats_credentials_file", self.nats_credentials_file.is_some()),
                ("fleet.nats_authority", self.nats_authority.is_some()),
                ("fleet.nats_domain", self.nats_domain.is_some()),
                ("fleet.nats_calls", self.nats_calls),
            ];
            if let Some((key, _)) = needs_it.into_iter().find(|(_, is_set)| *is_set) {
                return fault(key, "it is for fleet.nats; set that, too");
            }
        }
        match (&self.report, &self.report_token) {
            (Some(report), _) if !is_short(report) || !is_web(report) => {
                fault("fleet.report", "give an address that begins with https:// or http://")
            }
            (None, Some(_)) => fault("fleet.report_token", "it is for fleet.report; set that, too"),
            _ => Ok(()),
        }
    }
}
