//! Why there is no new certificate, and what to do about it.

use instant_acme::{Error, Problem};

/// The longest text of others that is repeated, in characters.
const TOLD_CHARS_MAX: usize = 400;

/// What authorities refuse (RFC 8555, 6.7), and what to do then.
const ADVICE: [(&str, &str); 12] = [
    ("rateLimited", "nothing has to be done"),
    ("rejectedIdentifier", "give other names as acme.names, or another authority as acme.directory"),
    ("unsupportedIdentifier", "give other names as acme.names, or another authority as acme.directory"),
    ("invalidContact", "correct acme.contact"),
    ("unsupportedContact", "correct acme.contact"),
    (
        "externalAccountRequired",
        "set acme.account and acme.account_key, which the authority gives to its customers",
    ),
    (
        "caa",
        "have the CAA record of the domain permit this authority, or choose another one as acme.directory",
    ),
    ("dns", "have the names of acme.names lead to this appliance, in the DNS that everybody sees"),
    ("connection", REACH),
    ("tls", REACH),
    ("incorrectResponse", REACH),
    ("unauthorized", REACH),
];

/// What has to be so that a name is shown to be the appliance's.
const REACH: &str = "have each name of acme.names lead to this appliance, and its port 80 to http.http_port, as the authority \
     sees it; or set acme.dns_server";

/// The same where records show it.
const RECORDS: &str = "have _acme-challenge of each name of acme.names lead to what acme.dns_server serves";

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// What, as a part of a sentence, and what to do.
    pub(super) cause: String,
    /// Whether the authority was asked and has refused: it is to be left alone for longer.
    pub(super) is_refused: bool,
    /// The authority does not know the account any more.
    pub(super) is_unknown: bool,
}

impl Failure {
    /// Something of the appliance's own, or of its network.
    pub(super) fn here(cause: impl AsRef<str>, advice: &str) -> Self {
        Self { cause: format!("{}; {advice}", told(cause.as_ref())), is_refused: false, is_unknown: false }
    }

    /// The authority was asked, and did not do what it should.
    pub(super) fn there(cause: impl AsRef<str>, advice: &str) -> Self {
        Self { is_refused: true, ..Self::here(cause, advice) }
    }

    /// What the authority has refused.
    pub(super) fn refused(problem: &Problem) -> Self {
        let kind = problem.r#type.as_deref().unwrap_or_default();
        let kind = kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind);
        let advice = ADVICE.iter().find(|(of, _)| *of == kind).map(|(_, advice)| *advice);
        let advice = advice.unwrap_or("look at the section acme of the configuration");
        let details =
            problem.detail.iter().chain(problem.subproblems.iter().filter_map(|sub| sub.detail.as_ref()));
        let details: Vec<&str> = details.map(String::as_str).collect();
        let cause = format!("the authority refuses ({kind}): {}", details.join("; "));
        Self { is_unknown: kind == "accountDoesNotExist", ..Self::there(cause, advice) }
    }

    /// The same, where it was to be shown by a record whose the names are.
    pub(super) fn unproven(problem: &Problem, by_records: bool) -> Self {
        let refused = Self::refused(problem);
        match refused.cause.strip_suffix(REACH) {
            Some(cause) if by_records => Self { cause: format!("{cause}{RECORDS}"), ..refused },
            _ => refused,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Api(problem) => Self::refused(&problem),
            Error::Other(cause) => Self::here(
                cause.to_string(),
                "look at acme.directory and the network, and name the authority of a private directory as acme.authority",
            ),
            Error::Json(cause) => Self::here(
                format!("what came back is not the answer of an ACME directory ({cause})"),
                "correct acme.directory",
            ),
            Error::Timeout(_) => {
                Self::there("the authority takes too long", "nothing has to be done, unless that lasts")
            }
            other => Self::there(other.to_string(), "look at acme.directory"),
        }
    }
}

/// What others say, on one line, and no longer than a few.
fn told(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TOLD_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: &str, detail: &str) -> Problem {
        let kind = Some(format!("urn:ietf:params:acme:error:{kind}"));
        Problem { r#type: kind, detail: Some(detail.to_owned()), status: Some(400), subproblems: Vec::new() }
    }

    #[test]
    fn what_is_refused_is_told_with_what_to_do_and_never_at_length() {
        let of = |kind: &str| Failure::refused(&problem(kind, "no\nway"));
        assert!(
            of("rejectedIdentifier")
                .cause
                .ends_with("no way; give other names as acme.names, or another authority as acme.directory")
        );
        assert!(of("malformed").cause.contains("section acme"));
        assert!(of("accountDoesNotExist").is_unknown && of("connection").is_refused);
        let long = Failure::refused(&problem("malformed", &"x".repeat(100_000)));
        assert!(long.cause.len() < 600, "{}", long.cause.len());
    }

    #[test]
    fn who_proves_by_records_is_told_of_records() {
        let unproven =
            |by_records| Failure::unproven(&problem("unauthorized", "it differs"), by_records).cause;
        assert!(unproven(false).contains("port 80"), "{}", unproven(false));
        assert!(unproven(true).contains("_acme-challenge") && !unproven(true).contains("port 80"));
    }
}
