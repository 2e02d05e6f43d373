//! Requests that a part of the appliance makes for somebody who was let in elsewhere, such as by a fleet's NATS.

use std::net::{Ipv6Addr, SocketAddr};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::gate::Inside;
use crate::system::api_tokens::ApiRole;

/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 512 * 1024;

/// What is asked.
#[derive(Debug)]
pub struct Inquiry {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// From `/api/v1/` on.
    pub path: String,
    /// JSON, where there is any.
    pub body: Option<Value>,
    /// See `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

/// Asks the API as whoever has that name and role. The HTTP status, and the body: JSON, or text where it is none.
pub async fn inquire(
    router: Router,
    inquiry: Inquiry,
    (name, role): (&'static str, ApiRole),
) -> (u16, Value) {
    let Inquiry { method, path, body, idempotency_key } = inquiry;
    let mut request = Request::builder().method(method.as_str()).uri(&path).extension(Inside(name, role));
    // From afar: what is let through from the box itself alone is not meant for them.
    request = request.extension(ConnectInfo(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))));
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    if let Some(key) = idempotency_key {
        request = request.header("idempotency-key", key);
    }
    let refused = |detail: String| {
        (
            400,
            json!({ "status": 400, "code": "invalid-parameter", "detail": detail, "title": "Something in the request cannot be used" }),
        )
    };
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let request = match request.body(body) {
        Ok(request) => request,
        Err(error) => return refused(format!("method, path or key cannot be used: {error}")),
    };
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.status().as_u16();
    match to_bytes(response.into_body(), ANSWER_BYTES_MAX).await {
        Ok(body) => {
            let text = || Value::from(String::from_utf8_lossy(&body).into_owned());
            (status, serde_json::from_slice(&body).unwrap_or_else(|_| text()))
        }
        Err(_) => {
            refused(format!("the answer has more than {ANSWER_BYTES_MAX} bytes; ask for less, or over HTTPS"))
        }
    }
}
