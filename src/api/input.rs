//! What comes in over HTTP, checked: JSON bodies and path segments, refused with the name of the wrong field.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::refusal::{Code, Refusal};
use crate::web::words;

/// The longest JSON body, in bytes; a longer one is refused with 413.
pub(crate) const JSON_BYTES_MAX: usize = 64 * 1024;

/// A JSON body. Unknown fields, wrong types and garbage are refused by name.
pub(crate) struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !has_type(request.headers(), "application/json") {
            return Err(unsupported_type("application/json"));
        }
        let body = Bytes::from_request(request, state).await.map_err(unreadable)?;
        Ok(Self(words::parse(&body)?))
    }
}

/// The segments of a path.
pub(crate) struct Segments<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(segments) = Path::from_request_parts(parts, state).await.map_err(|why| {
            Refusal::new(Code::InvalidParameter, format!("the path cannot be read: {}", why.body_text()))
        })?;
        Ok(Self(segments))
    }
}

/// What stands behind the `?`; unknown names there are passed over.
pub(crate) struct Extras<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Extras<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(extras) = Query::from_request_parts(parts, state).await.map_err(|why| {
            Refusal::new(Code::InvalidParameter, format!("the query cannot be read: {}", why.body_text()))
        })?;
        Ok(Self(extras))
    }
}

/// Whether the body is said to be of a type, whatever its parameters.
pub(crate) fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
}

/// The refusal of a body of another type.
pub(crate) fn unsupported_type(wanted: &str) -> Problem {
    let detail = format!("the body has to be of the type {wanted}, and its Content-Type has to say so");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidParameter, detail)
}

/// The refusal of a body that did not arrive, or is too long.
pub(crate) fn unreadable(why: BytesRejection) -> Problem {
    let status = why.status();
    let detail = if status == StatusCode::PAYLOAD_TOO_LARGE {
        "the body is longer than this path takes".to_owned()
    } else {
        format!("the body did not arrive whole: {}", why.body_text())
    };
    Problem::new(status, Code::InvalidParameter, detail)
}
