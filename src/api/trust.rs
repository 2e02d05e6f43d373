//! The page that explains the box's own certificate authority, and hands its certificate out.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::Shared;
use super::input::Extras;
use super::problem::Problem;
use crate::refusal::Code;

const ENGLISH: &str = include_str!("trust/en.html");
const CHINESE: &str = include_str!("trust/zh.html");
const STYLE: &str = include_str!("trust/style.css");

/// What may stand behind the `?`.
#[derive(Deserialize)]
pub(crate) struct Choice {
    lang: Option<String>,
}

/// What the certificate authority of this box is, and how to trust it on each system.
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    Extras(choice): Extras<Choice>,
    headers: HeaderMap,
) -> Html<String> {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let language = choice.lang.as_deref().unwrap_or_else(|| accepted.split(',').next().unwrap_or(""));
    let text = if language.trim().to_ascii_lowercase().starts_with("zh") { CHINESE } else { ENGLISH };
    let facts = &shared.facts;
    Html(text.replace("{room}", &escaped(&facts.room_name)).replace("{url}", &escaped(&facts.public_url)))
}

/// The certificate as text: what Linux, Firefox and Android take.
pub(crate) async fn pem(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let pem = shared.facts.authority_pem.clone().ok_or_else(no_authority)?;
    Ok(download("application/x-pem-file", "alcove-ca.pem", pem.into_bytes()))
}

/// The certificate as bytes: what Windows, macOS and iOS take by a click.
pub(crate) async fn der(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let pem = shared.facts.authority_pem.as_deref().ok_or_else(no_authority)?;
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = BASE64_STANDARD.decode(base64).map_err(|why| {
        let detail = format!("the authority's certificate is not PEM: {why}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, detail)
    })?;
    Ok(download("application/x-x509-ca-cert", "alcove-ca.crt", der))
}

/// How the page looks; apart from it, since inline styles are not allowed.
pub(crate) async fn style() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")],
        STYLE,
    )
}

fn download(kind: &'static str, name: &str, bytes: Vec<u8>) -> Response {
    let name = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    let disposition = name.unwrap_or(HeaderValue::from_static("attachment"));
    let headers =
        [(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CONTENT_DISPOSITION, disposition)];
    (headers, bytes).into_response()
}

fn no_authority() -> Problem {
    let detail =
        "this appliance uses a certificate of its owner's; there is no authority of its own to trust";
    Problem::new(StatusCode::NOT_FOUND, Code::InvalidParameter, detail)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_markup() {
        assert_eq!(escaped("<b a=\"&\">"), "&lt;b a=&quot;&amp;&quot;&gt;");
    }

    #[test]
    fn both_languages_say_the_same_things_in_the_same_order() {
        let marks = |text: &str| -> Vec<String> {
            text.split('<')
                .skip(1)
                .filter_map(|tag| tag.split(['>', ' ']).next().map(str::to_owned))
                .collect()
        };
        assert_eq!(marks(ENGLISH), marks(CHINESE));
        for text in [ENGLISH, CHINESE] {
            assert!(!text.contains("<script") && !text.contains("style="));
        }
    }
}
