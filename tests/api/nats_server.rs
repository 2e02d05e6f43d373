//! Debian's nats-server as tests have it: open on this machine, a cluster, a leaf of another one, or behind TLS for those
//! alone who bear credentials.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::appliance::Appliance;
use crate::debian::{Program, free_port};

/// A server, with JetStream in a folder of its own.
pub(crate) struct Server {
    program: Program,
    folder: TempDir,
    port: u16,
}

impl Server {
    /// Lets everybody in.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| "jetstream: enabled\n".to_owned())
    }

    /// Three that keep together what they are given.
    pub(crate) fn start_cluster() -> [Self; 3] {
        let ports = [(); 3].map(|()| free_port());
        let routes = ports.map(|port| format!("nats://127.0.0.1:{port}"));
        ports.map(|port| {
            Self::start_with(|_| {
                let cluster =
                    json!({ "name": "house", "listen": format!("127.0.0.1:{port}"), "routes": routes });
                format!("jetstream: enabled\nserver_name: \"{port}\"\ncluster: {cluster}\n")
            })
        })
    }

    /// One with the JetStream domain `hub` that takes others as leaves, and a leaf of it with a JetStream of its own.
    pub(crate) fn start_with_leaf() -> [Self; 2] {
        let port = free_port();
        let hub = Self::start_with(|_| {
            format!("jetstream: {{ domain: hub }}\nleafnodes: {{ host: \"127.0.0.1\", port: {port} }}\n")
        });
        let remote = json!({ "remotes": [{ "url": format!("nats://127.0.0.1:{port}") }] });
        let leaf = Self::start_with(|_| format!("jetstream: {{ domain: site }}\nleafnodes: {remote}\n"));
        [hub, leaf]
    }

    /// Has those lines in its configuration, which may name files of its folder.
    fn start_with(config: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("nats.conf"), config(folder.path())).unwrap();
        let mut program = run(folder.path(), "-1");
        let port = loop {
            assert!(program.is_running(), "nats-server goes on running");
            let files = std::fs::read_dir(folder.path()).unwrap().flatten();
            let told = files.filter(|file| file.path().extension().is_some_and(|kind| kind == "ports"));
            let told = told.filter_map(|file| std::fs::read_to_string(file.path()).ok()).next();
            let told: Option<Value> = told.and_then(|text| serde_json::from_str(&text).ok());
            if let Some(url) = told.as_ref().and_then(|told| told["nats"][0].as_str()) {
                break url.rsplit(':').next().unwrap().parse().unwrap();
            }
            std::thread::yield_now();
        };
        Self { program, folder, port }
    }

    /// Speaks TLS alone, and lets in who bears credentials of its operator. The server, and the files of authority
    /// and credentials.
    pub(crate) fn start_closed() -> (Self, [PathBuf; 2]) {
        let server = Self::start_with(|folder| {
            let (operator, system) = (KeyPair::new_operator(), KeyPair::new_account());
            let (account, user) = (KeyPair::new_account(), KeyPair::new_user());
            let limits = json!({ "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1, "subs": -1,
                "data": -1, "payload": -1, "imports": -1, "exports": -1, "conn": -1, "leaf": -1, "wildcards": true });
            let of_operator = signed(&operator, &operator, json!({ "type": "operator", "version": 2 }));
            let of_account =
                signed(&operator, &account, json!({ "type": "account", "version": 2, "limits": limits }));
            let of_system = signed(&operator, &system, json!({ "type": "account", "version": 2 }));
            let of_user = signed(
                &account,
                &user,
                json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 }),
            );
            std::fs::write(
                folder.join("room.creds"),
                format!(
                    "-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n\
                     -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
                    user.seed().unwrap()
                ),
            )
            .unwrap();
            certificates(folder);
            let system = system.public_key();
            format!(
                "jetstream: enabled\noperator: \"{of_operator}\"\nsystem_account: {system}\nresolver: MEMORY\n\
                 resolver_preload: {{ {system}: \"{of_system}\", {}: \"{of_account}\" }}\n\
                 tls {{ cert_file: {:?}, key_file: {:?} }}\n",
                account.public_key(),
                folder.join("server.pem"),
                folder.join("server.key"),
            )
        });
        let files = ["authority.pem", "room.creds"].map(|file| server.folder.path().join(file));
        (server, files)
    }

    /// The power fails.
    pub(crate) fn kill(&mut self) {
        self.program.kill();
    }

    /// It comes back, with what it has kept.
    pub(crate) fn revive(&mut self) {
        self.program = run(self.folder.path(), &self.port.to_string());
    }

    pub(crate) async fn join(&self) -> async_nats::Client {
        join(std::slice::from_ref(self)).await
    }

    /// A box that is on it, with more lines after those of its section `fleet`.
    pub(crate) fn box_on(&self, more: &str) -> Appliance {
        box_on(std::slice::from_ref(self), more)
    }

    fn address(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

/// Joins whichever of them is there.
pub(crate) async fn join(servers: &[Server]) -> async_nats::Client {
    let addresses: Vec<_> = servers.iter().map(Server::address).collect();
    async_nats::ConnectOptions::new().retry_on_initial_connect().connect(addresses).await.unwrap()
}

/// A box that is on whichever of them is there, with more lines after those of its section `fleet`.
pub(crate) fn box_on(servers: &[Server], more: &str) -> Appliance {
    let addresses: Vec<_> = servers.iter().map(Server::address).collect();
    Appliance::start(&format!("[fleet]\nnats = {:?}\n{more}", addresses.join(",")))
}

fn run(folder: &Path, port: &str) -> Program {
    let [store, config] = ["store", "nats.conf"].map(|file| folder.join(file).display().to_string());
    let ports = folder.display().to_string();
    let arguments = ["--addr", "127.0.0.1", "--port", port, "--store_dir", &store];
    let arguments = [&arguments[..], &["--config", &config, "--ports_file_dir", &ports]].concat();
    Program::start("nats-server", &arguments, &[])
}

/// A token of NATS's own kind (JWT, signed with an nkey), in which `by` says something of `of`.
fn signed(by: &KeyPair, of: &KeyPair, told: Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "iss": by.public_key(), "sub": of.public_key(), "name": "test", "iat": 1_700_000_000,
        "jti": "TEST", "nats": told });
    let text = format!("{}.{}", part(&json!({ "typ": "JWT", "alg": "ed25519-nkey" })), part(&claims));
    let signature = by.sign(text.as_bytes()).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// An authority of the test's own, and what it has signed for this machine.
fn certificates(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority = CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    for (file, pem) in
        [("authority.pem", authority.pem()), ("server.pem", leaf.pem()), ("server.key", key.serialize_pem())]
    {
        std::fs::write(folder.join(file), pem).unwrap();
    }
}
