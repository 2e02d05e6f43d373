//! The files of the page, embedded in the program when it was built.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;

/// What `npm run build` left.
#[derive(RustEmbed)]
#[folder = "src/web/client/dist"]
struct Built;

/// The page itself, whatever the meeting: never cached, since it names the files of this very build.
pub fn index() -> Response {
    let Some(file) = Built::get("index.html") else {
        return (StatusCode::SERVICE_UNAVAILABLE, Html(NOT_BUILT)).into_response();
    };
    answer("index.html", file.data, "no-store")
}

/// Any other file of the page.
pub fn file(path: &str) -> Option<Response> {
    let path = path.trim_start_matches('/');
    let file = Built::get(path)?;
    // Vite puts a hash of the content into the names below `assets/`.
    let caching = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "public, max-age=3600"
    };
    Some(answer(path, file.data, caching))
}

const NOT_BUILT: &str = "<!doctype html><title>Alcove</title>\
    <p>This program was built without its page. Run <code>make run</code>, or <code>npm ci && npm run build</code> \
    in <code>src/web/client</code>, and build it again.";

fn answer(path: &str, data: Cow<'static, [u8]>, caching: &'static str) -> Response {
    let body = match data {
        Cow::Borrowed(data) => Body::from(data),
        Cow::Owned(data) => Body::from(data),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type(path))),
        (header::CACHE_CONTROL, HeaderValue::from_static(caching)),
    ];
    (headers, body).into_response()
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("wasm") => "application/wasm",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_never_cached_and_its_hashed_files_always() {
        let page = index();
        if page.status() == StatusCode::OK {
            assert_eq!(page.headers()[header::CACHE_CONTROL], "no-store");
        }
        for path in Built::iter() {
            let response = file(&path).expect("it is in the list");
            let caching = response.headers()[header::CACHE_CONTROL].to_str().expect("text").to_owned();
            assert_eq!(caching.contains("immutable"), path.starts_with("assets/"), "{path}");
            assert_ne!(response.headers()[header::CONTENT_TYPE], "application/octet-stream", "{path}");
        }
    }

    #[test]
    fn nothing_outside_the_page_is_served() {
        assert!(file("/../package.json").is_none());
        assert!(file("/no/such/file").is_none());
        assert!(file("/").is_none());
    }
}
