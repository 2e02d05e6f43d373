//! Looks at how the appliance is, from time to time and when something changes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alcove_hal::clock::Clock;
use alcove_hal::report::{DeviceClass, Report};
use tokio::sync::watch;

use super::{network, witness};
use crate::appliance::Handle;
use crate::appliance::handle::StatusView;
use crate::config::{Choice, Config};
use crate::room::DeviceState;
use crate::system::certificates::Uploads;
use crate::system::conditions::{Conditions, Finding, Kind};
use crate::system::configuration::Configuration;
use crate::system::events::Events;
use crate::system::machine;
use crate::system::network::MachineNetwork;
use crate::system::updates::{Updates, View};

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often the machine's devices are looked through: that takes some milliseconds.
const DEVICES_EVERY: u64 = 5;

/// How often is looked whether an update waits.
const UPDATES_EVERY: u64 = 30;

/// A certificate that ends sooner is told.
const CERTIFICATE_DAYS_MIN: u64 = 7;

/// Where systemd says that the clock follows a server of time.
const TIME_SYNCED: &str = "/run/systemd/timesync/synchronized";

/// What is looked at.
pub(super) struct Observer {
    pub(super) handle: Handle,
    pub(super) configuration: Arc<Configuration>,
    pub(super) clock: Arc<dyn Clock>,
    /// The devices of the machine at the moment.
    pub(super) devices: Arc<dyn Fn() -> Report + Send + Sync>,
    /// Everything is simulated, as was asked.
    pub(super) simulated: bool,
    /// The configuration that it was started with.
    pub(super) config: Config,
    /// When the certificate in use ends, in seconds since the Unix epoch.
    pub(super) certificate_until: watch::Receiver<u64>,
    /// The certificate that the owner has uploaded, if any.
    pub(super) uploads: Uploads,
    pub(super) told: watch::Sender<Conditions>,
    pub(super) events: Arc<Events>,
    pub(super) updates: Arc<Updates>,
    pub(super) network: MachineNetwork,
}

