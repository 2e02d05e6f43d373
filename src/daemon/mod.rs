//! Puts the appliance together: state directory, hardware, certificates, loop, edges; and takes it apart again.

mod follow;
mod nats;
mod network;
mod observe;
mod settings;
mod telling;
mod ways;
mod witness;

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alcove_hal::clock::Clock;
use alcove_hal::{DiscoverOptions, Hardware};
use anyhow::Context;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::network::Wish;
use self::observe::Observer;
use self::telling::Telling;
use self::ways::Listeners;
use crate::api::{self, Browsers, ClientCertificates, Edge, Facts, OverTls};
use crate::appliance::clock::SystemClock;
use crate::appliance::handle::errands;
use crate::appliance::{Appliance, NotifierSettings, RelaySettings, STORE_FILE, Webhook};
use crate::config::Config;
use crate::config::layers::Layers;
use crate::fleet::agent::Agent;
use crate::fleet::follower::Follower;
use crate::fleet::stick::Stick;
use crate::fleet::tunnels::Tunnels;
use crate::meeting::Role;
use crate::room::devices;
use crate::system::acme::Acme;
use crate::system::api_tokens::ApiTokens;
use crate::system::audit::Audit;
use crate::system::certificates::{Certificates, Identity, Renewal};
use crate::system::claim::Claim;
use crate::system::conditions::Conditions;
use crate::system::configuration::Configuration;
use crate::system::files::{self, Readers};
use crate::system::machine::Machine;
use crate::system::mail::Mailer;
use crate::system::network::MachineNetwork;
use crate::system::tokens::Tokens;
use crate::system::updates::Updates;
use crate::system::web_push::PushKey;
use crate::system::{https, log as system_log, memory, notify, sockets};

/// How long the join link of the ready line lets people in.
const READY_LINK_VALID: Duration = Duration::from_hours(12);

/// How long sockets may take to be told and closed.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// How long a browser may take to say what it wants: whoever says nothing holds no socket for ever.
const REQUEST_HEAD_MAX: Duration = Duration::from_secs(5);

/// How often is looked whether the certificate is due.
const CERTIFICATE_CHECK: Duration = Duration::from_mins(10);

/// How often is looked whether the machine's clock was set: boards without a battery start years ago.
const CLOCK_CHECK: Duration = Duration::from_secs(2);

/// How often is looked whether the machine's names or addresses have changed: less often than a loose cable comes and goes.
const IDENTITY_CHECK: Duration = Duration::from_secs(10);

/// A clock that is set by less changes no certificate.
const CLOCK_JUMP: Duration = Duration::from_hours(1);

/// Where the image's first process writes what it could not do.
const BOOT_TROUBLE: &str = "/run/alcove-preinit/notes";

/// Where an image puts what its owner has signed and laid on the partition boot.
const FROM_BOOT: &str = "/run/alcove-boot";

