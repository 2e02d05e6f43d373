//! HTTP: meetings, commands, status and provisioning as an API, WHIP and WHEP, and the way to the page.
//!
//! ```text
//!                      ┌─ /api/v1/…       a token, or a browser, that may do it ── groups() ─┐
//!  request ─▶ headers ─┤  /api/v1/…/ws    a token in the hello ── web::socket                ├─▶ Handle ─▶ the loop
//!                      ├─ /whip  /whep    a token, foreign origins ── bridges                │
//!                      └─ /  /m/…  /admin  /trust  everybody ── web::assets, trust, ACME     ┘
//! ```

mod browsers;
mod calls;
mod certificates;
mod client_certificates;
mod commands;
mod config;
#[cfg(test)]
mod description;
mod documents;
mod events;
mod failures;
mod gate;
mod headers;
mod idempotency;
mod input;
mod inside;
mod levels;
mod logs;
mod meetings;
mod metrics;
mod nearby;
mod openapi;
mod operations;
mod problem;
mod records;
mod reports;
mod room;
mod shared_port;
mod sheets;
mod sign_in;
mod statistics;
mod status;
#[cfg(test)]
mod tests;
mod through;
mod timestamp;
mod tokens;
mod trial;
mod trust;
mod updates;
mod users;
mod webhooks;
mod whip;
mod words;

#[cfg(any(test, fuzzing))]
pub(crate) use self::whip::fuzz;

use std::sync::Arc;

use alcove_hal::clock::Clock;
use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::{Router, routing};
use tokio::sync::{Semaphore, watch};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::browsers::Browsers;
pub use self::client_certificates::ClientCertificates;
pub use self::inside::{Inquiry, inquire};
use self::problem::Problem;
pub use self::reports::send_reports;
pub use self::shared_port::SharedPort;
pub use self::sign_in::OverTls;
pub use self::through::serve_tunnel;
pub use self::webhooks::wanted_types;
use crate::appliance::Handle;
use crate::system::acme::Acme;
use crate::system::api_tokens::{ApiTokens, Permission};
use crate::system::audit::Audit;
use crate::system::certificates::Uploads;
use crate::system::claim::Claim;
use crate::system::conditions::Conditions;
use crate::system::configuration::Configuration;
use crate::system::events::Events;
use crate::system::machine::Machine;
use crate::system::nearby::Nearby;
use crate::system::operations::Operations;
use crate::system::tokens::Tokens;
use crate::system::updates::Updates;
use crate::system::webhooks::Webhooks;
use crate::web::assets;

/// Everything that the edge needs from the rest of the appliance.
pub struct Edge {
    /// The way to the loop.
    pub handle: Handle,
    /// Checks and issues tokens.
    pub tokens: Arc<Tokens>,
    /// The tokens of those who administer.
    pub api_tokens: ApiTokens,
    /// Takes down what they do.
    pub audit: Audit,
    /// Whether somebody owns the appliance.
    pub claim: Arc<Claim>,
    /// The browsers of those who administer.
    pub browsers: Arc<Browsers>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Restarts and resets the machine.
    pub machine: Machine,
    /// Takes updates of the image.
    pub updates: Arc<Updates>,
    /// Finds other appliances.
    pub nearby: Nearby,
    /// What is configured, and by whom.
    pub configuration: Arc<Configuration>,
    /// How the appliance is.
    pub conditions: watch::Receiver<Conditions>,
    /// Turns true when no more is answered: whoever waits or follows is let go of.
    pub closing: watch::Receiver<bool>,
    /// The certificates that are shown.
    pub uploads: Uploads,
    /// Has certificates issued.
    pub acme: Arc<Acme>,
    /// What tells this box from all others.
    pub box_id: String,
    /// What has happened.
    pub events: Arc<Events>,
    /// Who is told of it.
    pub webhooks: Arc<Webhooks>,
    /// What takes a while.
    pub operations: Arc<Operations>,
    /// What does not change while the appliance runs.
    pub facts: Facts,
}

