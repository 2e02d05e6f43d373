//! What every refusal looks like over HTTP: a problem document (RFC 9457) with a stable code.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::refusal::{Code, Refusal};

/// The media type of problem documents.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal as it stands in the body of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Document {
    /// `urn:alcove:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The same for every problem of this code.
    title: &'static str,
    /// The HTTP status, once more.
    status: u16,
    /// What happened this time, and the next step, in a sentence.
    detail: String,
    /// The stable code; `src/web/PROTOCOL.md` has the table.
    code: &'static str,
}

/// A refusal on its way out, with the status and the headers that HTTP wants beside it.
#[derive(Debug)]
pub(crate) struct Problem {
    refusal: Refusal,
    status: StatusCode,
    header: Option<(header::HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem whose status is not the code's own: the code says what to do, the status what HTTP calls it.
    pub(crate) fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Self {
        Self { refusal: Refusal::new(code, detail), status, header: None }
    }

    /// Nobody said who asks, or said it wrongly (RFC 9110, section 11.6.1).
    pub(crate) fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Code::NotPermitted, detail)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"alcove\""))
    }

    /// Too many in too short a time; `seconds` later it may be tried again.
    pub(crate) fn too_many(seconds: u64, detail: impl Into<String>) -> Self {
        Self::from(Refusal::new(Code::TooManyRequests, detail)).with(header::RETRY_AFTER, seconds.into())
    }

    /// The same with one more header.
    #[must_use]
    pub(crate) fn with(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status =
            StatusCode::from_u16(refusal.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { refusal, status, header: None }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.refusal.code;
        if code == Code::Internal {
            log::error!(detail = self.refusal.detail.as_str(); "an answer failed");
        }
        let document = Document {
            kind: format!("urn:alcove:problem:{code}"),
            title: title(code),
            status: self.status.as_u16(),
            detail: self.refusal.detail,
            code: code.as_str(),
        };
        let mut response = (self.status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        response
    }
}

/// What a code means, in few words; the table of `PROTOCOL.md` says the same.
#[must_use]
pub(crate) const fn title(code: Code) -> &'static str {
    match code {
        Code::MeetingExists => "A meeting of that name is alive",
        Code::MeetingNotFound => "No meeting of that name is alive",
        Code::MeetingFull => "The meeting is full",
        Code::MeetingLocked => "The meeting admits nobody more",
        Code::WrongPassword => "The password is missing or wrong",
        Code::MeetingLoop => "The meetings are joined already",
        Code::NotPermitted => "Not allowed with this token or role",
        Code::WaitingForHost => "Admission waits for a host",
        Code::InvalidParameter => "Something in the request cannot be used",
        Code::UnsupportedMode => "The meeting's mode does not have it",
        Code::TrackIdTaken => "A track of that source is published already",
        Code::ClientTooOld => "The client is older than what the appliance knows",
        Code::ServerTooOld => "The client is newer than what the appliance knows",
        Code::TooManyRequests => "Too many requests",
        Code::Busy => "The thing is in use",
        Code::NoAnswer => "Nobody answered in time",
        Code::Declined => "The callee declined",
        Code::PeerLost => "The other end is gone",
        Code::UserNotFound => "Nobody of that id is in the directory",
        Code::Stale => "It has changed since it was read",
        Code::Internal => "A fault of the appliance",
    }
}

/// For paths that lead nowhere.
pub(crate) fn no_such_path() -> Problem {
    let detail = "nothing is at this path; /api/v1/openapi.json lists what there is";
    Problem::new(StatusCode::NOT_FOUND, Code::InvalidParameter, detail)
}

/// For methods that a path does not have; axum adds the `Allow` header.
pub(crate) async fn no_such_method() -> Problem {
    let detail = "this path does not have that method; the Allow header lists those that it has";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, Code::InvalidParameter, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_meaning_of_a_code_is_the_title_of_its_problems() {
        let text = include_str!("../web/PROTOCOL.md");
        for code in Code::ALL {
            let (status, close) = (code.http_status(), code.close_code());
            let row = format!("| `{code}` | {status} | {close} | {} |\n", title(code));
            assert!(text.contains(&row), "{row}");
        }
    }
}
