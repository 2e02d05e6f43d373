//! Puts the appliance together: state directory, hardware, certificates, loop, edges; and takes it apart again.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alcove_hal::clock::Clock;
use alcove_hal::{DiscoverOptions, Hardware};
use anyhow::Context;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::sync::mpsc;

use crate::api::{self, Edge, Facts};
use crate::appliance::clock::SystemClock;
use crate::appliance::handle::{Errand, errands};
use crate::appliance::{
    Admission, Appliance, CallingSettings, Heartbeat, Invitation, Invite, LOOK_AFTER_MIN, NotifierSettings,
    RecordToken, RelaySettings, STORE_FILE, Settings, Webhook,
};
use crate::config::Config;
use crate::meeting::Role;
use crate::room::{RoomSettings, devices};
use crate::system::certificates::{Certificates, Identity, Renewal};
use crate::system::files::{self, Readers};
use crate::system::machine::Machine;
use crate::system::mail::Mailer;
use crate::system::nearby::Nearby;
use crate::system::tokens::{self, Tokens};
use crate::system::updates::Updates;
use crate::system::web_push::PushKey;
use crate::system::{log as system_log, memory, notify, sockets};

/// How long the join link of the ready line lets people in.
const READY_LINK_VALID: Duration = Duration::from_hours(12);

/// How long the token of a call lets its bearer in, and in again after a cut.
const CALL_TOKEN_VALID: Duration = Duration::from_hours(24);

/// How long sockets may take to be told and closed.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// How long a browser may take to say what it wants: whoever says nothing holds no socket for ever.
const REQUEST_HEAD_MAX: Duration = Duration::from_secs(5);

/// How often is looked whether the certificate is due, or the machine's names or addresses have changed.
const CERTIFICATE_CHECK: Duration = Duration::from_mins(10);

/// How often is looked whether the machine's clock was set: boards without a battery start years ago.
const CLOCK_CHECK: Duration = Duration::from_secs(2);

/// A clock that is set by less changes no certificate.
const CLOCK_JUMP: Duration = Duration::from_hours(1);

/// Where the image's first process writes what it could not do.
const BOOT_TROUBLE: &str = "/run/alcove-preinit/notes";

/// Runs the appliance until SIGTERM or SIGINT.
///
/// # Errors
/// When a port is in use, or the state directory or a certificate cannot be used: one sentence each.
pub fn run(config: &Config, state: &Path, simulated: bool, mut troubles: Vec<String>) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let discovering = discover(config, simulated, Arc::clone(&clock))?;
    let (machine, updates) = (Machine::new(state), Updates::open(state));
    let (state, trouble) = files::state_folder(state)?;
    troubles.extend(trouble);
    let at_boot = files::read(Path::new(BOOT_TROUBLE)).unwrap_or_default().unwrap_or_default();
    troubles.extend(at_boot.lines().map(str::to_owned));
    for trouble in &troubles {
        log::warn!("{trouble}");
    }
    let (relay, trouble) = relay(config);
    troubles.extend(trouble);
    let (mailer, trouble) = mailer(config);
    troubles.extend(trouble);
    let (webhook, trouble) = webhook(config);
    troubles.extend(trouble);
    let tokens = Arc::new(Tokens::open(&state)?);
    let push_key = PushKey::open(&state)?;
    let identity = Identity::of_this_machine(&config.tls.names);
    let certificates = Certificates::open(&state, &config.tls, &identity, clock.unix_time().as_secs())?;
    let passed = sockets::take()
        .context("cannot use the sockets that systemd has passed: alcove.socket lists HTTPS, then HTTP")?;
    let https = listen(passed.https, config.http.https_port, "http.https_port")?;
    let http = listen(passed.http, config.http.http_port, "http.http_port")?;
    let hardware =
        discovering.join().map_err(|_| anyhow::anyhow!("looking for devices failed; see the log"))?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(serve(Parts {
        config,
        state: &state,
        clock,
        tokens,
        certificates,
        https,
        http,
        hardware,
        relay,
        mailer,
        push_key,
        webhook,
        troubles,
        machine,
        updates,
    }))
}

/// The TURN server to be used, or what is wrong with its password: the room opens all the same.
fn relay(config: &Config) -> (Option<RelaySettings>, Option<String>) {
    let turn = &config.turn;
    let (Some(server), Some(username), Some(file)) =
        (config.turn_server(), turn.username.clone(), &turn.password_file)
    else {
        return (None, None);
    };
    match first_line(file) {
        Ok(password) => (Some(RelaySettings { server, username, password }), None),
        Err(cause) => {
            (None, Some(format!("{cause}: mend turn.password_file; media is not relayed until then")))
        }
    }
}