/// Runs the appliance until SIGTERM or SIGINT, and starts it anew in between where a changed configuration asks for it. It
/// keeps what lasts in `state`, and finds USB sticks at `stick`.
///
/// # Errors
/// When a port is in use, or the state directory or a certificate cannot be used: one sentence each.
pub fn run(
    files: Layers,
    (state, stick): (&Path, &Path),
    simulated: bool,
    mut troubles: Vec<String>,
) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let asked_state = state;
    let (state, trouble) = files::state_folder(state)?;
    troubles.extend(trouble);
    let at_boot = files::read(Path::new(BOOT_TROUBLE)).unwrap_or_default().unwrap_or_default();
    troubles.extend(at_boot.lines().map(str::to_owned));
    let (configuration, trouble) = Configuration::open(&state, files);
    troubles.extend(trouble);
    let (telling, trouble) = Telling::open(&state, &clock)?;
    troubles.extend(trouble);
    for trouble in &troubles {
        log::warn!("{trouble}");
    }
    let passed = sockets::take()
        .context("cannot use the sockets that systemd has passed: alcove.socket lists HTTPS, then HTTP")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    telling.begin(&runtime, &clock)?;
    let now_unix = clock.unix_time().as_secs();
    let has_tokens = !ApiTokens::open(&state)?.list(now_unix).is_empty();
    let configuration = Arc::new(configuration);
    let follower = Follower::open(
        &state,
        telling.box_id.clone(),
        Arc::clone(&configuration),
        Arc::clone(&telling.events),
        Arc::clone(&clock),
    );
    let lasting = Lasting {
        state: &state,
        asked_state,
        simulated,
        tokens: Arc::new(Tokens::open(&state)?),
        claim: Arc::new(Claim::open(&state, has_tokens, now_unix)?),
        browsers: Arc::default(),
        push_key: PushKey::open(&state)?,
        configuration,
        conditions: watch::channel(Conditions::default()).0,
        telling,
        follower: Arc::new(follower),
        stop: runtime.block_on(async { stop_asked() })?,
        clock,
        troubles,
    };
    runtime.spawn(lasting.agent()?.run());
    runtime.spawn(lasting.stick("USB stick", stick).run());
    runtime.spawn(lasting.stick("partition boot", Path::new(FROM_BOOT)).run());
    let mut listeners = Listeners::new(passed);
    let mut is_first = true;
    let ended = loop {
        let now = lasting.clock.unix_ms();
        let config = lasting.configuration.begin(now)?;
        let ended = start(&lasting, &config, &mut listeners, is_first)
            .and_then(|parts| runtime.block_on(serve(&lasting, parts)));
        is_first = false;
        match ended {
            Ok(Ended::Stopped) => break Ok(()),
            Ok(Ended::Outdated) => log::info!("the appliance starts anew with another configuration"),
            Err(error) if lasting.configuration.failed(&format!("{error:#}"), now) => {}
            Err(error) => break Err(error),
        }
    };
    lasting.telling.end();
    ended
}

/// What stays the same from one start to the next.
struct Lasting<'a> {
    state: &'a Path,
    /// The state directory on the disk, which may be out of use.
    asked_state: &'a Path,
    simulated: bool,
    clock: Arc<dyn Clock>,
    tokens: Arc<Tokens>,
    claim: Arc<Claim>,
    browsers: Arc<Browsers>,
    push_key: PushKey,
    configuration: Arc<Configuration>,
    conditions: watch::Sender<Conditions>,
    telling: Telling,
    /// Follows what a fleet wants.
    follower: Arc<Follower>,
    /// Turns true when the process has been told to end.
    stop: watch::Receiver<bool>,
    troubles: Vec<String>,
}

impl Lasting<'_> {
    fn agent(&self) -> anyhow::Result<Agent> {
        let conditions = self.conditions.subscribe();
        Ok(Agent { follower: Arc::clone(&self.follower), conditions, http: https::asker()? })
    }

    fn stick(&self, what: &'static str, folder: &Path) -> Stick {
        let (follower, events) = (Arc::clone(&self.follower), Arc::clone(&self.telling.events));
        Stick { what, folder: folder.to_owned(), follower, events, claim: self.claim.subscribe() }
    }
}

/// Why it runs no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It was told to stop.
    Stopped,
    /// It is configured otherwise now.
    Outdated,
}

/// Everything that one start is made of.
struct Parts<'a> {
    config: &'a Config,
    certificates: Certificates,
    listeners: [TcpListener; 2],
    hardware: Hardware,
    relay: Option<RelaySettings>,
    mailer: Option<Mailer>,
    webhook: Option<Webhook>,
    troubles: Vec<String>,
    is_first: bool,
}

