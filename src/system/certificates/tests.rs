//! Handshakes in memory, at times that the test chooses: a browser's view of the certificates.

use std::time::Duration as StdDuration;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};

use super::*;

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 24 * 60 * 60;

fn identity() -> Identity {
    let addresses = ["192.168.1.7", "203.0.113.9", "2001:db8:1:2::5", "fe80::1"];
    Identity::new(
        "Room-7.Example.org",
        &["meet.example.net".to_owned()],
        addresses.map(|text| text.parse().unwrap()),
    )
}

fn own(folder: &Path) -> Certificates {
    Certificates::open(folder, &Tls::default(), &identity(), NOW).unwrap()
}

#[derive(Debug)]
struct At(u64);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(StdDuration::from_secs(self.0)))
    }
}

/// Whether a browser that trusts `authority_pem` opens `https://name/` at that time.
fn opens(authority_pem: &str, server: Arc<ServerConfig>, name: &str, at: u64) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority_pem.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_details(Arc::new(default_provider()), Arc::new(At(at)))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    while client.is_handshaking() {
        let mut wire = vec![];
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut &*wire).unwrap();
        server.process_new_packets()?;
        let mut wire = vec![];
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut &*wire).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

#[test]
fn every_name_and_address_of_the_machine_opens_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = own(folder.path());
    let trust = certificates.authority_pem().unwrap();
    let good = [
        "localhost",
        "room-7.example.org",
        "room-7.local",
        "meet.example.net",
        "127.0.0.1",
        "::1",
        "192.168.1.7",
        "203.0.113.9",
        "2001:db8:1:2::5",
    ];
    for name in good {
        assert_eq!(opens(trust, certificates.server_config(), name, NOW), Ok(()), "{name}");
    }
    for name in ["example.org", "other.local", "192.168.1.8", "10.0.0.1"] {
        assert!(opens(trust, certificates.server_config(), name, NOW).is_err(), "{name}");
    }
    let stranger = tempfile::tempdir().unwrap();
    let other = own(stranger.path());
    let other = other.authority_pem().unwrap();
    assert!(opens(other, certificates.server_config(), "localhost", NOW).is_err());
}

#[test]
fn whoever_steals_the_authority_cannot_stand_for_other_names() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = own(folder.path());
    let Source::Own { authority, .. } = &certificates.source else { panic!("own") };
    for name in ["www.example.com", "8.8.8.8", "2001:db8:1:3::5", "::5"] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = date(NOW + DAY).unwrap();
        let pem = params.signed_by(&key, &authority.issuer).unwrap().pem();
        let forged = certified(&pem, &key.serialize_pem()).unwrap();
        let current = Arc::new(Current::new(Arc::new(forged)));
        let error = opens(&authority.pem, server_config(current, None).unwrap(), name, NOW).unwrap_err();
        assert!(error.to_string().contains("NameConstraintViolation"), "{name}: {error}");
    }
}

#[test]
fn a_leaf_is_kept_over_restarts_and_renewed_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut certificates = own(folder.path());
    let trust = certificates.authority_pem().unwrap().to_owned();
    let first = certificates.chain.clone();
    assert_eq!(own(folder.path()).chain, first);
    assert_eq!(certificates.renew(&identity(), NOW + 60 * DAY).unwrap(), Renewal::Kept);
    let later = NOW + 60 * DAY + 1;
    assert_eq!(certificates.renew(&identity(), later).unwrap(), Renewal::Replaced);
    assert_eq!(certificates.authority_pem(), Some(&*trust));
    // The server was given its configuration before, and shows the new leaf all the same.
    assert_eq!(opens(&trust, certificates.server_config(), "localhost", NOW + 149 * DAY), Ok(()));
    assert!(opens(&trust, certificates.server_config(), "localhost", NOW + 151 * DAY).is_err());
}

#[test]
fn a_new_address_gets_a_new_leaf_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut certificates = own(folder.path());
    let trust = certificates.authority_pem().unwrap().to_owned();
    let moved = Identity::new("room-7.example.org", &[], ["10.1.2.3".parse().unwrap()]);
    assert_eq!(certificates.renew(&moved, NOW).unwrap(), Renewal::Replaced);
    assert_eq!(opens(&trust, certificates.server_config(), "10.1.2.3", NOW), Ok(()));
    assert!(opens(&trust, certificates.server_config(), "192.168.1.7", NOW).is_err());
    assert_eq!(certificates.renew(&moved, NOW).unwrap(), Renewal::Kept);
}

