//! The certificate that browsers are shown, signed by the appliance's own authority.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;

use super::{Authority, CLOCK_SKEW, Error, Identity, LEAF_LIFE, LEAF_RENEWAL};
use crate::system::files::{self, Readers};

/// Certificate and key in one file, so that they are replaced as one.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("leaf.pem")
}

/// The leaf in that folder as PEM, with its key; a new one where it is not good, or not for long.
pub(super) fn open(
    folder: &Path,
    authority: &Authority,
    identity: &Identity,
    now: OffsetDateTime,
) -> Result<String, Error> {
    let now = now.max(authority.made);
    let subject = Subject::new(authority, identity);
    let path = path(folder);
    if let Some(pem) = files::read(&path)?
        && is_good(&pem, authority, &subject, now)
    {
        return Ok(pem);
    }
    for left_out in &subject.left_out {
        log::warn!(
            name:% = left_out;
            "the appliance's authority was not made for this name or address; remove its ca.pem and ca.key to make one that is"
        );
    }
    let pem = make(authority, &subject, now).map_err(|cause| Error::Unmade(cause.to_string()))?;
    files::write(&path, &pem, Readers::OwnerAlone)?;
    log::info!(names = subject.alternatives.join(" "); "made a new certificate");
    Ok(pem)
}

/// What a leaf is to be made for. One name that the authority does not permit would make browsers refuse
/// the leaf as a whole, so that such names are left out.
struct Subject {
    host: String,
    /// Names and addresses as text.
    alternatives: Vec<String>,
    left_out: Vec<String>,
}

impl Subject {
    fn new(authority: &Authority, identity: &Identity) -> Self {
        let names = identity.names.iter().map(|name| (authority.permits_name(name), name.clone()));
        let addresses = identity
            .addresses
            .iter()
            .map(|address| (authority.permits_address(*address), address.to_string()));
        let (permitted, left_out): (Vec<_>, Vec<_>) =
            names.chain(addresses).partition(|(permitted, _)| *permitted);
        let texts = |list: Vec<(bool, String)>| list.into_iter().map(|(_, text)| text).collect();
        Self { host: identity.host.clone(), alternatives: texts(permitted), left_out: texts(left_out) }
    }
}

fn make(authority: &Authority, subject: &Subject, now: OffsetDateTime) -> Result<String, rcgen::Error> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(subject.alternatives.clone())?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Alcove on {}", subject.host));
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + LEAF_LIFE;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &authority.issuer)?;
    Ok(format!("{}{}", certificate.pem(), key.serialize_pem()))
}

fn is_good(pem: &str, authority: &Authority, subject: &Subject, now: OffsetDateTime) -> bool {
    let Ok((_, document)) = parse_x509_pem(pem.as_bytes()) else { return false };
    let Ok(certificate) = document.parse_x509() else { return false };
    let validity = certificate.validity();
    let mut wanted = subject.alternatives.clone();
    wanted.sort();
    certificate.issuer().as_raw() == authority.subject
        && validity.not_before.to_datetime() <= now
        && now + LEAF_RENEWAL <= validity.not_after.to_datetime()
        && alternatives(&certificate).is_some_and(|names| names == wanted)
}

/// The names and addresses of a certificate as text, sorted; `None` when there is one of another kind.
fn alternatives(certificate: &X509Certificate<'_>) -> Option<Vec<String>> {
    let extension = certificate.subject_alternative_name().ok()??;
    let mut names: Vec<String> = extension.value.general_names.iter().map(text).collect::<Option<_>>()?;
    names.sort();
    Some(names)
}

fn text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => {
            let v4 = <[u8; 4]>::try_from(*octets).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
            let v6 = <[u8; 16]>::try_from(*octets).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}
