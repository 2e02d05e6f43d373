//! The configuration over HTTP: read with an entity tag, tried out, changed, confirmed, taken back, explained.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Shared;
use super::gate::Asker;
use super::input::{Body, Extras};
use super::problem::{self, Problem};
use crate::config::change::{self, Change, Outcome};
use crate::config::kept::{Revision, When};
use crate::config::layers::{self, Layer, Layers, Setting};
use crate::config::{KEYS, Key, schema};
use crate::refusal::{Code, Refusal};
use crate::system::configuration::{Error, Terms, etag_of, guarded};

/// How long a change that can cut off whoever makes it waits to be confirmed when nothing else is said, in seconds.
const CONFIRM_WITHIN_S: u32 = 120;

/// The range of that time.
const CONFIRM_WITHIN_RANGE_S: std::ops::RangeInclusive<u32> = 5..=3600;

/// The configuration, or one of its layers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Configuration {
    /// Counts changes.
    generation: u64,
    /// The generation that is in effect.
    observed_generation: u64,
    /// The layer that this is, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<Layer>,
    /// Sections with their keys; the schema tells of each. Secrets are left out.
    config: Value,
    /// When what needs a restart gets it, while something does.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<When>,
    /// How long the last change waits to be confirmed once it is in effect, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_within_s: Option<u32>,
    /// Why the last change was taken back, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_back: Option<String>,
}

/// Which layer.
#[derive(Debug, Deserialize)]
pub(crate) struct Which {
    /// One layer's own document; all of them together where absent.
    layer: Option<Layer>,
}

/// How a change is made.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manner {
    layer: Option<Layer>,
    #[serde(default)]
    dry_run: bool,
    apply: Option<When>,
    confirm_within: Option<u32>,
}

/// What a change does, or would do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Changed {
    /// The generation that it has made; the present one of a dry run.
    generation: u64,
    /// What is in force afterwards and was not before.
    changes: Vec<KeyChange>,
    /// What will surprise whoever asked, a sentence each.
    warnings: Vec<String>,
    /// `live`: at once. `media`: as a device is opened anew, within a second. `restart`: with a start of the daemon,
    /// which takes some seconds.
    applies: &'static str,
    /// When that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<When>,
    /// It undoes itself unless it is confirmed within so many seconds of taking effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_within_s: Option<u32>,
}

/// A key that changes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyChange {
    /// With its section.
    key: &'static str,
    /// The value before; `null` where none was set, and of secrets.
    before: Option<Value>,
    /// The value afterwards, likewise.
    after: Option<Value>,
    /// `live`, `media` or `restart`.
    applies: &'static str,
}

/// What is known of a key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Explained {
    /// With its section.
    key: &'static str,
    /// The value in force; absent where none is set, and of secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    /// Whether a value is set at all.
    is_set: bool,
    /// The layer that has set it.
    layer: Layer,
    /// Who has set it there: a file, or whoever asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    /// When, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_unix_ms: Option<u64>,
    /// Whether it can be set over the API, in the local layer.
    editable: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<String>,
    /// What it does.
    meaning: &'static str,
    /// What may stand there, in words.
    range: String,
    /// `live`, `media` or `restart`.
    applies: &'static str,
}

/// One of the last states of what came over the network.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevisionView {
    /// Its number; the generation that it was made with.
    revision: u64,
    /// When, in milliseconds since the Unix epoch.
    at_unix_ms: u64,
    /// Who has made it.
    author: String,
    /// What it was made for.
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
    /// The provisioned layer, without secrets.
    provisioned: Value,
    /// The local layer, without secrets.
    local: Value,
}

/// Where to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollBack {
    /// One of the revisions that are kept; 0 is the one before anything was said over the network.
    revision: u64,
}

/// What is confirmed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirm {
    /// The generation that the change has made.
    generation: u64,
}