#[test]
fn what_the_authority_does_not_permit_is_left_out_rather_than_spoiling_the_leaf() {
    let folder = tempfile::tempdir().unwrap();
    let mut certificates = own(folder.path());
    let trust = certificates.authority_pem().unwrap().to_owned();
    let renamed = Identity::new("attic", &[], ["198.51.100.1".parse().unwrap()]);
    certificates.renew(&renamed, NOW).unwrap();
    assert_eq!(opens(&trust, certificates.server_config(), "localhost", NOW), Ok(()));
    assert!(opens(&trust, certificates.server_config(), "attic.local", NOW).is_err());
    assert_eq!(
        certificates.renew(&renamed, NOW).unwrap(),
        Renewal::Kept,
        "and it is not made again each time"
    );
}

#[test]
fn an_authority_near_its_end_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let mut certificates = own(folder.path());
    let before = certificates.authority_fingerprint().unwrap();
    let later = NOW + 3_600 * DAY;
    assert_eq!(certificates.renew(&identity(), later).unwrap(), Renewal::Replaced);
    assert_ne!(certificates.authority_fingerprint().unwrap(), before);
    let trust = certificates.authority_pem().unwrap();
    assert_eq!(opens(trust, certificates.server_config(), "localhost", later), Ok(()));
}

#[test]
fn keys_are_secret_and_the_authority_is_not() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    own(folder.path());
    for (file, mode) in [("ca.key", 0o600), ("leaf.pem", 0o600), ("ca.pem", 0o644)] {
        let path = folder.path().join("tls").join(file);
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{file}");
    }
}

#[test]
fn a_certificate_by_configuration_is_used_instead_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        std::fs::write(folder.path().join("own.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("own.key"), made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    };
    let path = |file| Some(folder.path().join(file));
    let tls = Tls { certificate: path("own.pem"), key: path("own.key"), names: vec![], ..Tls::default() };
    let first = make("a.example.org");
    let mut certificates = Certificates::open(folder.path(), &tls, &identity(), NOW).unwrap();
    assert_eq!(certificates.chain, [first]);
    assert_eq!(certificates.authority_pem(), None);
    assert_eq!(certificates.renew(&identity(), NOW).unwrap(), Renewal::Kept);
    let second = make("b.example.org");
    assert_eq!(certificates.renew(&identity(), NOW).unwrap(), Renewal::Replaced);
    assert_eq!(certificates.chain, [second]);
    std::fs::write(folder.path().join("own.pem"), "half written").unwrap();
    let error = certificates.renew(&identity(), NOW).unwrap_err().to_string();
    assert!(error.contains("own.pem: no certificate is in it"), "{error}");
}

#[test]
fn what_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let open = |tls: &Tls| Certificates::open(folder.path(), tls, &identity(), NOW).map(|_| ()).unwrap_err();
    let missing = Some(folder.path().join("missing.pem"));
    let tls = Tls { certificate: missing.clone(), key: missing, names: vec![], ..Tls::default() };
    assert!(open(&tls).to_string().contains("missing.pem: No such file"));
    own(folder.path());
    std::fs::write(folder.path().join("tls/ca.pem"), "nonsense").unwrap();
    let error = open(&Tls::default()).to_string();
    assert!(error.contains("ca.pem") && error.contains("to make a new authority"), "{error}");
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let error = Certificates::open(&blocked, &Tls::default(), &identity(), NOW).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("--state"), "{error}");
}

#[test]
fn a_broken_leaf_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let first = own(folder.path());
    std::fs::write(folder.path().join("tls/leaf.pem"), "half written").unwrap();
    let second = own(folder.path());
    assert_ne!(first.chain, second.chain);
    assert_eq!(first.authority_pem(), second.authority_pem());
}

#[test]
fn an_identity_leaves_out_what_no_browser_can_use() {
    let identity = Identity::new("BAD_name", &["UPPER.example".to_owned()], ["0.0.0.0".parse().unwrap()]);
    assert_eq!(identity.names, ["localhost", "upper.example"]);
    assert_eq!(identity.addresses.len(), 2, "the loopback alone");
}

#[test]
fn a_clock_that_is_behind_changes_no_certificate_and_makes_one_that_is_good_today() {
    let folder = tempfile::tempdir().unwrap();
    let trust = own(folder.path()).authority_pem().unwrap().to_owned();
    let behind = Certificates::open(folder.path(), &Tls::default(), &identity(), DAY).unwrap();
    assert_eq!(behind.authority_pem(), Some(trust.as_str()));
    assert_eq!(opens(&trust, behind.server_config(), "localhost", NOW), Ok(()));
    std::fs::remove_file(folder.path().join("tls/leaf.pem")).unwrap();
    let made_behind = Certificates::open(folder.path(), &Tls::default(), &identity(), DAY).unwrap();
    assert_eq!(opens(&trust, made_behind.server_config(), "localhost", NOW), Ok(()));
}
