//! The headers that every answer carries: what the page may load, use and be embedded in.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// What browsers let the page use.
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), \
     autoplay=(self), fullscreen=(self), screen-wake-lock=(self), picture-in-picture=(self), \
     geolocation=(), payment=(), usb=(), serial=()";

/// Headers that are the same in every answer.
const FIXED: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds the headers. There is no HSTS: the plain port has to stay reachable for `/trust`.
pub(crate) async fn secure(request: Request, next: Next) -> Response {
    let policy = content_policy(request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    // Who says nothing about caching holds something of the moment.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Scripts, styles and words from here alone. Some browsers do not take `'self'` for a WebSocket, so the host
/// that was asked is named; a host with odd characters is not repeated.
fn content_policy(headers: &HeaderMap) -> HeaderValue {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_plain(host));
    let sockets = host.map(|host| format!(" wss://{host} ws://{host}")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
         media-src 'self' blob: mediastream:; font-src 'self'; manifest-src 'self'; worker-src 'self' blob:; \
         connect-src 'self'{sockets}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'self'"))
}

fn is_plain(host: &str) -> bool {
    host.len() <= 255 && host.chars().all(|c| c.is_ascii_alphanumeric() || "-.:[]".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(host: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        content_policy(&headers).to_str().expect("text").to_owned()
    }

    #[test]
    fn the_page_may_open_sockets_to_its_own_host_alone() {
        assert!(
            policy("room.local:8443")
                .contains("connect-src 'self' wss://room.local:8443 ws://room.local:8443;")
        );
        assert!(policy("[::1]:8443").contains("wss://[::1]:8443 "));
        assert!(policy("evil; script-src *").contains("connect-src 'self';"));
    }

    #[test]
    fn no_inline_script_runs() {
        assert!(!policy("room.local").contains("unsafe"));
    }
}
