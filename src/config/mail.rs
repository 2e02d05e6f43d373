//! The mail server of the configuration: how it is reached, and whether its keys fit together.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use super::Secret;
use super::checks::{Fault, place};

/// The schemes of a server: their ports, and what keeps others from reading along.
const SCHEMES: [(&str, u16, MailSecurity); 3] = [
    ("smtps:", 465, MailSecurity::Tls),
    ("smtp:", 587, MailSecurity::StartTls),
    ("smtp-plain:", 25, MailSecurity::None),
];

/// Mail that the appliance sends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    /// The server, `smtps:host`, `smtp:host` or `smtp-plain:host`, each with `:port` where it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The address that mail comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The user name there, where it asks for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// A file with the password in its first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// That password itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
}

/// What keeps others from reading mail on its way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// TLS from the first byte (RFC 8314, 3).
    Tls,
    /// TLS after STARTTLS, without which nothing is sent (RFC 3207).
    StartTls,
    /// Nothing: for a server on this machine.
    None,
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// Its name or address.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// What keeps others from reading along.
    pub security: MailSecurity,
}

impl Mail {
    /// The server, where there is one.
    #[must_use]
    pub fn server(&self) -> Option<MailServer> {
        let server = self.server.as_deref()?;
        SCHEMES.iter().find_map(|(scheme, usual, security)| {
            let (host, port) = place(server, scheme, *usual)?;
            Some(MailServer { host, port, security: *security })
        })
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        let fault = |key, cause: &str| Err(Fault { key, cause: cause.to_owned() });
        let is_address = |text: &String| {
            text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        };
        if self.password.is_some() && self.password_file.is_some() {
            return fault("mail.password", "there is mail.password_file already; keep one of the two");
        }
        let password_key = if self.password.is_some() { "mail.password" } else { "mail.password_file" };
        let has_password = self.password.is_some() || self.password_file.is_some();
        match (&self.server, &self.from, &self.username, has_password) {
            (None, None, None, false) => Ok(()),
            (None, ..) => fault("mail.server", "it is missing; give smtps:host or smtp:host"),
            (Some(_), ..) if self.server().is_none() => {
                fault("mail.server", "it is no mail server; give smtps:host, smtp:host or smtp-plain:host")
            }
            (_, from, ..) if !from.as_ref().is_some_and(is_address) => {
                fault("mail.from", "it is no mail address; give one that the server sends mail for")
            }
            (_, _, Some(_), false) => {
                fault("mail.username", "it needs a password; set mail.password or mail.password_file, too")
            }
            (_, _, None, true) => fault(password_key, "it needs a user name; set mail.username, too"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(server: &str) -> Mail {
        Mail { server: Some(server.to_owned()), from: Some("room@example.org".to_owned()), ..Mail::default() }
    }

    #[test]
    fn the_scheme_says_how_it_is_kept_private_and_the_usual_port() {
        let of = |text: &str| mail(text).server().map(|its| (its.host, its.port, its.security));
        assert_eq!(of("smtps:mx.example.org"), Some(("mx.example.org".to_owned(), 465, MailSecurity::Tls)));
        assert_eq!(of("smtp:mx:2525"), Some(("mx".to_owned(), 2525, MailSecurity::StartTls)));
        assert_eq!(of("smtp-plain:localhost"), Some(("localhost".to_owned(), 25, MailSecurity::None)));
        for wrong in ["mx.example.org", "http:mx", "smtp:", "smtp:mx:0", "smtp:a b"] {
            assert_eq!(of(wrong), None, "{wrong}");
            assert_eq!(mail(wrong).check().err().map(|fault| fault.key), Some("mail.server"));
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused_by_name() {
        let faulty = |mail: Mail| mail.check().err().map(|fault| fault.key);
        assert_eq!(faulty(Mail::default()), None);
        assert_eq!(faulty(mail("smtp:mx")), None);
        assert_eq!(faulty(Mail { from: None, ..mail("smtp:mx") }), Some("mail.from"));
        assert_eq!(faulty(Mail { server: None, ..mail("") }), Some("mail.server"));
        let username = Some("room".to_owned());
        assert_eq!(faulty(Mail { username, ..mail("smtp:mx") }), Some("mail.username"));
        let password_file = Some(PathBuf::from("/etc/alcove/mail-password"));
        assert_eq!(faulty(Mail { password_file, ..mail("smtp:mx") }), Some("mail.password_file"));
    }
}
