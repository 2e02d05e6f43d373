//! The certificates that the appliance shows, and one of the owner's beside its own.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::input::Body;
use super::problem::{Document, Problem};
use crate::refusal::{Code, Refusal};
use crate::system::certificates::{Refused, View};

/// A certificate in use.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Certificate {
    /// `own`: of the appliance, or of its configuration, shown to whoever asks for another name than the uploaded one has.
    /// `uploaded`: of the owner.
    source: &'static str,
    /// The host names that it is made out to.
    names: Vec<String>,
    /// Who has signed it.
    issuer: String,
    /// From when on it is good, in seconds since the Unix epoch.
    from_unix_s: u64,
    /// Until when, likewise.
    until_unix_s: u64,
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

impl From<View> for Certificate {
    fn from(view: View) -> Self {
        let View { is_uploaded, names, issuer, from_unix, until_unix, fingerprint } = view;
        let source = if is_uploaded { "uploaded" } else { "own" };
        Self { source, names, issuer, from_unix_s: from_unix, until_unix_s: until_unix, fingerprint }
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
    Json(shared.uploads.list().into_iter().map(Certificate::from).collect())
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
    let taken = tokio::task::spawn_blocking(move || uploads.put(&chain, &key, now)).await;
    let failed = |_| Refusal::new(Code::Internal, "the certificate was not taken; see the log");
    let view = taken.map_err(failed)?.map_err(|refused| {
        let code = match refused {
            Refused::Unfit(_) => Code::InvalidParameter,
            Refused::File(_) => Code::Internal,
        };
        Refusal::new(code, refused.to_string())
    })?;
    log::info!("a certificate for {} was uploaded, and is in use", view.names.join(", "));
    Ok(Json(view.into()))
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
    match shared.uploads.remove() {
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