/// The configuration in force, or one layer of it.
#[utoipa::path(
    get, path = "/api/v1/config", tag = "configuration", operation_id = "showConfig",
    params(("layer" = Option<Layer>, Query, description = "One layer's own document; all of them together where absent")),
    responses(
        (status = 200, description = "The configuration; its ETag is what a change has to bring as If-Match",
            body = Configuration, headers(("ETag", description = "Another one after every change"))),
        (status = "default", description = "A problem", body = problem::Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Extras(which): Extras<Which>,
) -> Result<Response, Problem> {
    let state = shared.configuration.state();
    let all = shared.configuration.layers();
    let config = match which.layer {
        None => layers::shown(&state.config),
        Some(Layer::Factory) => layers::shown(&crate::config::Config::default()),
        Some(layer) => all.document(layer).map_or(Value::Null, layers::Document::values),
    };
    let etag = etag_of(&state);
    let document = Configuration {
        generation: state.generation,
        observed_generation: state.observed,
        layer: which.layer,
        config,
        waits_for: state.when,
        confirm_within_s: state.unconfirmed_s,
        taken_back: state.taken_back,
    };
    Ok(tagged(&etag, Json(document)))
}

/// Replaces a layer. Keys that are not mentioned are taken out of it, but for secrets.
#[utoipa::path(
    put, path = "/api/v1/config", tag = "configuration", operation_id = "replaceConfig",
    params(
        ("If-Match" = String, Header, description = "The ETag that was read, or *"),
        ("layer" = Option<Layer>, Query, description = "The layer that is written: `local`, which it is where absent, or `provisioned`"),
        ("dryRun" = Option<bool>, Query, description = "Whether it is only said what would happen"),
        ("apply" = Option<When>, Query, description = "When it takes effect, if that disturbs: `idle` where absent"),
        ("confirmWithin" = Option<u32>, Query, description = "It undoes itself unless it is confirmed within so many seconds of taking effect: 5 to 3600, or 0 for never. Where absent: 120 for keys that can cut off whoever sets them, else never"),
    ),
    request_body(content = Value, description = "Sections with their keys"),
    responses(
        (status = 200, description = "What it does, or would do", body = Changed),
        (status = 403, description = "`not-permitted`: a key is locked by another layer, or set by files alone",
            body = problem::Document, content_type = "application/problem+json"),
        (status = 412, description = "`stale`: it has changed in the meantime", body = problem::Document,
            content_type = "application/problem+json"),
        (status = 428, description = "`invalid-parameter`: If-Match is missing", body = problem::Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = problem::Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn replace(
    State(shared): State<Arc<Shared>>,
    Extension(asker): Extension<Asker>,
    Extras(manner): Extras<Manner>,
    headers: HeaderMap,
    Body(body): Body<Value>,
) -> Result<Response, Problem> {
    make(&shared, &asker, manner, &headers, (body, true)).await
}

/// Changes a layer: `null` takes a key, or a section, out of it (RFC 7396).
#[utoipa::path(
    patch, path = "/api/v1/config", tag = "configuration", operation_id = "changeConfig",
    params(
        ("If-Match" = String, Header, description = "The ETag that was read, or *"),
        ("layer" = Option<Layer>, Query, description = "The layer that is written: `local`, which it is where absent, or `provisioned`"),
        ("dryRun" = Option<bool>, Query, description = "Whether it is only said what would happen"),
        ("apply" = Option<When>, Query, description = "When it takes effect, if that disturbs: `idle` where absent"),
        ("confirmWithin" = Option<u32>, Query, description = "It undoes itself unless it is confirmed within so many seconds of taking effect: 5 to 3600, or 0 for never. Where absent: 120 for keys that can cut off whoever sets them, else never"),
    ),
    request_body(content = Value, description = "Sections with the keys that change"),
    responses(
        (status = 200, description = "What it does, or would do", body = Changed),
        (status = 403, description = "`not-permitted`: a key is locked by another layer, or set by files alone",
            body = problem::Document, content_type = "application/problem+json"),
        (status = 412, description = "`stale`: it has changed in the meantime", body = problem::Document,
            content_type = "application/problem+json"),
        (status = 428, description = "`invalid-parameter`: If-Match is missing", body = problem::Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = problem::Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn patch(
    State(shared): State<Arc<Shared>>,
    Extension(asker): Extension<Asker>,
    Extras(manner): Extras<Manner>,
    headers: HeaderMap,
    Body(body): Body<Value>,
) -> Result<Response, Problem> {
    make(&shared, &asker, manner, &headers, (body, false)).await
}

/// Every key: its value, who has set it and when, and whether it can be set here.
#[utoipa::path(
    get, path = "/api/v1/config/keys", tag = "configuration", operation_id = "explainConfig",
    responses(
        (status = 200, description = "All keys in the order of the document", body = Vec<Explained>),
        (status = "default", description = "A problem", body = problem::Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn explain(State(shared): State<Arc<Shared>>) -> Json<Vec<Explained>> {
    let (state, all) = (shared.configuration.state(), shared.configuration.layers());
    let values = layers::shown(&state.config);
    Json(KEYS.iter().map(|key| explained(key, &all, &values)).collect())
}

/// The JSON Schema (2020-12) of the configuration.
#[utoipa::path(
    get, path = "/api/v1/config/schema", tag = "configuration", operation_id = "showConfigSchema",
    responses(
        (status = 200, description = "The schema", body = Value, content_type = "application/schema+json"),
        (status = "default", description = "A problem", body = problem::Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn schema() -> Response {
    let kind = HeaderValue::from_static("application/schema+json");
    ([(header::CONTENT_TYPE, kind)], schema::schema().to_string()).into_response()
}

/// The last twenty revisions of what came over the network.
#[utoipa::path(
    get, path = "/api/v1/config/revisions", tag = "configuration", operation_id = "listConfigRevisions",
    responses(
        (status = 200, description = "The last one last", body = Vec<RevisionView>),
        (status = "default", description = "A problem", body = problem::Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn revisions(State(shared): State<Arc<Shared>>) -> Json<Vec<RevisionView>> {
    Json(shared.configuration.revisions().into_iter().map(RevisionView::from).collect())
}

/// Makes the layers that came over the network what they were.
#[utoipa::path(
    post, path = "/api/v1/config/rollback", tag = "configuration", operation_id = "rollBackConfig",
    params(("If-Match" = String, Header, description = "The ETag that was read, or *")),
    request_body = RollBack,
    responses(
        (status = 200, description = "The generation that it has made", body = Confirm),
        (status = 412, description = "`stale`: it has changed in the meantime", body = problem::Document,
            content_type = "application/problem+json"),
        (status = 428, description = "`invalid-parameter`: If-Match is missing", body = problem::Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = problem::Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn roll_back(
    State(shared): State<Arc<Shared>>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
    Body(body): Body<RollBack>,
) -> Result<Response, Problem> {
    let terms = Terms { etag: if_match(&headers)?, ..Terms::default() };
    let at = shared.gate.unix_time_ms();
    let generation = written(&shared, move |configuration| {
        configuration.roll_back(body.revision, asker.name(), at, &terms)
    })
    .await?;
    Ok(tagged(&etag_of(&shared.configuration.state()), Json(Confirm { generation })))
}

/// Keeps a change that would undo itself.
#[utoipa::path(
    post, path = "/api/v1/config/confirm", tag = "configuration", operation_id = "confirmConfig",
    request_body = Confirm,
    responses(
        (status = 204, description = "It stays"),
        (status = 409, description = "`busy`: nothing of that generation waits", body = problem::Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = problem::Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn confirm(
    State(shared): State<Arc<Shared>>,
    Body(body): Body<Confirm>,
) -> Result<StatusCode, Problem> {
    written(&shared, move |configuration| configuration.confirm(body.generation)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn make(
    shared: &Arc<Shared>,
    asker: &Asker,
    manner: Manner,
    headers: &HeaderMap,
    (body, is_whole): (Value, bool),
) -> Result<Response, Problem> {
    let etag = if_match(headers)?;
    let layer = manner.layer.unwrap_or(Layer::Local);
    let at_unix_ms = shared.gate.unix_time_ms();
    let asked = Change { layer, by: asker.name().to_owned(), at_unix_ms, body, is_whole };
    let terms = Terms { when: manner.apply, confirm_within_s: None, etag };
    let tried = shared.configuration.try_out(&asked, &terms).map_err(problem)?;
    let terms = Terms { confirm_within_s: confirm_within(&manner, &tried)?, ..terms };
    if manner.dry_run {
        let generation = shared.configuration.state().generation;
        return Ok(Json(changed(generation, &tried, &terms)).into_response());
    }
    let of = terms.clone();
    let (generation, outcome) = written(shared, move |configuration| configuration.make(&asked, &of)).await?;
    log::info!(generation, layer = layer.as_str(); "the configuration was changed");
    Ok(tagged(&etag_of(&shared.configuration.state()), Json(changed(generation, &outcome, &terms))))
}

/// Does what writes to the disk beside the threads that words are spoken on.
async fn written<T: Send + 'static>(
    shared: &Arc<Shared>,
    act: impl FnOnce(&crate::system::configuration::Configuration) -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    let configuration = Arc::clone(&shared.configuration);
    let done = tokio::task::spawn_blocking(move || act(&configuration)).await;
    let failed = |_| Problem::from(Refusal::new(Code::Internal, "the change failed; see the log"));
    done.map_err(failed)?.map_err(problem)
}

fn confirm_within(manner: &Manner, outcome: &Outcome) -> Result<Option<u32>, Problem> {
    match manner.confirm_within {
        Some(0) => Ok(None),
        Some(seconds) if CONFIRM_WITHIN_RANGE_S.contains(&seconds) => Ok(Some(seconds)),
        Some(_) => {
            let detail = "confirmWithin is 5 to 3600 seconds, or 0 for a change that needs nobody's word";
            Err(Refusal::new(Code::InvalidParameter, detail).into())
        }
        None => Ok((!guarded(outcome).is_empty()).then_some(CONFIRM_WITHIN_S)),
    }
}

/// What has to stand in If-Match (RFC 9110, 13.1.1); none for `*`, which any state matches.
fn if_match(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    match headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()) {
        Some("*") => Ok(None),
        Some(etag) => Ok(Some(etag.to_owned())),
        None => {
            let detail = "a change needs If-Match with the ETag of what was read, so that it does not undo somebody else's";
            Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, Code::InvalidParameter, detail))
        }
    }
}

fn tagged(etag: &str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    if let Ok(etag) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

fn changed(generation: u64, outcome: &Outcome, terms: &Terms) -> Changed {
    let applies = change::applies(&outcome.differences);
    let disturbs = applies > crate::config::Applies::Live;
    let each = outcome.differences.iter().map(|difference| KeyChange {
        key: difference.key.name,
        before: difference.before.clone(),
        after: difference.after.clone(),
        applies: difference.key.applies.as_str(),
    });
    Changed {
        generation,
        changes: each.collect(),
        warnings: outcome.warnings.clone(),
        applies: applies.as_str(),
        waits_for: disturbs.then(|| terms.when.unwrap_or(When::Idle)),
        confirm_within_s: terms.confirm_within_s.filter(|_| !outcome.differences.is_empty()),
    }
}

fn explained(key: &'static Key, all: &Layers, values: &Value) -> Explained {
    let (section, name) = key.place();
    let (layer, setting) = all.origin(key);
    let why_not = change::why_not(all, key, Layer::Local);
    let value = values.get(section).and_then(|section| section.get(name)).cloned();
    Explained {
        key: key.name,
        is_set: value.is_some() || setting.is_some(),
        value,
        layer,
        author: setting.map(|Setting { by, .. }| by.clone()),
        at_unix_ms: setting.map(|setting| setting.at_unix_ms),
        editable: why_not.is_none(),
        why_not,
        meaning: key.meaning,
        range: key.range.words(),
        applies: key.applies.as_str(),
    }
}

impl From<Revision> for RevisionView {
    fn from(revision: Revision) -> Self {
        Self {
            revision: revision.revision,
            at_unix_ms: revision.at_unix_ms,
            author: revision.by,
            note: revision.note,
            provisioned: revision.provisioned.values(),
            local: revision.local.values(),
        }
    }
}

fn problem(error: Error) -> Problem {
    let code = match &error {
        Error::Stale(_) => Code::Stale,
        Error::Refused(refused) if refused.is_forbidden => Code::NotPermitted,
        Error::Refused(_) | Error::NoSuchRevision(_) => Code::InvalidParameter,
        Error::NotWaiting(_) => Code::Busy,
        Error::File(_) => Code::Internal,
    };
    Refusal::new(code, error.to_string()).into()
}