/// What sends mail, or what is wrong with its settings: the room opens all the same.
fn mailer(config: &Config) -> (Option<Mailer>, Option<String>) {
    let mail = &config.mail;
    let (Some(server), Some(from)) = (mail.server(), &mail.from) else { return (None, None) };
    let login = match (&mail.username, &mail.password_file) {
        (Some(username), Some(file)) => match first_line(file) {
            Ok(password) => Some((username.clone(), password)),
            Err(cause) => {
                return (None, Some(format!("{cause}: mend mail.password_file; no mail is sent until then")));
            }
        },
        _ => None,
    };
    match Mailer::new(&server, from, login) {
        Ok(mailer) => (Some(mailer), None),
        Err(cause) => (None, Some(format!("no mail is sent: {cause}"))),
    }
}

/// The secret in a file.
fn first_line(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|cause| format!("{}: {cause}", file.display()))?;
    let line = text.lines().next().filter(|line| !line.is_empty());
    line.map(str::to_owned).ok_or_else(|| format!("{}: its first line is empty", file.display()))
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

struct Parts<'a> {
    config: &'a Config,
    state: &'a Path,
    clock: Arc<dyn Clock>,
    tokens: Arc<Tokens>,
    certificates: Certificates,
    https: TcpListener,
    http: TcpListener,
    hardware: Hardware,
    relay: Option<RelaySettings>,
    mailer: Option<Mailer>,
    push_key: PushKey,
    webhook: Option<Webhook>,
    troubles: Vec<String>,
    machine: Machine,
    updates: Updates,
}

async fn serve(parts: Parts<'_>) -> anyhow::Result<()> {
    let Parts { config, state, clock, tokens, certificates, https, http, .. } = parts;
    let Parts { hardware, relay, push_key, webhook, mailer, troubles, machine, updates, .. } = parts;
    let https_port = https.local_addr().context("the HTTPS socket has no address")?.port();
    let http_port = http.local_addr().context("the HTTP socket has no address")?.port();
    log::info!("serving pages and the API on TCP ports {https_port} (HTTPS) and {http_port} (HTTP)");
    let public_url = public_url(https_port);
    let invite = invite(&clock, &tokens, public_url.clone());
    let contact = config.calls.contact.clone().unwrap_or_else(|| public_url.clone());
    let (errand_sender, errands) = errands();
    let notifier = NotifierSettings { key: push_key, contact, webhook };
    let calling = calling(config, &tokens, &clock, (notifier, errand_sender));
    let in_use = devices::of(&hardware);
    let (handle, appliance) = Appliance::start(
        settings(
            config,
            https_port,
            (invite, record_token(&tokens), calling),
            (relay, troubles),
            state.join(STORE_FILE),
        ),
        &in_use,
        Arc::clone(&clock),
    )?;
    for address in appliance.media_addresses() {
        log::info!("media arrives at {address}, UDP and TCP");
    }
    let facts = Facts {
        room_name: config.room.name.clone(),
        public_url,
        authority_pem: certificates.authority_pem().map(str::to_owned),
        authority_fingerprint: certificates.authority_fingerprint(),
        devices: Arc::new(move || serde_json::json!(hardware.report())),
        has_mail: mailer.is_some(),
    };
    let nearby = nearby(config, https_port, facts.authority_fingerprint.as_deref());
    let reporting = mailer.map(|mailer| tokio::spawn(api::send_reports(handle.clone(), mailer)));
    let neighbours =
        tokio::spawn(crate::remote::appliance::serve(handle.clone(), config.room.name.clone(), errands));
    let shared_port = api::SharedPort::new(handle.clone());
    let edge = Edge {
        handle,
        tokens: Arc::clone(&tokens),
        clock: Arc::clone(&clock),
        machine,
        updates,
        nearby: nearby.clone(),
        facts,
    };
    let router = api::router(edge).into_make_service_with_connect_info::<SocketAddr>();
    let goodbye = axum_server::Handle::new();
    let tls = axum_server::tls_rustls::RustlsConfig::from_config(certificates.server_config());
    let secure = axum_server::from_tcp_rustls(https, tls).context("cannot serve HTTPS")?;
    let mut secure = secure.map(|acceptor| acceptor.acceptor(shared_port));
    let prompt = axum_server::accept::NoDelayAcceptor::new();
    let mut plain = axum_server::from_tcp(http).context("cannot serve HTTP")?.acceptor(prompt);
    limit_waiting(secure.http_builder());
    limit_waiting(plain.http_builder());
    let secure = secure.handle(goodbye.clone()).serve(router.clone());
    let plain = plain.handle(goodbye.clone()).serve(router);
    let servers = tokio::spawn(async move { tokio::join!(secure, plain) });
    let renewing = tokio::spawn(renew(certificates, config.tls.names.clone(), Arc::clone(&clock)));
    let tidying = tokio::spawn(memory::keep_small());

    let url = url_for_this_machine(config, https_port, http_port);
    files::write(&state.join(files::URL), &format!("{url}\n"), Readers::Everybody)?;
    // Whoever reads that it is ready may tell it to stop at once.
    let stop = stop_asked()?;
    let standing = config.standing_meeting();
    let expires = (clock.unix_time() + READY_LINK_VALID).as_secs();
    let token = tokens.issue(standing.as_str(), Role::Speaker, expires);
    if !system_log::is_journal() {
        say_ready(
            https_port,
            &format!("https://localhost:{https_port}/m/{standing}#t={token}"),
            tokens.admin(),
        );
    }
    notify::ready(&format!("ready at https://localhost:{https_port}/"));
    appliance.run(stop).await;
    notify::stopping();
    renewing.abort();
    reporting.inspect(tokio::task::JoinHandle::abort);
    tidying.abort();
    neighbours.abort();
    nearby.close();
    goodbye.graceful_shutdown(Some(GOODBYE_MAX));
    let (secure, plain) = servers.await.context("the servers panicked")?;
    secure.and(plain).context("a server failed")
}