fn start<'a>(
    lasting: &Lasting<'_>,
    config: &'a Config,
    listeners: &mut Listeners,
    is_first: bool,
) -> anyhow::Result<Parts<'a>> {
    let clock = Arc::clone(&lasting.clock);
    let discovering = discover(config, lasting.simulated, Arc::clone(&clock))?;
    let (relay, no_relay) = settings::relay(config);
    let (mailer, no_mail) = settings::mailer(config);
    let (webhook, no_webhook) = settings::webhook(config);
    let troubles: Vec<String> = [no_relay, no_mail, no_webhook].into_iter().flatten().collect();
    troubles.iter().for_each(|trouble| log::warn!("{trouble}"));
    let identity = Identity::of_this_machine(&config.tls.names);
    let certificates = Certificates::open(lasting.state, &config.tls, &identity, clock.unix_time().as_secs());
    let listeners = listeners.open(&config.http);
    // Whatever failed: the cameras are let go of before the next try.
    let hardware =
        discovering.join().map_err(|_| anyhow::anyhow!("looking for devices failed; see the log"))?;
    let troubles = lasting.troubles.iter().cloned().chain(troubles).collect();
    let (certificates, listeners) = (certificates?, listeners?);
    Ok(Parts { config, certificates, listeners, hardware, relay, mailer, webhook, troubles, is_first })
}

