//! Looks at how the appliance is, from time to time and when something changes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alcove_hal::clock::Clock;
use alcove_hal::report::{DeviceClass, Report};
use alcove_hal::seat::Wish;
use alcove_hal::{Hardware, Wishes};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

use super::{network, witness};
use crate::appliance::Handle;
use crate::appliance::handle::StatusView;
use crate::room::DeviceState;
use crate::system::acme::{Acme, Standing};
use crate::system::certificates::{Slot, Uploads, View as Certificate};
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
    pub(super) hardware: Arc<Hardware>,
    /// Everything is simulated, as was asked.
    pub(super) simulated: bool,
    /// When the certificate in use ends, in seconds since the Unix epoch.
    pub(super) certificate_until: watch::Receiver<u64>,
    /// The certificates from elsewhere.
    pub(super) uploads: Uploads,
    /// How it stands with the one that an authority issues.
    pub(super) acme: Arc<Acme>,
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
            let state = self.configuration.state();
            let is_news = generations != (state.generation, state.observed);
            if report.is_none() || is_news || turn % DEVICES_EVERY == 0 {
                let hardware = Arc::clone(&self.hardware);
                report = tokio::task::spawn_blocking(move || hardware.report()).await.ok();
            }
            if turn % UPDATES_EVERY == 0 && machine::is_image() {
                updates = self.updates.view().await.ok();
            }
            turn += 1;
            let status = self.handle.status().await.ok();
            let at = self.clock.unix_ms();
            if is_news {
                generations = (state.generation, state.observed);
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
        let uploaded = self.uploads.get(Slot::Uploaded);
        let until = uploaded.map_or(until, |uploaded| uploaded.until_unix.min(until));
        let issued = self.acme.standing().and_then(|standing| {
            certificate_issued(&standing, self.uploads.get(Slot::Acme).as_ref(), at / 1000)
        });
        let kept = certificate_valid(until, at / 1000);
        let finding = if kept.status == Some(true) { issued.unwrap_or(kept) } else { kept };
        find(Kind::CertificateValid, finding);
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
        let Wishes { camera, microphone, speaker, display } = self.hardware.wishes();
        let wish = match class {
            DeviceClass::Camera => camera,
            DeviceClass::Microphone => microphone,
            DeviceClass::Speaker => speaker,
            DeviceClass::Display => display,
        };
        if wish == Wish::None {
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
        let is_meant = self.simulated || wish == Wish::Simulated;
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

/// What has to be told of the certificate that an authority issues: nothing while it is good and the last try was.
fn certificate_issued(standing: &Standing, certificate: Option<&Certificate>, now: u64) -> Option<Finding> {
    let names = standing.names.join(", ");
    let good = certificate.filter(|one| one.is_for(&standing.names) && now < one.until_unix);
    let again = || {
        let next = i64::try_from(standing.next_unix)
            .ok()
            .and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
        let next = next.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default();
        format!("it is asked for again by itself at {next}, or by POST /api/v1/certificates/acme/renew")
    };
    Some(match (good, &standing.trouble) {
        (Some(_), None) => return None,
        (None, None) => Finding::unknown("BeingIssued", format!("a certificate for {names} is being issued")),
        (None, Some(trouble)) => {
            Finding::no("NotIssued", format!("there is no certificate for {names}: {trouble}; {}", again()))
        }
        (Some(one), Some(trouble)) => {
            let (left, life) = (one.until_unix - now, one.until_unix.saturating_sub(one.from_unix));
            let days = left / 86_400;
            let message = format!(
                "the certificate for {names} is good for {days} days, and was not renewed: {trouble}; {}",
                again()
            );
            // Some are issued for a few days only.
            let is_late =
                left < life / 6 || (days < CERTIFICATE_DAYS_MIN && life / 3 > CERTIFICATE_DAYS_MIN * 86_400);
            if is_late { Finding::no("NotRenewed", message) } else { Finding::yes("NotRenewedYet", message) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn told(
        days_of_life: u64,
        days_left: u64,
        trouble: Option<&str>,
    ) -> Option<(Option<bool>, &'static str)> {
        let names = vec!["den.example.org".to_owned()];
        let until_unix = 1_800_000_000;
        let one = Certificate {
            slot: Some(Slot::Acme),
            names: names.clone(),
            issuer: String::new(),
            from_unix: until_unix - days_of_life * DAY,
            until_unix,
            fingerprint: String::new(),
        };
        let standing = Standing { names, trouble: trouble.map(str::to_owned), next_unix: until_unix };
        let finding = certificate_issued(&standing, Some(&one), until_unix - days_left * DAY)?;
        assert!(trouble.is_none_or(|trouble| finding.message.contains(trouble)), "{}", finding.message);
        Some((finding.status, finding.reason))
    }

    #[test]
    fn a_renewal_that_fails_is_told_at_once_and_alarms_when_time_runs_out() {
        let away = Some("the authority is away");
        assert_eq!(told(90, 60, None), None);
        assert_eq!(told(90, 25, away), Some((Some(true), "NotRenewedYet")));
        assert_eq!(told(90, 6, away), Some((Some(false), "NotRenewed")));
        assert_eq!(told(6, 2, away), Some((Some(true), "NotRenewedYet")), "one of six days");
        assert_eq!(told(6, 0, away), Some((Some(false), "NotIssued")), "it has expired");
        assert_eq!(told(90, 0, None), Some((None, "BeingIssued")));
    }
}
