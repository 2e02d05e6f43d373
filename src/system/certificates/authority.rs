//! The appliance's own certificate authority: made on the first start, good for this machine alone.
//!
//! People who trust it shall not have to trust it with anything else: its name constraints (RFC 5280,
//! 4.2.1.10) permit the machine's names, its addresses and the private networks, and nothing more.

use std::net::IpAddr;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints,
};
use time::{Duration, OffsetDateTime};
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;

use super::{CLOCK_SKEW, Error, Identity, LEAF_LIFE};
use crate::system::files::{self, Readers};

/// How long the authority is good for.
const AUTHORITY_LIFE: Duration = Duration::days(3650);

/// The networks in which an appliance may get an address at any time: loopback, private (RFC 1918),
/// link-local, carrier-grade NAT (RFC 6598) and unique local (RFC 4193).
const PRIVATE_NETWORKS: [(&str, u8); 8] = [
    ("127.0.0.0", 8),
    ("10.0.0.0", 8),
    ("172.16.0.0", 12),
    ("192.168.0.0", 16),
    ("169.254.0.0", 16),
    ("100.64.0.0", 10),
    ("::1", 128),
    ("fc00::", 7),
];

const ADVICE: &str = "remove ca.pem and ca.key there to make a new authority, which browsers must trust anew";

/// The authority, ready to sign.
pub(super) struct Authority {
    pub(super) pem: String,
    pub(super) issuer: Issuer<'static, KeyPair>,
    /// When it was made: a clock that shows an earlier time is behind.
    pub(super) made: OffsetDateTime,
    /// What it calls itself, as DER.
    pub(super) subject: Vec<u8>,
    permitted: Vec<Subtree>,
}

enum Subtree {
    /// A name and all below it.
    Name(String),
    /// An address and its mask, in octets.
    Network(Vec<u8>),
}

impl Authority {
    /// Reads the authority in that folder; makes it where there is none, or where its end is near.
    pub(super) fn open(folder: &Path, identity: &Identity, now: OffsetDateTime) -> Result<Self, Error> {
        let (pem_path, key_path) = (folder.join("ca.pem"), folder.join("ca.key"));
        match (files::read(&pem_path)?, files::read(&key_path)?) {
            (Some(pem), Some(key)) => {
                let broken = |cause| Error::Broken { path: pem_path.clone(), cause, advice: ADVICE };
                if let Some(authority) = Self::from_pem(pem, &key, now).map_err(broken)? {
                    return Ok(authority);
                }
                log::warn!(
                    "the appliance's certificate authority ends soon and is replaced: trust the new one"
                );
            }
            (Some(_), None) => {
                log::warn!("the key of the appliance's certificate authority is gone: trust the new one");
            }
            (None, _) => {}
        }
        let (pem, key) = make(identity, now).map_err(|cause| Error::Unmade(cause.to_string()))?;
        // The key first: with a key alone the next start makes both anew.
        files::write(&key_path, &key, Readers::OwnerAlone)?;
        files::write(&pem_path, &pem, Readers::Everybody)?;
        let made = Self::from_pem(pem, &key, now).map_err(Error::Unmade)?;
        made.ok_or_else(|| Error::Unmade("its life is shorter than that of a certificate".to_owned()))
    }

    /// `None` when it would not outlive a certificate made now.
    fn from_pem(pem: String, key: &str, now: OffsetDateTime) -> Result<Option<Self>, String> {
        let (_, document) = parse_x509_pem(pem.as_bytes()).map_err(|cause| cause.to_string())?;
        let certificate = document.parse_x509().map_err(|cause| cause.to_string())?;
        let key = KeyPair::from_pem(key).map_err(|cause| cause.to_string())?;
        if certificate.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err("ca.key is not its key".to_owned());
        }
        if certificate.validity().not_after.to_datetime() < now + LEAF_LIFE {
            return Ok(None);
        }
        let constraints = certificate.name_constraints().map_err(|cause| cause.to_string())?;
        let permitted = constraints.and_then(|each| each.value.permitted_subtrees.as_ref());
        let permitted = permitted.into_iter().flatten().filter_map(|each| subtree(&each.base)).collect();
        let subject = certificate.subject().as_raw().to_vec();
        let issuer = Issuer::from_ca_cert_pem(&pem, key).map_err(|cause| cause.to_string())?;
        let made = certificate.validity().not_before.to_datetime() + CLOCK_SKEW;
        Ok(Some(Self { pem, issuer, made, subject, permitted }))
    }

    /// Whether it may sign for that name.
    pub(super) fn permits_name(&self, name: &str) -> bool {
        self.permitted.iter().any(|subtree| match subtree {
            Subtree::Name(root) => {
                name.strip_suffix(root.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Subtree::Network(_) => false,
        })
    }

    /// Whether it may sign for that address.
    pub(super) fn permits_address(&self, address: IpAddr) -> bool {
        self.permitted.iter().any(|subtree| match subtree {
            Subtree::Network(network) => {
                let (base, mask) = network.split_at(network.len() / 2);
                is_within(&octets(address), base, mask)
            }
            Subtree::Name(_) => false,
        })
    }
}

fn subtree(name: &GeneralName<'_>) -> Option<Subtree> {
    match name {
        GeneralName::DNSName(name) => Some(Subtree::Name(name.to_lowercase())),
        GeneralName::IPAddress(octets) => Some(Subtree::Network(octets.to_vec())),
        _ => None,
    }
}

/// The certificate and the key, as PEM.
fn make(identity: &Identity, now: OffsetDateTime) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    // A part of the key tells two authorities of one host apart in the lists of browsers.
    let mark: String = key.public_key_raw().iter().rev().take(3).map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Alcove {} {mark}", identity.host));
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + AUTHORITY_LIFE;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: permitted(identity), excluded_subtrees: vec![] });
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Private networks whole; of a public address only that of IPv4, and the network at home of IPv6, where the
/// lower half changes from day to day (RFC 8981).
fn permitted(identity: &Identity) -> Vec<GeneralSubtree> {
    let private = PRIVATE_NETWORKS.iter().filter_map(|(base, bits)| {
        base.parse().ok().map(|base: IpAddr| CidrSubnet::from_addr_prefix(base, *bits))
    });
    let is_public = |address: &&IpAddr| !private.clone().any(|network| contains(&network, **address));
    let public = identity.addresses.iter().filter(is_public).map(|address| match address {
        IpAddr::V4(address) => CidrSubnet::from_v4_prefix(address.octets(), 32),
        IpAddr::V6(address) => {
            let network = u128::from(*address) & (u128::MAX << 64);
            CidrSubnet::from_v6_prefix(network.to_be_bytes(), 64)
        }
    });
    let networks = private.clone().chain(public).map(GeneralSubtree::IpAddress);
    identity.names.iter().cloned().map(GeneralSubtree::DnsName).chain(networks).collect()
}

fn contains(network: &CidrSubnet, address: IpAddr) -> bool {
    match network {
        CidrSubnet::V4(base, mask) => is_within(&octets(address), base, mask),
        CidrSubnet::V6(base, mask) => is_within(&octets(address), base, mask),
    }
}

fn is_within(octets: &[u8], base: &[u8], mask: &[u8]) -> bool {
    octets.len() == base.len()
        && octets.iter().zip(base).zip(mask).all(|((octet, base), mask)| octet & mask == base & mask)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