/// What the API tells and never asks the loop for.
#[derive(Clone)]
pub struct Facts {
    /// The room's name, for people.
    pub room_name: String,
    /// Where people reach the page: `https://host[:port]`, without a slash at the end. Join links begin with it.
    pub public_url: String,
    /// The certificate of this box's own authority, as PEM; none when a certificate of the owner's is used.
    pub authority_pem: Option<String>,
    /// Its SHA-256, as people compare it.
    pub authority_fingerprint: Option<String>,
    /// What `alcove devices --json` says at the moment; may take some milliseconds.
    pub devices: Arc<dyn Fn() -> serde_json::Value + Send + Sync>,
    /// Whether mail can be sent.
    pub has_mail: bool,
}

/// What the endpoints share.
struct Shared {
    handle: Handle,
    gate: gate::Gate,
    machine: Machine,
    updates: Arc<Updates>,
    nearby: Nearby,
    configuration: Arc<Configuration>,
    conditions: watch::Receiver<Conditions>,
    closing: watch::Receiver<bool>,
    uploads: Uploads,
    acme: Arc<Acme>,
    box_id: String,
    events: Arc<Events>,
    webhooks: Arc<Webhooks>,
    operations: Arc<Operations>,
    answers: idempotency::Answers,
    event_readers: Arc<Semaphore>,
    facts: Facts,
    bridges: whip::Bridges,
    sockets: Arc<Semaphore>,
}

impl Shared {
    /// Ready when no more is answered.
    async fn closed(&self) {
        let mut closing = self.closing.clone();
        // Who has the other end and is gone answers nothing either.
        let _ = closing.wait_for(|closing| *closing).await;
    }
}

/// The whole of HTTP, the same on the secure and on the plain port.
pub fn router(edge: Edge) -> Router {
    let Edge {
        handle,
        tokens,
        api_tokens,
        audit,
        claim,
        browsers,
        clock,
        machine,
        updates,
        nearby,
        configuration,
        conditions,
        closing,
        uploads,
        acme,
        box_id,
        events,
        webhooks,
        operations,
        facts,
    } = edge;
    let gate = gate::Gate::new((tokens, api_tokens), audit, clock, (claim, browsers));
    let sockets = Arc::new(Semaphore::new(words::SOCKETS_MAX));
    let bridges = whip::Bridges::default();
    let shared = Arc::new(Shared {
        handle,
        gate,
        machine,
        updates,
        nearby,
        configuration,
        conditions,
        closing,
        uploads,
        acme,
        box_id,
        events,
        webhooks,
        operations,
        answers: idempotency::Answers::default(),
        event_readers: Arc::new(Semaphore::new(events::READERS_MAX)),
        facts,
        bridges,
        sockets,
    });
    let mut router = Router::new();
    for (permission, group) in groups() {
        let permitted = from_fn_with_state((Arc::clone(&shared), permission), gate::permitted);
        router = router.merge(Router::from(group).route_layer(permitted));
    }
    router
        .merge(open())
        .merge(whip::router())
        .route("/", routing::get(page))
        .route("/m/{meeting}", routing::get(page))
        .route("/room", routing::get(page))
        .route("/admin", routing::get(page))
        .route("/trust", routing::get(trust::page))
        .route("/trust/ca.pem", routing::get(trust::pem))
        .route("/trust/ca.crt", routing::get(trust::der))
        .route("/trust/style.css", routing::get(trust::style))
        .route("/.well-known/acme-challenge/{token}", routing::get(certificates::challenge))
        .fallback(other)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(DefaultBodyLimit::max(input::JSON_BYTES_MAX))
        .layer(from_fn(headers::secure))
        .with_state(shared)
}

/// The page; it reads the meeting's name from its own address.
async fn page() -> Response {
    assets::index()
}

/// The other files of the page, and nothing else.
async fn other(uri: Uri) -> Result<Response, Problem> {
    match assets::file(uri.path()) {
        Some(file) => Ok(file),
        None => Err(problem::no_such_path()),
    }
}

