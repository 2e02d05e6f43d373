//! What the loop is started with, as the configuration says it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alcove_hal::clock::Clock;
use tokio::sync::{mpsc, watch};

use crate::appliance::handle::Errand;
use crate::appliance::{
    Admission, CallingSettings, Heartbeat, Invitation, Invite, LOOK_AFTER_MIN, LiveSettings,
    NotifierSettings, RecordToken, RelaySettings, Settings, Webhook, Witness,
};
use crate::config::{Config, Secret};
use crate::meeting::Role;
use crate::room::{RoomSettings, devices};
use crate::system::claim::Claim;
use crate::system::conditions::Conditions;
use crate::system::mail::Mailer;
use crate::system::notify;
use crate::system::tokens::{self, Tokens};

/// How long the token of a call lets its bearer in, and in again after a cut.
const CALL_TOKEN_VALID: Duration = Duration::from_hours(24);

/// The TURN server to be used, or what is wrong with its password: the room opens all the same.
pub(super) fn relay(config: &Config) -> (Option<RelaySettings>, Option<String>) {
    let turn = &config.turn;
    let (Some(server), Some(username)) = (config.turn_server(), turn.username.clone()) else {
        return (None, None);
    };
    match secret(turn.password.as_ref(), turn.password_file.as_deref()) {
        Ok(password) => (Some(RelaySettings { server, username, password }), None),
        Err(cause) => {
            (None, Some(format!("{cause}: mend turn.password_file; media is not relayed until then")))
        }
    }
}

/// What sends mail, or what is wrong with its settings: the room opens all the same.
pub(super) fn mailer(config: &Config) -> (Option<Mailer>, Option<String>) {
    let mail = &config.mail;
    let (Some(server), Some(from)) = (mail.server(), &mail.from) else { return (None, None) };
    let login = match &mail.username {
        Some(username) => match secret(mail.password.as_ref(), mail.password_file.as_deref()) {
            Ok(password) => Some((username.clone(), password)),
            Err(cause) => {
                return (None, Some(format!("{cause}: mend mail.password_file; no mail is sent until then")));
            }
        },
        None => None,
    };
    match Mailer::new(&server, from, login) {
        Ok(mailer) => (Some(mailer), None),
        Err(cause) => (None, Some(format!("no mail is sent: {cause}"))),
    }
}

/// The webhook that is told of calls, or what is wrong with its secret: the room opens all the same.
pub(super) fn webhook(config: &Config) -> (Option<Webhook>, Option<String>) {
    let calls = &config.calls;
    let Some(url) = &calls.webhook else { return (None, None) };
    let url = match url.parse() {
        Ok(url) => url,
        Err(error) => return (None, Some(format!("calls.webhook is no address: {error}: mend it"))),
    };
    match secret(calls.webhook_secret.as_ref(), calls.webhook_secret_file.as_deref()) {
        Ok(secret) => (Some(Webhook { url, secret }), None),
        Err(cause) => {
            let trouble =
                format!("{cause}: mend calls.webhook_secret_file; the webhook is told nothing until then");
            (None, Some(trouble))
        }
    }
}

/// The secret that was said, or that stands in a file.
fn secret(said: Option<&Secret>, file: Option<&Path>) -> Result<String, String> {
    match (said, file) {
        (Some(said), _) => Ok(said.reveal().to_owned()),
        (None, Some(file)) => first_line(file),
        (None, None) => Err("no password is configured".to_owned()),
    }
}

fn first_line(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|cause| format!("{}: {cause}", file.display()))?;
    let line = text.lines().next().filter(|line| !line.is_empty());
    line.map(str::to_owned).ok_or_else(|| format!("{}: its first line is empty", file.display()))
}

pub(super) fn settings(
    config: &Config,
    https_port: u16,
    (invite, record_token, calling): (Invite, RecordToken, CallingSettings),
    (relay, troubles): (Option<RelaySettings>, Vec<String>),
    (store, witness): (PathBuf, Witness),
) -> Settings {
    Settings {
        standing_meeting: config.standing_meeting().to_string(),
        media_port: config.media.port,
        https_port,
        media_workers: media_workers(config),
        people_per_worker: config.media.people_per_worker.into(),
        announce: config.media.announce.clone(),
        live: live(config, config),
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
        troubles,
        heartbeat: heartbeat(),
        witness,
    }
}

/// Calls: who answers, or is answered, is let into the meeting; who has no page open is told elsewhere.
pub(super) fn calling(
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
    CallingSettings { admit: Arc::new(admit), notifier, errands }
}

pub(super) fn record_token(tokens: &Arc<Tokens>) -> RecordToken {
    let tokens = Arc::clone(tokens);
    Arc::new(move |record| tokens.of_record(record))
}

/// What the screen says: the code is short enough to be typed, and changes by itself.
pub(super) fn invite(
    clock: &Arc<dyn Clock>,
    (tokens, claim): (&Arc<Tokens>, &Arc<Claim>),
    conditions: watch::Receiver<Conditions>,
    public_url: String,
) -> Invite {
    let (clock, tokens, claim) = (Arc::clone(clock), Arc::clone(tokens), Arc::clone(claim));
    Arc::new(move |meeting| {
        let code = tokens.code(meeting, clock.unix_time().as_secs());
        let key = tokens.room_key(clock.unix_time().as_secs());
        Invitation {
            url: format!("{public_url}/m/{meeting}#t={code}&c={key}"),
            guest_url: format!("{public_url}/m/{meeting}#t={code}"),
            text: format!("{public_url}/m/{meeting}\n{code}"),
            claim: claim.code().map(|code| (format!("{public_url}/admin"), code)),
            trouble: conditions.borrow().for_the_screen().map(str::to_owned),
        }
    })
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

/// What may change while it runs: what is configured, with the devices that are `used`.
pub(super) fn live(config: &Config, used: &Config) -> LiveSettings {
    let (meetings, calls) = (&config.meetings, &config.calls);
    LiveSettings {
        participants_max: meetings.max_participants,
        away_timeout: Duration::from_secs(meetings.away_seconds.into()),
        idle_timeout: Duration::from_secs(meetings.idle_seconds.into()),
        records_kept: Duration::from_hours(24 * u64::from(meetings.records_days)),
        codec: meetings.codec,
        chat_on_screen: config.room.show_chat,
        ring_for: Duration::from_secs(calls.ring_seconds.into()),
        ring_volume: calls.ring_volume,
        devices: devices::wishes(&used.room),
    }
}
