//! The way from HTTP to the WebSocket: the upgrade, and the checks that the socket asks for.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use tokio::sync::OwnedSemaphorePermit;

use super::Shared;
use super::gate::Origin;
use super::input::Segments;
use super::problem::{Document, Problem};
use crate::refusal::{Code, Refusal};
use crate::web::socket::{self, Door};
use crate::web::wire::{REQUEST_BYTES_MAX, Role};

/// The most WebSockets at a time, with and without a participant; the next one is refused with 503.
pub(crate) const SOCKETS_MAX: usize = 4096;
/// What a WebSocket reads and writes at once: words are short, and larger ones take several turns.
const BUFFER_BYTES: usize = 8 * 1024;

/// The words of a participant: see `src/web/PROTOCOL.md`. The token is in the first frame.
#[utoipa::path(
    get, path = "/api/v1/meetings/{name}/ws", tag = "meetings", operation_id = "openSocket", security(()),
    params(("name" = String, Path, description = "The meeting's name")),
    responses(
        (status = 101, description = "The WebSocket is open; the first frame has to be `hello`"),
        (status = 426, description = "This is not a WebSocket request", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn socket(
    State(shared): State<Arc<Shared>>,
    Origin(from): Origin,
    Segments(meeting): Segments<String>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let (upgrade, place) = admit_socket(&shared, upgrade, REQUEST_BYTES_MAX)?;
    let handle = shared.handle.clone();
    let visitor = Visitor { shared, from, meeting: meeting.clone() };
    Ok(upgrade.on_upgrade(move |socket| async move {
        socket::serve(socket, meeting, handle, visitor).await;
        drop(place);
    }))
}

/// A WebSocket with frames of so many bytes at most, and its place among the others, to be kept as long as it lives.
pub(crate) fn admit_socket(
    shared: &Shared,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    bytes_max: usize,
) -> Result<(WebSocketUpgrade, OwnedSemaphorePermit), Problem> {
    let upgrade = upgrade.map_err(no_upgrade)?;
    let place = Arc::clone(&shared.sockets).try_acquire_owned().map_err(|_| no_room())?;
    let upgrade = upgrade.max_message_size(bytes_max).max_frame_size(bytes_max);
    Ok((upgrade.read_buffer_size(BUFFER_BYTES).write_buffer_size(BUFFER_BYTES), place))
}

fn no_room() -> Problem {
    let detail = format!("{SOCKETS_MAX} WebSockets are open already; try again later");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, detail)
        .with(header::RETRY_AFTER, HeaderValue::from_static("10"))
}

fn no_upgrade(why: WebSocketUpgradeRejection) -> Problem {
    let detail = format!("this path takes WebSockets alone: {}", why.body_text());
    Problem::new(StatusCode::UPGRADE_REQUIRED, Code::InvalidParameter, detail)
        .with(header::UPGRADE, HeaderValue::from_static("websocket"))
}

/// Who stands before the gate with a socket.
struct Visitor {
    shared: Arc<Shared>,
    from: IpAddr,
    meeting: String,
}

impl Door for Visitor {
    fn role(&self, token: &str) -> Result<Role, Refusal> {
        Ok(self.shared.gate.role(self.from, token, &self.meeting)?)
    }

    fn user(&self, token: &str) -> Option<u64> {
        self.shared.gate.user_in(token, &self.meeting)
    }

    fn signs_in(&self, token: &str) -> Option<(u64, u32)> {
        self.shared.gate.signs_in(self.from, token).ok()
    }

    fn wrong_password(&self) {
        self.shared.gate.wrong_password(self.from);
    }
}