/// What is asked with a token, by what its bearer has to be allowed.
fn groups() -> [(Permission, OpenApiRouter<Arc<Shared>>); 6] {
    [
        (Permission::Watch, watching()),
        (Permission::Audit, auditing()),
        (Permission::Control, control()),
        (Permission::Meet, meeting()),
        (Permission::Configure, configuring()),
        (Permission::Own, owning()),
    ]
}

/// How the appliance is, and what goes on.
fn watching() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(meetings::list))
        .routes(routes!(meetings::show))
        .routes(routes!(meetings::participants))
        .routes(routes!(statistics::show))
        .routes(routes!(records::list))
        .routes(routes!(users::list))
        .routes(routes!(users::show))
        .routes(routes!(users::presence))
        .routes(routes!(nearby::list))
        .routes(routes!(calls::list))
        .routes(routes!(room::list))
        .routes(routes!(status::status))
        .routes(routes!(events::follow))
        .routes(routes!(operations::list))
        .routes(routes!(operations::show))
        .routes(routes!(certificates::list))
        .routes(routes!(webhooks::list))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(status::device))
        .routes(routes!(levels::show))
        .routes(routes!(updates::show))
        .routes(routes!(config::show))
        .routes(routes!(config::explain))
        .routes(routes!(config::schema))
        .routes(routes!(config::revisions))
}

/// What was done and what was logged.
fn auditing() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(tokens::audit))
        .routes(routes!(logs::read))
        .routes(routes!(logs::diagnostics))
}

/// Meetings and people.
fn meeting() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(meetings::create))
        .routes(routes!(meetings::change, meetings::end))
        .routes(routes!(meetings::issue_token))
        .routes(routes!(meetings::administer))
        .routes(routes!(users::create))
        .routes(routes!(users::change, users::remove))
        .routes(routes!(users::renew_tokens))
}

/// What is asked of the room, by administrators and by people in it. Its screen shows how to come in.
fn control() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(room::show))
        .routes(routes!(room::set_volume))
        .routes(routes!(room::arrange))
        .routes(routes!(calls::ring))
        .routes(routes!(calls::accept))
        .routes(routes!(calls::decline))
        .routes(routes!(calls::hang_up))
        .routes(routes!(commands::join))
        .routes(routes!(commands::leave))
        .routes(routes!(commands::mute))
        .routes(routes!(commands::identify))
        .routes(routes!(status::snapshot))
}

/// How the appliance works.
fn configuring() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(room::create))
        .routes(routes!(room::remove))
        .routes(routes!(commands::reboot))
        .routes(routes!(commands::test))
        .routes(routes!(operations::cancel))
        .routes(routes!(updates::install))
        .routes(routes!(config::replace, config::patch))
        .routes(routes!(config::roll_back))
        .routes(routes!(config::confirm))
        .routes(routes!(certificates::upload, certificates::remove))
        .routes(routes!(certificates::renew))
        .routes(routes!(webhooks::make))
        .routes(routes!(webhooks::remove))
}

/// Who may do what, and the end of it all.
fn owning() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(tokens::list, tokens::make))
        .routes(routes!(tokens::revoke))
        .routes(routes!(commands::factory_reset))
}

/// What needs no token, or brings it in another way.
fn open() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(openapi::document))
        .routes(routes!(room::pair))
        .routes(routes!(sign_in::claim_state, sign_in::claim))
        .routes(routes!(sign_in::who, sign_in::sign_in, sign_in::sign_out))
        .routes(routes!(records::show))
        .routes(routes!(records::attendance_csv))
        .routes(routes!(records::polls_csv))
        .routes(routes!(words::socket))
        .routes(routes!(calls::socket))
        .routes(routes!(events::socket))
        .routes(routes!(status::metrics))
        .routes(routes!(status::healthy))
        .routes(routes!(status::ready))
}
