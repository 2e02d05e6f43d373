//! Sends mail through the server of the configuration (SMTP, RFC 5321).

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use crate::config::{MailSecurity, MailServer};

/// How long the server may take for each step.
const STEP_MAX: Duration = Duration::from_secs(30);

/// What sends mail.
#[derive(Debug, Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// A mail to one person.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Whom it goes to.
    pub to: String,
    /// In one line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// Tables (CSV) by their file names.
    pub tables: Vec<(String, String)>,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It never will be: the address or the mail is refused.
    #[error("{0}")]
    Refused(String),
    /// The server is out of reach, busy, or does not know us: it may be sent later.
    #[error("{0}")]
    NotNow(String),
}

impl Mailer {
    /// A mailer for a server that is only reached when there is mail; `login` is a user name with its password.
    ///
    /// # Errors
    /// One sentence when `from` is no mail address, or TLS cannot be set up.
    pub fn new(server: &MailServer, from: &str, login: Option<(String, String)>) -> Result<Self, String> {
        let MailServer { host, port, security } = server;
        let from = from.parse::<Mailbox>().map_err(|cause| format!("mail.from is no address: {cause}"))?;
        let parameters =
            || TlsParameters::new(host.clone()).map_err(|cause| format!("TLS for mail: {cause}"));
        let tls = match security {
            MailSecurity::Tls => Tls::Wrapper(parameters()?),
            MailSecurity::StartTls => Tls::Required(parameters()?),
            MailSecurity::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(*port)
            .tls(tls)
            .timeout(Some(STEP_MAX));
        if let Some((username, password)) = login {
            builder = builder.credentials(Credentials::new(username, password));
        }
        Ok(Self { transport: builder.build(), from })
    }

    /// Sends a mail.
    ///
    /// # Errors
    /// Whether it is worth trying again.
    pub async fn send(&self, mail: Mail) -> Result<(), Error> {
        let message = self.message(mail)?;
        let sent = self.transport.send(message).await;
        sent.map(drop).map_err(|cause| {
            if cause.is_permanent() {
                Error::Refused(cause.to_string())
            } else {
                Error::NotNow(sentence(&cause))
            }
        })
    }

    fn message(&self, mail: Mail) -> Result<Message, Error> {
        let refused = |cause: String| Error::Refused(cause);
        let to = mail.to.parse::<Mailbox>().map_err(|cause| refused(format!("{}: {cause}", mail.to)))?;
        let csv =
            ContentType::parse("text/csv; charset=utf-8").map_err(|cause| refused(cause.to_string()))?;
        let parts = mail
            .tables
            .into_iter()
            .fold(MultiPart::mixed().singlepart(SinglePart::plain(mail.text)), |parts, (name, table)| {
                parts.singlepart(Attachment::new(name).body(table, csv.clone()))
            });
        let message = Message::builder().from(self.from.clone()).to(to).subject(mail.subject);
        message.multipart(parts).map_err(|cause| refused(cause.to_string()))
    }
}

/// Whether that is a mail address.
#[must_use]
pub fn is_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

/// The error with its causes, which say what the server said.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailer() -> Mailer {
        let server = MailServer { host: "localhost".to_owned(), port: 25, security: MailSecurity::None };
        Mailer::new(&server, "Room <room@example.org>", None).unwrap()
    }

    #[tokio::test]
    async fn a_mail_has_its_text_and_its_tables() {
        let mail = Mail {
            to: "ann@example.org".to_owned(),
            subject: "Report: wöchentlich".to_owned(),
            text: "Hello".to_owned(),
            tables: vec![("polls.csv".to_owned(), "a,b\n".to_owned())],
        };
        let text = String::from_utf8(mailer().message(mail).unwrap().formatted()).unwrap();
        for part in ["To: ann@example.org", "From: Room <room@example.org>", "Hello", "polls.csv", "a,b"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_refused_for_good_and_headers_cannot_be_added() {
        let mail = |to: &str| Mail {
            to: to.to_owned(),
            subject: "a\r\nBcc: everybody@example.org".to_owned(),
            text: String::new(),
            tables: vec![],
        };
        assert!(matches!(mailer().message(mail("nobody")), Err(Error::Refused(_))));
        let text = String::from_utf8(mailer().message(mail("ann@example.org")).unwrap().formatted()).unwrap();
        assert!(!text.lines().any(|line| line.starts_with("Bcc:")), "{text}");
        assert!(!is_address("ann") && is_address("ann@example.org") && !is_address("a@b\r\nc"));
    }
}