fn limit_waiting(builder: &mut Builder<TokioExecutor>) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(REQUEST_HEAD_MAX);
}

fn settings(
    config: &Config,
    https_port: u16,
    (invite, record_token, calling): (Invite, RecordToken, CallingSettings),
    (relay, troubles): (Option<RelaySettings>, Vec<String>),
    store: PathBuf,
) -> Settings {
    Settings {
        standing_meeting: config.standing_meeting().to_string(),
        media_port: config.media.port,
        https_port,
        media_workers: media_workers(config),
        people_per_worker: config.media.people_per_worker.into(),
        announce: config.media.announce.clone(),
        participants_max: config.meetings.max_participants,
        away_timeout: Duration::from_secs(config.meetings.away_seconds.into()),
        idle_timeout: Duration::from_secs(config.meetings.idle_seconds.into()),
        codec: config.meetings.codec,
        chat_on_screen: config.room.show_chat,
        room: RoomSettings {
            name: config.room.name.clone(),
            mode: crate::room::MODE,
            join_text: String::new(),
        },
        invite,
        record_token,
        calling,
        relay,
        store: Some(store),
        records_kept: Duration::from_hours(24 * u64::from(config.meetings.records_days)),
        troubles,
        heartbeat: heartbeat(),
    }
}

/// systemd hears what the appliance is doing, and starts it anew when its loops stand still.
fn heartbeat() -> Option<Heartbeat> {
    let every = notify::beat_period()?.max(LOOK_AFTER_MIN);
    Some(Heartbeat { every, beat: Arc::new(notify::alive) })
}

/// One core is left for words and the room.
fn media_workers(config: &Config) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    config.media.workers.map_or_else(|| cores.saturating_sub(1).max(1), usize::from)
}

/// Where programs on this machine reach the API. A certificate of the owner's is not made out to `localhost`; what
/// does not leave the machine needs none.
fn url_for_this_machine(config: &Config, https_port: u16, http_port: u16) -> String {
    if config.tls.certificate.is_some() {
        format!("http://localhost:{http_port}/")
    } else {
        format!("https://localhost:{https_port}/")
    }
}

/// Other appliances on the local network; without, when it is switched off or the network does not let it.
fn nearby(config: &Config, https_port: u16, fingerprint: Option<&str>) -> Nearby {
    if !config.calls.nearby {
        return Nearby::default();
    }
    Nearby::open(&config.room.name, https_port, fingerprint).unwrap_or_else(|trouble| {
        log::warn!("{trouble}");
        Nearby::default()
    })
}

/// What guests open: the port is told where browsers do not know it.
fn public_url(https_port: u16) -> String {
    let host = host_for_guests();
    if https_port == 443 { format!("https://{host}") } else { format!("https://{host}:{https_port}") }
}

