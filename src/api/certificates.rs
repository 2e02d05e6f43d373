//! The certificates that the appliance shows: its own, one of the owner's, and one that an authority has issued.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::commands::begin;
use super::gate::Asker;
use super::input::Body;
use super::operations::Operation;
use super::problem::{self, Document, Problem};
use crate::refusal::{Code, Refusal};
use crate::system::certificates::{Refused, Slot, View};

/// A certificate in use.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Certificate {
    /// `own`: of the appliance, or of its configuration, shown to whoever asks for another name than the others have.
    /// `uploaded`: of the owner. `acme`: issued by the authority of `acme.directory`.
    source: &'static str,
    /// The host names that it is made out to.
    names: Vec<String>,
    /// Who has signed it.
    issuer: String,
    /// From when on it is good, in seconds since the Unix epoch.
    from_unix_s: u64,
    /// Until when, likewise.
    until_unix_s: u64,
    /// When the authority is asked for the next one, likewise; of `acme` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    renewal_unix_s: Option<u64>,
    /// Its SHA-256.
    #[schema(example = "AB:CD:EF:…")]
    fingerprint: String,
}

/// A certificate of the owner's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upload {
    /// The chain as PEM, the host's own certificate first; at most 32 kB.
    chain: String,
    /// Its private key as PEM, without a password. It is never shown.
    key: String,
}

impl Certificate {
    fn new(view: View, renewal_unix_s: Option<u64>) -> Self {
        let View { slot, names, issuer, from_unix, until_unix, fingerprint } = view;
        let (source, renewal_unix_s) = match slot {
            None => ("own", None),
            Some(Slot::Uploaded) => ("uploaded", None),
            Some(Slot::Acme) => ("acme", renewal_unix_s),
        };
        let (from_unix_s, until_unix_s) = (from_unix, until_unix);
        Self { source, names, issuer, from_unix_s, until_unix_s, renewal_unix_s, fingerprint }
    }
}

/// The certificates in use.
#[utoipa::path(
    get, path = "/api/v1/certificates", tag = "configuration", operation_id = "listCertificates",
    responses(
        (status = 200, description = "The appliance's own first", body = Vec<Certificate>),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Json<Vec<Certificate>> {
    let renewal = shared.acme.standing().map(|standing| standing.next_unix);
    Json(shared.uploads.list().into_iter().map(|view| Certificate::new(view, renewal)).collect())
}

/// Takes a certificate of the owner's: whoever asks for one of its names is shown it from now on, and nobody is cut off.
/// For all others, addresses among them, the appliance's own stays. Join links bear its first name after the next start.
#[utoipa::path(
    put, path = "/api/v1/certificates/uploaded", tag = "configuration", operation_id = "uploadCertificate",
    request_body = Upload,
    responses(
        (status = 200, description = "It is in use", body = Certificate),
        (status = 400, description = "`invalid-parameter`: chain and key do not go together, no host name is in it, or it has \
            expired", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn upload(
    State(shared): State<Arc<Shared>>,
    Body(Upload { chain, key }): Body<Upload>,
) -> Result<Json<Certificate>, Problem> {
    let (uploads, now) = (shared.uploads.clone(), shared.gate.unix_time().as_secs());
    let taken = tokio::task::spawn_blocking(move || uploads.put(Slot::Uploaded, &chain, &key, now)).await;
    let failed = |_| Refusal::new(Code::Internal, "the certificate was not taken; see the log");
    let view = taken.map_err(failed)?.map_err(|refused| {
        let code = match refused {
            Refused::Unfit(_) => Code::InvalidParameter,
            Refused::File(_) => Code::Internal,
        };
        Refusal::new(code, refused.to_string())
    })?;
    log::info!("a certificate for {} was uploaded, and is in use", view.names.join(", "));
    Ok(Json(Certificate::new(view, None)))
}

/// Shows the uploaded certificate no longer.
#[utoipa::path(
    delete, path = "/api/v1/certificates/uploaded", tag = "configuration", operation_id = "removeCertificate",
    responses(
        (status = 204, description = "The appliance's own is shown to everybody"),
        (status = 404, description = "`invalid-parameter`: none was uploaded", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove(State(shared): State<Arc<Shared>>) -> Result<StatusCode, Problem> {
    match shared.uploads.remove(Slot::Uploaded) {
        Ok(true) => Ok(StatusCode::NO_CONTENT),
        Ok(false) => {
            let detail = "no certificate was uploaded";
            Err(Problem::new(StatusCode::NOT_FOUND, Code::InvalidParameter, detail))
        }
        Err(error) => {
            let detail = format!("the file of the certificate cannot be removed: {error}");
            Err(Refusal::new(Code::Internal, detail).into())
        }
    }
}

/// Has the authority of `acme.directory` issue a new certificate now. It is renewed by itself in time; this is to try it out.
#[utoipa::path(
    post, path = "/api/v1/certificates/acme/renew", tag = "configuration", operation_id = "renewCertificate",
    responses(
        (status = 202, description = "It is asked", body = Operation),
        (status = 409, description = "`unsupported-mode`: no authority is configured; `busy`: it is being asked", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn renew(
    State(shared): State<Arc<Shared>>,
    Extension(asker): Extension<Asker>,
) -> Result<(StatusCode, Json<Operation>), Problem> {
    if shared.acme.standing().is_none() {
        let detail = "no authority is configured; set acme.directory and acme.names";
        return Err(Refusal::new(Code::UnsupportedMode, detail).into());
    }
    let (operation, progress) = begin(&shared, "certificate", &asker, false)?;
    shared.acme.renew(progress);
    Ok((StatusCode::ACCEPTED, Json(operation.into())))
}

/// What an authority reads to see whose a name is (RFC 8555, 8.3).
pub(crate) async fn challenge(
    State(shared): State<Arc<Shared>>,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    let answer = shared.acme.answer(&token).ok_or_else(problem::no_such_path)?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], answer).into_response())
}
