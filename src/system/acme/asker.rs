//! How the authority is asked: over the appliance's own HTTPS, with limits, and hearing how long it wants to be left alone.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alcove_hal::clock::Clock;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::failure::Failure;
use crate::system::https;

/// What the appliance calls itself (RFC 8555, 6.1).
const USER_AGENT: &str = concat!("alcove/", env!("CARGO_PKG_VERSION"), " instant-acme");

/// How long an answer may take: authorities that are busy think for a while.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The longest answer, in bytes: a chain of certificates.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// The longest that an authority is left alone because it says so.
const LEFT_ALONE_MAX: Duration = Duration::from_hours(7 * 24);

/// Asks the authority. Cloning is cheap.
#[derive(Clone)]
pub(super) struct Asker {
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    leave_alone: Arc<Mutex<Option<Duration>>>,
}

impl Asker {
    /// Trusts whom this machine trusts, and those in that file.
    pub(super) fn new(authority: Option<&Path>, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let http = https::asker_trusting(authority).map_err(|error| {
            Failure::here(
                format!("{error:#}"),
                "give the certificates of the authority as PEM, as acme.authority",
            )
        })?;
        Ok(Self { http, clock, leave_alone: Arc::default() })
    }

    /// Asks somebody else.
    pub(super) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// For how long the authority wants to be left alone, if it has said so.
    pub(super) fn leave_alone(&self) -> Option<Duration> {
        *self.leave_alone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        let (mut parts, body) = request.into_parts();
        parts.headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let url = parts.uri.to_string();
        let mut asked =
            self.http.request(parts.method.clone(), &url).headers(parts.headers).timeout(ANSWER_MAX);
        if parts.method == Method::POST {
            asked = asked.body(reqwest::Body::wrap(body));
        }
        let mut answer = asked.send().await.map_err(|error| Error::Other(words(&url, error).into()))?;
        let status = answer.status();
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            let wait = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            let wait = wait.and_then(|text| duration(text, self.clock.unix_time()));
            *self.leave_alone.lock().unwrap_or_else(PoisonError::into_inner) = wait;
        }
        let is_problem = answer
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("application/problem+json")));
        if !status.is_success() && !is_problem {
            return Err(Error::Other(format!("{url} answered {status}").into()));
        }
        let mut whole = Vec::new();
        while let Some(piece) =
            answer.chunk().await.map_err(|error| Error::Other(words(&url, error).into()))?
        {
            whole.extend_from_slice(&piece);
            if whole.len() > ANSWER_BYTES_MAX {
                return Err(Error::Other(format!("{url} has more than {ANSWER_BYTES_MAX} bytes").into()));
            }
        }
        let mut response = Response::new(reqwest::Body::from(whole));
        *response.status_mut() = status;
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response.into())
    }
}

impl HttpClient for Asker {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        Box::pin(self.clone().ask(request))
    }
}

/// The error with its causes: the outermost says little.
fn words(url: &str, error: reqwest::Error) -> String {
    format!("{url} cannot be reached: {:#}", anyhow::Error::from(error.without_url()))
}

/// Seconds, or a date (RFC 9110, 10.2.3).
fn duration(text: &str, unix_time: Duration) -> Option<Duration> {
    let wait = match text.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = OffsetDateTime::parse(text.trim(), &Rfc2822).ok()?.unix_timestamp();
            Duration::from_secs(u64::try_from(until).ok()?).saturating_sub(unix_time)
        }
    };
    Some(wait.min(LEFT_ALONE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_left_alone_for_as_long_as_it_says_and_not_for_ever() {
        // Fri, 31 Dec 1999 23:58:59 GMT
        let now = Duration::from_secs(946_684_739);
        assert_eq!(duration("120", now), Some(Duration::from_secs(120)));
        assert_eq!(duration("Fri, 31 Dec 1999 23:59:59 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(duration("Fri, 31 Dec 1999 23:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(duration("99999999999", now), Some(LEFT_ALONE_MAX));
        assert_eq!(duration("soon", now), None);
    }
}