/// What guests reach us by: the first address that is not only ours. One of IPv4 is shorter to type.
fn host_for_guests() -> String {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let reachable = interfaces.iter().map(if_addrs::Interface::ip).filter(|ip| match ip {
        IpAddr::V4(ip) => !ip.is_loopback(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    });
    match reachable.min_by_key(IpAddr::is_ipv6) {
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => format!("[{ip}]"),
        None => "localhost".to_owned(),
    }
}

/// Keeps the certificate good for as long as the appliance runs.
async fn renew(mut certificates: Certificates, names: Vec<String>, clock: Arc<dyn Clock>) {
    loop {
        due(&*clock).await;
        match certificates.renew(&Identity::of_this_machine(&names), clock.unix_time().as_secs()) {
            Ok(Renewal::Kept) => {}
            Ok(Renewal::Replaced) => log::info!("the certificate was renewed, and is in use"),
            Err(error) => log::warn!("the certificate could not be renewed, and stays in use: {error}"),
        }
    }
}

/// Ready when the certificate is to be looked at: from time to time, and when the clock was set.
async fn due(clock: &dyn Clock) {
    let (began, began_unix) = (clock.now(), clock.unix_time());
    let mut turns = tokio::time::interval(CLOCK_CHECK);
    loop {
        turns.tick().await;
        let passed = clock.now().saturating_duration_since(began);
        if passed >= CERTIFICATE_CHECK || clock.unix_time().abs_diff(began_unix + passed) >= CLOCK_JUMP {
            return;
        }
    }
}

/// What the screen says: the code is short enough to be typed, and changes by itself.
fn invite(clock: &Arc<dyn Clock>, tokens: &Arc<Tokens>, public_url: String) -> Invite {
    let (clock, tokens) = (Arc::clone(clock), Arc::clone(tokens));
    Arc::new(move |meeting| {
        let code = tokens.code(meeting, clock.unix_time().as_secs());
        let key = tokens.room_key(clock.unix_time().as_secs());
        Invitation {
            url: format!("{public_url}/m/{meeting}#t={code}&c={key}"),
            guest_url: format!("{public_url}/m/{meeting}#t={code}"),
            text: format!("{public_url}/m/{meeting}\n{code}"),
        }
    })
}

fn record_token(tokens: &Arc<Tokens>) -> RecordToken {
    let tokens = Arc::clone(tokens);
    Arc::new(move |record| tokens.of_record(record))
}

/// Calls: who answers, or is answered, is let into the meeting; who has no page open is told elsewhere.
fn calling(
    config: &Config,
    tokens: &Arc<Tokens>,
    clock: &Arc<dyn Clock>,
    (notifier, errands): (NotifierSettings, mpsc::Sender<Errand>),
) -> CallingSettings {
    let (clock, tokens) = (Arc::clone(clock), Arc::clone(tokens));
    let admit = move |admission: Admission<'_>| {
        let Admission { meeting, name, user, is_host } = admission;
        let role = if is_host { Role::Host } else { Role::Speaker };
        let expires_unix = (clock.unix_time() + CALL_TOKEN_VALID).as_secs();
        tokens.issue_to(tokens::Invitation {
            meeting,
            role,
            expires_unix,
            name: Some(name),
            user: Some(user),
        })
    };
    let ring_for = Duration::from_secs(config.calls.ring_seconds.into());
    let times = crate::calling::Settings { ring_for, ..crate::calling::Settings::default() };
    CallingSettings {
        times,
        ring_volume: config.calls.ring_volume,
        admit: Arc::new(admit),
        notifier,
        errands,
    }
}

/// The webhook that is told of calls, or what is wrong with its secret: the room opens all the same.
fn webhook(config: &Config) -> (Option<Webhook>, Option<String>) {
    let (Some(url), Some(file)) = (&config.calls.webhook, &config.calls.webhook_secret_file) else {
        return (None, None);
    };
    let url = match url.parse() {
        Ok(url) => url,
        Err(error) => return (None, Some(format!("calls.webhook is no address: {error}: mend it"))),
    };
    match first_line(file) {
        Ok(secret) => (Some(Webhook { url, secret }), None),
        Err(cause) => {
            let trouble =
                format!("{cause}: mend calls.webhook_secret_file; the webhook is told nothing until then");
            (None, Some(trouble))
        }
    }
}

/// The listener that was passed, or a dual-stack one of our own; IPv4 alone where the machine has no IPv6.
fn listen(passed: Option<TcpListener>, port: u16, key: &str) -> anyhow::Result<TcpListener> {
    let any = |ip: IpAddr| TcpListener::bind((ip, port));
    let bind = || {
        any(IpAddr::V6(Ipv6Addr::UNSPECIFIED)).or_else(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse | std::io::ErrorKind::PermissionDenied => Err(error),
            _ => any(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        })
    };
    let listener = passed
        .map_or_else(bind, Ok)
        .with_context(|| format!("cannot take TCP port {port}: free it, or set another one as {key}"))?;
    listener.set_nonblocking(true).context("cannot make a listener non-blocking")?;
    Ok(listener)
}

/// The one line of standard output: what people and scripts wait for. It has secrets in it, and is not for a log.
fn say_ready(port: u16, join: &str, admin: &str) {
    let line = format!("ready: https://localhost:{port}/  join: {join}  admin token: {admin}\n");
    if let Err(error) = std::io::stdout().write_all(line.as_bytes()) {
        log::warn!("nobody reads standard output: {error}");
    }
}

/// Ready when SIGTERM or SIGINT has come; both are caught from this call on.
fn stop_asked() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot catch SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot catch SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => log::info!("asked to stop by SIGTERM"),
            _ = interrupt.recv() => log::info!("asked to stop by SIGINT"),
        }
    })
}
