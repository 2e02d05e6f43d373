//! The account with the authority: made once, kept with its key, made anew with another authority.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use instant_acme::{
    Account, AccountCredentials, CertificateIdentifier, Error, ExternalAccountKey, NewAccount,
};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::asker::Asker;
use super::failure::Failure;
use crate::config::Acme;
use crate::system::files::{self, Readers};

const ADVICE: &str = "see to the state directory";

/// The account for those settings, as it is kept there, or a new one.
pub(super) async fn open(path: &Path, acme: &Acme, asker: &Asker) -> Result<Account, Failure> {
    match kept(path, acme) {
        Some(kept) => again(path, acme, asker, kept).await,
        None => make(path, acme, asker).await,
    }
}

/// In which window the authority wants to renew that certificate (RFC 9773), in seconds since the Unix epoch, if it says
/// so, and how long it is not to be asked again.
pub(super) async fn renewal_window(
    path: &Path,
    acme: &Acme,
    asker: &Asker,
    leaf: &CertificateDer<'static>,
) -> Result<(Option<(u64, u64)>, Duration), Failure> {
    let certificate = CertificateIdentifier::try_from(leaf).map_err(|cause| {
        Failure::there(format!("the certificate does not say who has signed it ({cause})"), "wait")
    })?;
    let account = open(path, acme, asker).await?;
    match account.renewal_info(&certificate).await {
        Ok((info, again)) => {
            let unix = |at: OffsetDateTime| u64::try_from(at.unix_timestamp()).unwrap_or(0);
            Ok((Some((unix(info.suggested_window.start), unix(info.suggested_window.end))), again))
        }
        Err(Error::Unsupported(_)) => Ok((None, Duration::MAX)),
        Err(error) => Err(error.into()),
    }
}

/// What is kept of an account with the same authority.
fn kept(path: &Path, acme: &Acme) -> Option<Value> {
    let kept = files::read(path).ok().flatten().and_then(|text| serde_json::from_str::<Value>(&text).ok())?;
    let is_same = kept["directory"] == json!(acme.directory) && kept["account"] == json!(acme.account);
    is_same.then_some(kept)
}

async fn again(path: &Path, acme: &Acme, asker: &Asker, mut kept: Value) -> Result<Account, Failure> {
    let credentials: AccountCredentials =
        serde_json::from_value(kept["credentials"].take()).map_err(|cause| {
            Failure::here(
                format!("{} holds no account ({cause})", path.display()),
                "remove it to have a new one made",
            )
        })?;
    let again =
        serde_json::to_value(&credentials).map_err(|cause| Failure::here(cause.to_string(), ADVICE))?;
    let account = Account::builder_with_http(Box::new(asker.clone())).from_credentials(credentials).await?;
    if kept["contact"] != json!(acme.contact) {
        let contact: Vec<&str> = acme.contact.iter().map(String::as_str).collect();
        account.update_contacts(&contact).await?;
        keep(path, acme, &again)?;
    }
    Ok(account)
}

async fn make(path: &Path, acme: &Acme, asker: &Asker) -> Result<Account, Failure> {
    let contact: Vec<&str> = acme.contact.iter().map(String::as_str).collect();
    let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let bound_to = match (&acme.account, &acme.account_key) {
        (Some(account), Some(key)) => {
            let key = BASE64_URL_SAFE_NO_PAD.decode(key.reveal().trim_end_matches('=')).map_err(|_| {
                Failure::here("acme.account_key is no base64url", "give it as the authority has given it out")
            })?;
            Some(ExternalAccountKey::new(account.clone(), &key))
        }
        _ => None,
    };
    let directory = acme.directory.clone().unwrap_or_default();
    let builder = Account::builder_with_http(Box::new(asker.clone()));
    let (account, credentials) = builder.create(&wanted, directory, bound_to.as_ref()).await?;
    let credentials =
        serde_json::to_value(&credentials).map_err(|cause| Failure::here(cause.to_string(), ADVICE))?;
    keep(path, acme, &credentials)?;
    Ok(account)
}

fn keep(path: &Path, acme: &Acme, credentials: &Value) -> Result<(), Failure> {
    let Acme { directory, account, contact, .. } = acme;
    let kept =
        json!({ "directory": directory, "account": account, "contact": contact, "credentials": credentials });
    let written = files::write(path, &format!("{kept}\n"), Readers::OwnerAlone);
    written.map_err(|error| Failure::here(error.to_string(), ADVICE))
}