/// Looks for devices and tries the encoders, while the rest starts.
fn discover(
    config: &Config,
    simulated: bool,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<std::thread::JoinHandle<Hardware>> {
    let wishes = devices::wishes(&config.room);
    let options = DiscoverOptions { simulated, room_name: config.room.name.clone(), wishes };
    std::thread::Builder::new()
        .name("discover".into())
        .spawn(move || alcove_hal::discover(&options, &clock))
        .context("cannot start a thread")
}

async fn serve(lasting: &Lasting<'_>, parts: Parts<'_>) -> anyhow::Result<Ended> {
    let Parts { config, certificates, listeners: [https, http], hardware, is_first, .. } = parts;
    let Parts { relay, mailer, webhook, troubles, .. } = parts;
    let Lasting { state, tokens, claim, clock, configuration, .. } = lasting;
    let https_port = https.local_addr().context("the HTTPS socket has no address")?.port();
    let http_port = http.local_addr().context("the HTTP socket has no address")?.port();
    log::info!("serving pages and the API on TCP ports {https_port} (HTTPS) and {http_port} (HTTP)");
    let uploads = certificates.uploads();
    let acme = Arc::new(Acme::open(state, uploads.clone(), &config.acme, Arc::clone(clock)));
    let public_url = ways::public_url(uploads.public_name(), https_port);
    let invite = settings::invite(clock, (tokens, claim), lasting.conditions.subscribe(), public_url.clone());
    let contact = config.calls.contact.clone().unwrap_or_else(|| public_url.clone());
    let (errand_sender, errands) = errands();
    let notifier = NotifierSettings { key: lasting.push_key.clone(), contact, webhook };
    let calling = settings::calling(tokens, clock, (notifier, errand_sender));
    let in_use = devices::of(&hardware);
    let (handle, appliance) = Appliance::start(
        settings::settings(
            config,
            https_port,
            (invite, settings::record_token(tokens), calling),
            (relay, troubles),
            (state.join(STORE_FILE), witness::of_the_loop(&lasting.telling.events, clock)),
        ),
        &in_use,
        Arc::clone(clock),
    )?;
    for address in appliance.media_addresses() {
        log::info!("media arrives at {address}, UDP and TCP");
    }
    let hardware = Arc::new(hardware);
    let facts = Facts {
        room_name: config.room.name.clone(),
        public_url,
        authority_pem: certificates.authority_pem().map(str::to_owned),
        authority_fingerprint: certificates.authority_fingerprint(),
        devices: {
            let hardware = Arc::clone(&hardware);
            Arc::new(move || serde_json::json!(hardware.report()))
        },
        has_mail: mailer.is_some(),
    };
    let nearby = ways::nearby(config, https_port, facts.authority_fingerprint.as_deref());
    let mut tasks = JoinSet::new();
    if let Some(mailer) = mailer {
        tasks.spawn(api::send_reports(handle.clone(), mailer));
    }
    let (certificate, certificate_until) = watch::channel(certificates.valid_until_unix());
    let updates = Arc::new(Updates::open(lasting.asked_state));
    let machine_network = MachineNetwork::of_this_process();
    let observer = Observer {
        updates: Arc::clone(&updates),
        handle: handle.clone(),
        configuration: Arc::clone(configuration),
        clock: Arc::clone(clock),
        hardware,
        simulated: lasting.simulated,
        certificate_until,
        uploads: uploads.clone(),
        acme: Arc::clone(&acme),
        told: lasting.conditions.clone(),
        events: Arc::clone(&lasting.telling.events),
        network: machine_network.clone(),
    };
    tasks.spawn(observer.run());
    let (wanted, wanted_network) = watch::channel(None);
    let network = Wish { machine: machine_network.clone(), wanted };
    tasks.spawn(network::follow(machine_network, wanted_network));
    tasks.spawn(follow::show_claim(claim.subscribe(), handle.clone()));
    tasks.spawn(follow::show_trouble(lasting.conditions.subscribe(), handle.clone()));
    let tunnels = Tunnels::of(&lasting.telling.box_id);
    let here = (handle.clone(), config.room.name.clone());
    tasks.spawn(crate::remote::appliance::serve(here, tunnels.dial(), errands));
    let card = nats::card(lasting, config, &facts);
    let directory = nats::Entries {
        handle: handle.clone(),
        tokens: Arc::clone(tokens),
        authority: facts.authority_fingerprint.clone(),
        uploads: uploads.clone(),
    };
    let shared_port = api::SharedPort::new(handle.clone());
    let (close, closing) = watch::channel(false);
    let edge = Edge {
        handle: handle.clone(),
        tokens: Arc::clone(tokens),
        api_tokens: ApiTokens::open(state)?,
        audit: Audit::open(state),
        claim: Arc::clone(claim),
        browsers: Arc::clone(&lasting.browsers),
        clock: Arc::clone(clock),
        machine: Machine::new(lasting.asked_state),
        updates,
        nearby: nearby.clone(),
        configuration: Arc::clone(configuration),
        conditions: lasting.conditions.subscribe(),
        closing,
        uploads,
        acme: Arc::clone(&acme),
        box_id: lasting.telling.box_id.clone(),
        events: Arc::clone(&lasting.telling.events),
        webhooks: Arc::clone(&lasting.telling.webhooks),
        operations: Arc::clone(&lasting.telling.operations),
        facts,
    };
    let router = api::router(edge);
    let within = (tunnels, certificates.server_config(), router.clone());
    tasks.spawn(nats::of(lasting, config, card, within, directory).run(config.fleet.clone()));
    let over_tls = router.clone().layer(axum::Extension(OverTls));
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let goodbye = axum_server::Handle::new();
    let tls = axum_server::tls_rustls::RustlsConfig::from_config(certificates.server_config());
    let secure = axum_server::from_tcp_rustls(https, tls).context("cannot serve HTTPS")?;
    let role = config.tls.client_role.into();
    let mut secure = secure.map(|acceptor| ClientCertificates::new(acceptor.acceptor(shared_port), role));
    let prompt = axum_server::accept::NoDelayAcceptor::new();
    let mut plain = axum_server::from_tcp(http).context("cannot serve HTTP")?.acceptor(prompt);
    limit_waiting(secure.http_builder());
    limit_waiting(plain.http_builder());
    let over_tls = over_tls.into_make_service_with_connect_info::<SocketAddr>();
    let secure = secure.handle(goodbye.clone()).serve(over_tls);
    let plain = plain.handle(goodbye.clone()).serve(router);
    let servers = tokio::spawn(async move { tokio::join!(secure, plain) });
    tasks.spawn(renew(certificates, config.tls.names.clone(), Arc::clone(clock), certificate));
    tasks.spawn(acme.run(configuration.subscribe()));
    tasks.spawn(memory::keep_small());

    let url = ways::url_for_this_machine(config, https_port, http_port);
    files::write(&state.join(files::URL), &format!("{url}\n"), Readers::Everybody)?;
    let standing = config.standing_meeting();
    let expires = (clock.unix_time() + READY_LINK_VALID).as_secs();
    let token = tokens.issue(standing.as_str(), Role::Speaker, expires);
    if is_first && !system_log::is_journal() {
        say_ready(
            https_port,
            &format!("https://localhost:{https_port}/m/{standing}#t={token}"),
            tokens.admin(),
        );
    }
    notify::ready(&format!("ready at https://localhost:{https_port}/"));
    let mut ended = Ended::Stopped;
    let mut stop = lasting.stop.clone();
    let until_ended = async {
        ended = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => Ended::Stopped,
            () = follow::follow(configuration, (&handle, &network), config, &**clock) => Ended::Outdated,
        };
    };
    appliance.run(until_ended).await;
    if ended == Ended::Stopped {
        notify::stopping();
    }
    close.send_replace(true);
    tasks.shutdown().await;
    nearby.close();
    goodbye.graceful_shutdown(Some(GOODBYE_MAX));
    let (secure, plain) = servers.await.context("the servers panicked")?;
    secure.and(plain).context("a server failed")?;
    Ok(ended)
}

