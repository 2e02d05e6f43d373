//! WHIP (RFC 9725) and WHEP (its draft for players): programs publish into a meeting, or play from it, over HTTP.
//!
//! ```text
//!  POST /whip/{meeting}  offer ──▶ join, offer ──▶ 201 answer, Location, ETag
//!  PATCH …/{id}  candidates, If-Match: <etag> ──▶ 204
//!  PATCH …/{id}  new credentials, If-Match: * ──▶ 200 fragment, new ETag      (ICE restart)
//!  DELETE …/{id} ──▶ leave ──▶ 200                    the meeting ends, the program dies ──▶ 404 from then on
//! ```

mod bridges;
mod exchange;
mod foreign;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod sdp;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn;
use axum::response::Response;
use axum::{Router, routing};
use serde::Deserialize;

pub(crate) use self::bridges::Bridges;
use self::exchange::Text;
use self::sdp::Direction;
use super::Shared;
use super::gate::Origin;
use super::input::{Extras, Segments};
use super::problem::{Document, Problem};

/// What may stand behind the `?` of a POST; other things there are passed over.
#[derive(Debug, Deserialize)]
pub(crate) struct Wishes {
    /// The name to show, 1 to 64 characters.
    pub name: Option<String>,
    /// The meeting's password, where it has one.
    pub password: Option<String>,
}

/// The paths of WHIP and WHEP, with the answers to foreign origins that nothing else gives.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/whip/{meeting}", routing::post(publish).get(nothing).options(nothing))
        .route("/whep/{meeting}", routing::post(play).get(nothing).options(nothing))
        .route("/whip/{meeting}/{id}", routing::patch(trickle).delete(stop).get(nothing).options(nothing))
        .route(
            "/whep/{meeting}/{id}",
            routing::patch(trickle_player).delete(stop_player).get(nothing).options(nothing),
        )
        .layer(from_fn(foreign::origins))
}

/// GET and HEAD are kept for later versions of the protocol; OPTIONS gets its headers from [`foreign`].
async fn nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Publishes into a meeting (WHIP, RFC 9725): at most one `sendonly` sound and one picture.
#[utoipa::path(
    post, path = "/whip/{meeting}", tag = "media", operation_id = "publish",
    params(("meeting" = String, Path, description = "The meeting's name"),
        ("name" = Option<String>, Query, description = "The name to show, 1 to 64 characters"),
        ("password" = Option<String>, Query, description = "The meeting's password, where it has one")),
    request_body(content = String, content_type = "application/sdp", description = "The offer"),
    responses(
        (status = 201, description = "The answer", body = String, content_type = "application/sdp",
            headers(("Location" = String), ("ETag" = String))),
        (status = 422, description = "Something offered is not taken", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn publish(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    Segments(meeting): Segments<String>,
    Extras(wishes): Extras<Wishes>,
    headers: HeaderMap,
    Text(offer): Text,
) -> Result<Response, Problem> {
    exchange::open(&shared, origin, Direction::Publish, meeting, wishes, &headers, &offer).await
}

/// Plays from a meeting (WHEP, draft-ietf-wish-whep): as many `recvonly` sounds and pictures as are offered.
#[utoipa::path(
    post, path = "/whep/{meeting}", tag = "media", operation_id = "play",
    params(("meeting" = String, Path, description = "The meeting's name"),
        ("name" = Option<String>, Query, description = "The name to show, 1 to 64 characters"),
        ("password" = Option<String>, Query, description = "The meeting's password, where it has one")),
    request_body(content = String, content_type = "application/sdp", description = "The offer"),
    responses(
        (status = 201, description = "The answer", body = String, content_type = "application/sdp",
            headers(("Location" = String), ("ETag" = String))),
        (status = 422, description = "Something offered is not taken", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn play(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    Segments(meeting): Segments<String>,
    Extras(wishes): Extras<Wishes>,
    headers: HeaderMap,
    Text(offer): Text,
) -> Result<Response, Problem> {
    exchange::open(&shared, origin, Direction::Play, meeting, wishes, &headers, &offer).await
}

/// Adds candidates of a publisher, or restarts its ICE.
#[utoipa::path(
    patch, path = "/whip/{meeting}/{id}", tag = "media", operation_id = "tricklePublisher",
    params(("meeting" = String, Path), ("id" = String, Path), ("If-Match" = String, Header)),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"),
    responses(
        (status = 200, description = "ICE was restarted", body = String,
            content_type = "application/trickle-ice-sdpfrag", headers(("ETag" = String))),
        (status = 204, description = "The candidates were taken"),
        (status = 412, description = "The ETag is not the current one", body = Document,
            content_type = "application/problem+json"),
        (status = 428, description = "If-Match is missing", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn trickle(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    Segments((meeting, id)): Segments<(String, String)>,
    headers: HeaderMap,
    Text(fragment): Text,
) -> Result<Response, Problem> {
    let place = exchange::Place { direction: Direction::Publish, meeting, id };
    exchange::patch(&shared, origin, &place, &headers, &fragment).await
}

/// Adds candidates of a player, or restarts its ICE.
#[utoipa::path(
    patch, path = "/whep/{meeting}/{id}", tag = "media", operation_id = "tricklePlayer",
    params(("meeting" = String, Path), ("id" = String, Path), ("If-Match" = String, Header)),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"),
    responses(
        (status = 200, description = "ICE was restarted", body = String,
            content_type = "application/trickle-ice-sdpfrag", headers(("ETag" = String))),
        (status = 204, description = "The candidates were taken"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn trickle_player(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    Segments((meeting, id)): Segments<(String, String)>,
    headers: HeaderMap,
    Text(fragment): Text,
) -> Result<Response, Problem> {
    let place = exchange::Place { direction: Direction::Play, meeting, id };
    exchange::patch(&shared, origin, &place, &headers, &fragment).await
}

/// Stops publishing.
#[utoipa::path(
    delete, path = "/whip/{meeting}/{id}", tag = "media", operation_id = "stopPublisher",
    params(("meeting" = String, Path), ("id" = String, Path)),
    responses(
        (status = 200, description = "It has left the meeting"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn stop(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    Segments((meeting, id)): Segments<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let place = exchange::Place { direction: Direction::Publish, meeting, id };
    exchange::close(&shared, origin, &place, &headers).await
}

/// Stops playing.
#[utoipa::path(
    delete, path = "/whep/{meeting}/{id}", tag = "media", operation_id = "stopPlayer",
    params(("meeting" = String, Path), ("id" = String, Path)),
    responses(
        (status = 200, description = "It has left the meeting"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn stop_player(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    Segments((meeting, id)): Segments<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let place = exchange::Place { direction: Direction::Play, meeting, id };
    exchange::close(&shared, origin, &place, &headers).await
}
