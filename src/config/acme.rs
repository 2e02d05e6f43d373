//! The keys of `acme`: which authority issues certificates, for which names, and how it is shown whose they are.

use std::net::IpAddr;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::Secret;
use super::checks::{Fault, is_host_name, place};

/// The most names of one certificate.
const NAMES_MAX: usize = 16;

/// The longest address, and the longest of the other texts, in bytes.
const ADDRESS_BYTES_MAX: usize = 2048;
const TEXT_BYTES_MAX: usize = 253;

/// The port of DNS (RFC 1035, 4.2).
const DNS_PORT: u16 = 53;

/// Certificates that an authority issues by itself (RFC 8555).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Acme {
    /// The directory of the authority, `https:`; without one there is no such certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The host names that the certificate is for.
    pub names: Vec<String>,
    /// How the authority reaches the owner, `mailto:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Where records are put that show whose the names are: `dns:host:port` (RFC 2136) or `https:` (acme-dns).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_server: Option<String>,
    /// The name of the key there (TSIG), or the user name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_username: Option<String>,
    /// The key there in base64, or the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_password: Option<Secret>,
    /// The subdomain that acme-dns has given out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_subdomain: Option<String>,
    /// The number of the owner's account with the authority, where it asks for one (RFC 8555, 7.3.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The key of that account, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_key: Option<Secret>,
    /// The authority (PEM) that vouches for the directory, where this machine does not trust it anyhow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<PathBuf>,
}

/// How it is shown that the names belong to whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcmeProof {
    /// By an answer over plain HTTP (RFC 8555, 8.3).
    Http,
    /// By a record that is put by RFC 2136, signed as RFC 8945 says.
    DnsUpdate {
        /// Name or address of the server, IPv6 in brackets.
        host: String,
        /// Its port.
        port: u16,
        /// The name of the key.
        key_name: String,
        /// The key of HMAC-SHA256, in base64.
        key: Secret,
    },
    /// By a record that an acme-dns server puts.
    AcmeDns {
        /// Its address, `https:`.
        url: String,
        /// Who asks there.
        username: String,
        /// The password for that.
        password: Secret,
        /// What it has given out.
        subdomain: String,
    },
}