fn limit_waiting(builder: &mut Builder<TokioExecutor>) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(REQUEST_HEAD_MAX);
}

/// Keeps the certificate good for as long as the appliance runs.
async fn renew(
    mut certificates: Certificates,
    names: Vec<String>,
    clock: Arc<dyn Clock>,
    until_unix: watch::Sender<u64>,
) {
    loop {
        let identity = Identity::of_this_machine(&names);
        match certificates.renew(&identity, clock.unix_time().as_secs()) {
            Ok(Renewal::Kept) => {}
            Ok(Renewal::Replaced) => {
                until_unix.send_replace(certificates.valid_until_unix());
                log::info!("the certificate was renewed, and is in use");
            }
            Err(error) => log::warn!("the certificate could not be renewed, and stays in use: {error}"),
        }
        due(&*clock, &names, &identity).await;
    }
}

/// Ready when the certificate is to be looked at: from time to time, when the clock was set, and when the machine has other
/// names or addresses.
async fn due(clock: &dyn Clock, names: &[String], was: &Identity) {
    let (began, began_unix) = (clock.now(), clock.unix_time());
    let mut turns = tokio::time::interval(CLOCK_CHECK);
    let mut looked = began;
    loop {
        turns.tick().await;
        let now = clock.now();
        let passed = now.saturating_duration_since(began);
        if passed >= CERTIFICATE_CHECK || clock.unix_time().abs_diff(began_unix + passed) >= CLOCK_JUMP {
            return;
        }
        if now.saturating_duration_since(looked) >= IDENTITY_CHECK {
            looked = now;
            if Identity::of_this_machine(names) != *was {
                return;
            }
        }
    }
}

/// The one line of standard output: what people and scripts wait for. It has secrets in it, and is not for a log.
fn say_ready(port: u16, join: &str, admin: &str) {
    let line = format!("ready: https://localhost:{port}/  join: {join}  admin token: {admin}\n");
    if let Err(error) = std::io::stdout().write_all(line.as_bytes()) {
        log::warn!("nobody reads standard output: {error}");
    }
}

/// Turns true when SIGTERM or SIGINT has come; both are caught from this call on.
fn stop_asked() -> anyhow::Result<watch::Receiver<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot catch SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot catch SIGINT")?;
    let (asked, stop) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => log::info!("asked to stop by SIGTERM"),
            _ = interrupt.recv() => log::info!("asked to stop by SIGINT"),
        }
        asked.send_replace(true);
        // Whoever asks later finds the answer, too.
        asked.closed().await;
    });
    Ok(stop)
}
