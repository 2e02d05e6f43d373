//! The list of appliances: a line each, with an address, a token and how the appliance is known.

use std::path::Path;

use anyhow::{Context as _, bail};
use reqwest::Url;

use super::administrator::Administrator;

/// One appliance of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    /// The host of its address: what its file is named after.
    pub(super) name: String,
    url: Url,
    token: String,
    fingerprint: Option<String>,
}

impl Host {
    /// What it is called where several are listed: two on one machine differ by their ports.
    pub(super) fn shown(&self) -> String {
        self.url.port().map_or_else(|| self.name.clone(), |port| format!("{}:{port}", self.name))
    }

    /// Speaks with it.
    pub(super) fn administrator(&self) -> anyhow::Result<Administrator> {
        Administrator::at(self.url.clone(), self.token.clone(), self.fingerprint.as_deref())
    }
}

/// Reads the list. Empty lines, and what stands behind a `#`, count for nothing.
///
/// # Errors
/// One sentence that names the file and the line; never the token.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Host>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.split('#').next().unwrap_or("").trim()));
    let hosts: Vec<Host> = lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| parse(line).with_context(|| format!("{}, line {number}", path.display())))
        .collect::<anyhow::Result<_>>()?;
    if hosts.is_empty() {
        bail!(
            "{} names no appliance; give a line `https://HOST[:PORT] TOKEN [FINGERPRINT]` for each",
            path.display()
        );
    }
    Ok(hosts)
}

fn parse(line: &str) -> anyhow::Result<Host> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (url, token, fingerprint) = match words[..] {
        [url, token] => (url, token, None),
        [url, token, fingerprint] => (url, token, Some(fingerprint.to_owned())),
        _ => bail!("a line is `https://HOST[:PORT] TOKEN [FINGERPRINT]`"),
    };
    let url: Url = url.parse().context("the address is none")?;
    let name =
        url.host_str().filter(|_| url.scheme() == "https").context("the address is not https://HOST")?;
    Ok(Host { name: name.to_owned(), url: url.clone(), token: token.to_owned(), fingerprint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_a_wrong_line_is_named_without_its_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        std::fs::write(
            &path,
            "# ours\n\nhttps://den.example:8443 abc # the den\nhttps://192.0.2.7 abc AB:CD\n",
        )
        .unwrap();
        let hosts = read(&path).unwrap();
        let said: Vec<_> =
            hosts.iter().map(|host| (host.name.as_str(), host.fingerprint.as_deref())).collect();
        assert_eq!(said, [("den.example", None), ("192.0.2.7", Some("AB:CD"))]);
        assert_eq!([hosts[0].shown(), hosts[1].shown()], ["den.example:8443", "192.0.2.7"]);
        for wrong in ["https://a", "http://a secret", "a secret", "https://a secret b c"] {
            std::fs::write(&path, format!("https://b t\n{wrong}\n")).unwrap();
            let error = format!("{:#}", read(&path).unwrap_err());
            assert!(error.contains("hosts, line 2") && !error.contains("secret"), "{error}");
        }
        std::fs::write(&path, "# none\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("names no appliance"));
    }
}