impl Observer {
    /// Looks until it is ended.
    pub(super) async fn run(self) {
        let mut turns = tokio::time::interval(LOOK_EVERY);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut changes = self.configuration.subscribe();
        let (mut turn, mut report, mut updates) = (0, None, None);
        let mut generations = (0, 0);
        loop {
            tokio::select! {
                _ = turns.tick() => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
            if report.is_none() || turn % DEVICES_EVERY == 0 {
                let devices = Arc::clone(&self.devices);
                report = tokio::task::spawn_blocking(move || devices()).await.ok();
            }
            if turn % UPDATES_EVERY == 0 && machine::is_image() {
                updates = self.updates.view().await.ok();
            }
            turn += 1;
            let status = self.handle.status().await.ok();
            let at = self.clock.unix_ms();
            let state = self.configuration.state();
            if std::mem::replace(&mut generations, (state.generation, state.observed)) != generations {
                witness::configuration_changed(&self.events, &state, at);
            }
            self.told.send_if_modified(|conditions| {
                let before = conditions.clone();
                self.look(conditions, status.as_ref(), (report.as_ref(), updates.as_ref()), at);
                witness::conditions_changed(&self.events, &before, conditions, at);
                *conditions != before
            });
        }
    }

    fn look(
        &self,
        conditions: &mut Conditions,
        status: Option<&StatusView>,
        (report, updates): (Option<&Report>, Option<&View>),
        at: u64,
    ) {
        let mut find = |kind, finding| conditions.find(kind, finding, at);
        let state = self.configuration.state();
        find(Kind::ConfigApplied, state.finding());
        find(Kind::NetworkOnline, network::online(&self.network, &state.config.network));
        find(Kind::TimeSynced, time_synced());
        let until = *self.certificate_until.borrow();
        // Whichever ends first is told.
        let until = self.uploads.until_unix().map_or(until, |uploaded| uploaded.min(until));
        find(Kind::CertificateValid, certificate_valid(until, at / 1000));
        find(Kind::UpdateAvailable, update_available(updates));
        match status {
            Some(status) => self.look_at_loop(&mut find, status),
            None => {
                let finding = || {
                    Finding::no("NoAnswer", "the loop does not answer; if that lasts, restart the appliance")
                };
                find(Kind::Ready, finding());
                find(Kind::SfuReady, finding());
            }
        }
        if let Some(report) = report {
            find(Kind::EncoderOk, encoder_ok(report));
            for (kind, class, key) in DEVICES {
                find(kind, self.device_ready(class, key, report, status));
            }
        }
        conditions.sum_up(at);
    }

    fn look_at_loop(&self, find: &mut impl FnMut(Kind, Finding), status: &StatusView) {
        find(Kind::Ready, Finding::yes("Answers", "it takes commands"));
        find(
            Kind::SfuReady,
            match status.media_addresses.first() {
                Some(first) => Finding::yes("Listens", format!("media arrives at {first}")),
                None => Finding::no("NoSocket", "no socket for media is open; see media.port"),
            },
        );
        find(
            Kind::StorageOk,
            match &status.storage_trouble {
                None => Finding::yes("Kept", "what has to be kept is kept"),
                Some(trouble) => Finding::no("NotKept", trouble.clone()),
            },
        );
        find(
            Kind::InMeeting,
            match &status.room.meeting {
                Some(name) => Finding::yes("Joined", format!("the room is in {name}")),
                None => Finding::no("NoMeeting", "the room is in no meeting"),
            },
        );
    }

    fn device_ready(
        &self,
        class: DeviceClass,
        key: &str,
        report: &Report,
        status: Option<&StatusView>,
    ) -> Finding {
        let word = class.word();
        let choice = match class {
            DeviceClass::Camera => &self.config.room.camera,
            DeviceClass::Microphone => &self.config.room.microphone,
            DeviceClass::Speaker => &self.config.room.speaker,
            DeviceClass::Display => &self.config.room.display,
        };
        if *choice == Choice::None {
            return Finding::unknown("SwitchedOff", format!("no {word} is to be used: {key} is \"none\""));
        }
        let figures = status.map(|status| &status.room.figures);
        let lost =
            figures.into_iter().flat_map(|figures| &figures.devices).find_map(|(kind, name, state)| {
                match state {
                    DeviceState::Lost(cause) if kind.to_string() == word => Some((name, cause)),
                    _ => None,
                }
            });
        if let Some((name, cause)) = lost {
            let message = format!(
                "the {word} {name} is lost: {cause}. It is tried again by itself; see to its cable, or choose another one as {key}."
            );
            return Finding::no("Lost", message);
        }
        let Some(chosen) = report.devices.iter().find(|device| device.class == class && device.chosen) else {
            return Finding::no(
                "Missing",
                format!("there is no {word}; plug one in, or set {key} to \"none\""),
            );
        };
        let is_meant = self.simulated || *choice == Choice::Simulated;
        match (chosen.simulated, is_meant) {
            (true, false) => {
                let message = format!(
                    "no {word} is plugged in that fits {key}; a simulated one stands in for it. Plug one in, or set {key}."
                );
                Finding::no("Missing", message)
            }
            (true, true) => Finding::yes("Simulated", format!("{} is simulated, as was asked", chosen.name)),
            (false, _) => Finding::yes("Present", format!("{} is there", chosen.name)),
        }
    }
}

const DEVICES: [(Kind, DeviceClass, &str); 4] = [
    (Kind::CameraReady, DeviceClass::Camera, "room.camera"),
    (Kind::MicrophoneReady, DeviceClass::Microphone, "room.microphone"),
    (Kind::SpeakerReady, DeviceClass::Speaker, "room.speaker"),
    (Kind::DisplayReady, DeviceClass::Display, "room.display"),
];

fn update_available(updates: Option<&View>) -> Finding {
    match updates {
        Some(view) if view.restart_needed => {
            Finding::yes("Installed", "an update is installed; the next restart takes it")
        }
        Some(_) => Finding::no("NoneWaits", "no update is installed that waits for a restart"),
        None => {
            Finding::unknown("NoImage", "this machine is not an image of Alcove's: its system brings updates")
        }
    }
}

fn encoder_ok(report: &Report) -> Finding {
    match report.encoders.iter().find(|probe| probe.outcome.is_ok()) {
        Some(probe) => {
            let kind = if probe.hardware { "Hardware" } else { "Software" };
            Finding::yes(kind, format!("{} encodes {:?}", probe.name, probe.codec))
        }
        None => Finding::no(
            "NoneWorks",
            "no video encoder works, so the room sends no picture; `alcove devices` says why each does not",
        ),
    }
}

fn time_synced() -> Finding {
    if Path::new(TIME_SYNCED).exists() {
        Finding::yes("Synchronized", "the clock follows a server of time")
    } else {
        Finding::unknown("NotTold", "systemd-timesyncd has not said that the clock follows a server of time")
    }
}

fn certificate_valid(until: u64, now: u64) -> Finding {
    let days = until.saturating_sub(now) / 86_400;
    if until <= now {
        Finding::no(
            "Expired",
            "a certificate has expired; upload another one, look at tls.certificate, or at the clock",
        )
    } else if days < CERTIFICATE_DAYS_MIN {
        Finding::no("EndsSoon", format!("a certificate ends in {days} days; have it renewed, and upload it"))
    } else {
        Finding::yes("Valid", format!("the certificate is good for {days} days"))
    }
}
