//! Requests that are sent twice because nobody knows whether the first one arrived: carried out once, answered twice.
//!
//! A `POST` with an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header) is answered from memory when the same
//! asker sends it again: for a day, and for as long as the daemon runs.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::input::{JSON_BYTES_MAX, has_type};
use super::problem::Problem;
use crate::refusal::{Code, Refusal};

/// The most answers that are remembered; the oldest goes first.
const ANSWERS_MAX: usize = 256;

/// How long one is remembered.
const REMEMBERED: Duration = Duration::from_hours(24);

/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 128;

/// The longest answer that is remembered, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The answers.
#[derive(Default)]
pub(crate) struct Answers {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    table: HashMap<String, Known>,
    order: VecDeque<(Instant, String)>,
}

struct Known {
    /// Of the request's body.
    hash: Vec<u8>,
    /// Absent while the request is under way.
    answer: Option<Answer>,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    kind: Option<HeaderValue>,
    body: Bytes,
}

/// What is known of a request.
enum Before {
    Nothing,
    UnderWay,
    Other,
    Answered(Answer),
}

/// A request that is under way; forgotten when whoever asks goes away in the middle.
struct UnderWay<'a> {
    answers: &'a Answers,
    key: Option<String>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.answers.inner().table.remove(key);
        }
    }
}

impl Answers {
    /// Has a request of that asker carried out, unless it was already.
    pub(crate) async fn once(
        &self,
        asker: &str,
        request: Request,
        next: Next,
        now: Instant,
    ) -> Result<Response, Problem> {
        let Some(key) = key(&request)? else { return Ok(next.run(request).await) };
        let key = format!("{asker}\n{}\n{key}", request.uri());
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, JSON_BYTES_MAX).await.map_err(|_| {
            let detail = "the body did not arrive whole, or is longer than this path takes";
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Code::InvalidParameter, detail)
        })?;
        let hash = digest::digest(&digest::SHA256, &body).as_ref().to_vec();
        match self.look_up(&key, &hash, now) {
            Before::Nothing => {}
            Before::UnderWay => {
                let detail = "a request with this Idempotency-Key is under way; ask again in a moment";
                return Err(Refusal::new(Code::Busy, detail).into());
            }
            Before::Other => {
                let detail =
                    "another request had this Idempotency-Key; take a new one for each thing that is asked";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Code::InvalidParameter, detail));
            }
            Before::Answered(answer) => return Ok(again(answer)),
        }
        let mut under_way = UnderWay { answers: self, key: Some(key.clone()) };
        let response = next.run(Request::from_parts(parts, Body::from(body))).await;
        // What failed by our fault may be tried again; what is too long, or has no end yet, is not held in memory.
        let is_short =
            response.body().size_hint().upper().is_some_and(|bytes| bytes <= ANSWER_BYTES_MAX as u64);
        if response.status().is_server_error() || !is_short {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, ANSWER_BYTES_MAX).await.map_err(|_| {
            Refusal::new(Code::Internal, "the answer broke off; ask how it stands before it is tried again")
        })?;
        let kind = parts.headers.get(header::CONTENT_TYPE).cloned();
        let answer = Answer { status: parts.status, kind, body: body.clone() };
        under_way.key = None;
        if let Some(known) = self.inner().table.get_mut(&key) {
            known.answer = Some(answer);
        }
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    fn look_up(&self, key: &str, hash: &[u8], now: Instant) -> Before {
        let mut inner = self.inner();
        let Inner { table, order } = &mut *inner;
        while order.len() >= ANSWERS_MAX || order.front().is_some_and(|(at, _)| now >= *at + REMEMBERED) {
            let Some((_, oldest)) = order.pop_front() else { break };
            table.remove(&oldest);
        }
        match table.get(key) {
            None => {
                table.insert(key.to_owned(), Known { hash: hash.to_vec(), answer: None });
                order.push_back((now, key.to_owned()));
                Before::Nothing
            }
            Some(known) if known.hash != hash => Before::Other,
            Some(Known { answer: Some(answer), .. }) => Before::Answered(answer.clone()),
            Some(_) => Before::UnderWay,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change of the table is one step.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(request: &Request) -> Result<Option<String>, Refusal> {
    // Files are not held in memory to be compared.
    let is_small = |headers: &HeaderMap| {
        !headers.contains_key(header::CONTENT_TYPE) || has_type(headers, "application/json")
    };
    let Some(key) = request.headers().get(KEY) else { return Ok(None) };
    if request.method() != Method::POST || !is_small(request.headers()) {
        return Ok(None);
    }
    let key = key.to_str().ok().filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()));
    let key = key.ok_or_else(|| {
        let detail =
            format!("Idempotency-Key has to be 1 to {KEY_BYTES_MAX} visible characters, such as a UUID");
        Refusal::new(Code::InvalidParameter, detail)
    })?;
    Ok(Some(key.to_owned()))
}

fn again(Answer { status, kind, body }: Answer) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if let Some(kind) = kind {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use alcove_hal::clock::Clock as _;
    use alcove_hal::simulated::VirtualClock;

    use super::*;

    #[test]
    fn answers_are_forgotten_after_a_day_and_when_there_are_too_many() {
        let answers = Answers::default();
        let now = VirtualClock::new().now();
        assert!(matches!(answers.look_up("a", b"1", now), Before::Nothing));
        assert!(matches!(answers.look_up("a", b"1", now), Before::UnderWay));
        assert!(matches!(answers.look_up("a", b"2", now), Before::Other));
        assert!(matches!(answers.look_up("a", b"2", now + REMEMBERED), Before::Nothing));
        for number in 0..2 * ANSWERS_MAX {
            answers.look_up(&number.to_string(), b"1", now + REMEMBERED);
        }
        assert!(answers.inner().table.len() <= ANSWERS_MAX && answers.inner().order.len() <= ANSWERS_MAX);
    }
}