impl Acme {
    /// How it is shown whose the names are; `None` where the keys do not fit together.
    #[must_use]
    pub fn proof(&self) -> Option<AcmeProof> {
        let Some(server) = &self.dns_server else { return Some(AcmeProof::Http) };
        let (username, password) = (self.dns_username.clone()?, self.dns_password.clone()?);
        if server.starts_with("https://") {
            let subdomain = self.dns_subdomain.clone()?;
            return Some(AcmeProof::AcmeDns { url: server.clone(), username, password, subdomain });
        }
        let (host, port) = place(server, "dns:", DNS_PORT)?;
        Some(AcmeProof::DnsUpdate { host, port, key_name: username, key: password })
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        let fault = |key, cause: &str| Err(Fault { key, cause: cause.to_owned() });
        let is_web = |text: &String| text.starts_with("https://") && text.len() <= ADDRESS_BYTES_MAX;
        let is_name = |name: &String| is_host_name(name) && name.parse::<IpAddr>().is_err();
        let is_text = |text: &&String| (1..=TEXT_BYTES_MAX).contains(&text.len());
        if self.directory.as_ref().is_some_and(|text| !is_web(text)) {
            return fault(
                "acme.directory",
                "give the address of an ACME directory, which begins with https://",
            );
        }
        if self.names.len() > NAMES_MAX || !self.names.iter().all(is_name) {
            return fault("acme.names", "give up to 16 host names, of letters, digits, '-' and '.'");
        }
        if self.directory.is_some() && self.names.is_empty() {
            return fault(
                "acme.directory",
                "it needs the host names that are certified; set acme.names, too",
            );
        }
        let is_contact = |text: &String| text.starts_with("mailto:") && text.len() <= ADDRESS_BYTES_MAX;
        if self.contact.as_ref().is_some_and(|text| !is_contact(text)) {
            return fault("acme.contact", "give a mail address as mailto:…");
        }
        if self.account.is_some() != self.account_key.is_some() {
            return fault("acme.account", "it goes with acme.account_key; set both, or none");
        }
        let texts = [("acme.account", &self.account), ("acme.dns_username", &self.dns_username)];
        if let Some((key, _)) = texts.iter().find(|(_, text)| !text.iter().all(|text| is_text(&text))) {
            return fault(key, "give 1 to 253 bytes");
        }
        let is_label = |text: &String| is_host_name(text) && !text.contains('.');
        if self.dns_subdomain.as_ref().is_some_and(|text| !is_label(text)) {
            return fault(
                "acme.dns_subdomain",
                "give the subdomain that acme-dns has given out, without dots",
            );
        }
        let Some(server) = &self.dns_server else { return Ok(()) };
        if !is_web(server) && place(server, "dns:", DNS_PORT).is_none() {
            return fault(
                "acme.dns_server",
                "give dns:host or dns:host:port, or the https address of acme-dns",
            );
        }
        if self.dns_username.is_none() || self.dns_password.is_none() {
            return fault(
                "acme.dns_server",
                "it lets nobody in without acme.dns_username and acme.dns_password",
            );
        }
        if is_web(server) && self.dns_subdomain.is_none() {
            return fault(
                "acme.dns_server",
                "acme-dns has given out a subdomain; set acme.dns_subdomain, too",
            );
        }
        let is_key = |secret: &Secret| BASE64_STANDARD.decode(secret.reveal()).is_ok();
        if !is_web(server) && !self.dns_password.iter().all(is_key) {
            return fault(
                "acme.dns_password",
                "it is no key of TSIG; give it in base64, as tsig-keygen writes it",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::parse_text;

    const WHOLE: &str = "[acme]\ndirectory = \"https://acme.example/dir\"\nnames = [\"den.example.org\"]\n";

    #[test]
    fn the_server_says_how_it_is_shown_whose_the_names_are() {
        let proof = |more: &str| parse_text(&format!("{WHOLE}{more}")).unwrap().acme.proof().unwrap();
        let login = "dns_username = \"box\"\ndns_password = \"c2VzYW1l\"\n";
        assert_eq!(proof(""), AcmeProof::Http);
        for (server, at) in
            [("dns:ns.example.org", ("ns.example.org", 53)), ("dns:[::1]:5353", ("[::1]", 5353))]
        {
            let update = proof(&format!("dns_server = \"{server}\"\n{login}"));
            let AcmeProof::DnsUpdate { host, port, key_name, key } = update else { panic!("{update:?}") };
            assert_eq!(((host.as_str(), port), key_name.as_str(), key.reveal()), (at, "box", "c2VzYW1l"));
        }
        let web = format!("dns_server = \"https://auth.example.org\"\n{login}dns_subdomain = \"a-1\"");
        assert!(matches!(proof(&web), AcmeProof::AcmeDns { subdomain, .. } if subdomain == "a-1"));
    }

    #[test]
    fn what_does_not_fit_together_is_refused_by_name() {
        let cases = [
            ("[acme]\ndirectory = \"http://a\"", "acme.directory: give the address"),
            ("[acme]\ndirectory = \"https://a\"", "acme.directory: it needs the host names"),
            ("[acme]\nnames = [\"192.0.2.1\"]", "acme.names: give up to 16"),
            ("[acme]\nnames = [\"*.example.org\"]", "acme.names: give up to 16"),
            ("[acme]\ncontact = \"rooms@example.org\"", "acme.contact: give a mail address"),
            ("[acme]\naccount = \"1\"", "acme.account: it goes with"),
            ("[acme]\ndns_username = \"\"", "acme.dns_username: give 1 to 253"),
            ("[acme]\ndns_subdomain = \"a.b\"", "acme.dns_subdomain: give the subdomain"),
            ("[acme]\ndns_server = \"ns.example.org\"", "acme.dns_server: give dns:host"),
            ("[acme]\ndns_server = \"dns:ns.example.org\"", "acme.dns_server: it lets nobody in"),
            (
                "[acme]\ndns_server = \"https://a\"\ndns_username = \"a\"\ndns_password = \"b\"",
                "acme.dns_server: acme-dns has given out",
            ),
            (
                "[acme]\ndns_server = \"dns:ns\"\ndns_username = \"a\"\ndns_password = \"no base64\"",
                "acme.dns_password: it is no key",
            ),
        ];
        for (text, said) in cases {
            let error = parse_text(text).unwrap_err();
            assert!(error.contains(said) && !error.contains("no base64"), "{said:?} is not in {error:?}");
        }
    }
}
