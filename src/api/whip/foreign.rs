//! Foreign origins: pages from elsewhere may publish and play with a token, as WHIP and WHEP want it.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;

/// In every answer. A token is asked for, never a cookie, so every origin may ask.
const ANSWER: [(HeaderName, &str); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Location, ETag, Link, Accept-Patch, Retry-After"),
];

/// In answers to OPTIONS (RFC 9725, section 4.2).
const OPTIONS: [(HeaderName, &str); 5] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PATCH, DELETE, OPTIONS"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, Accept, If-Match"),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    (HeaderName::from_static("accept-post"), "application/sdp"),
    (HeaderName::from_static("accept-patch"), super::exchange::FRAGMENT),
];

/// Adds the headers.
pub(crate) async fn origins(request: Request, next: Next) -> Response {
    let asks = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    let more: &[_] = if asks { &OPTIONS } else { &[] };
    for (name, value) in ANSWER.iter().chain(more) {
        response.headers_mut().insert(name.clone(), HeaderValue::from_static(value));
    }
    response
}
