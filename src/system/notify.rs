//! What systemd is told of the daemon (`sd_notify(3)`); without systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// The appliance is ready to meet; `status` is what `systemctl status` shows.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// What the appliance is doing, for `systemctl status`.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(&one_line(status))]);
}

/// The appliance has begun to stop.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The loop is alive. To be said at least every [`watchdog_period`].
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often [`alive`] is to be said: half the time after which systemd would start the daemon anew.
#[must_use]
pub fn watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|patience| patience / 2)
}

/// The words are lines, so that a line break would begin another word.
fn one_line(status: &str) -> String {
    status.replace(['\n', '\r'], " ")
}

fn tell(words: &[NotifyState<'_>]) {
    if let Err(cause) = sd_notify::notify(words) {
        log::debug!(cause:%; "systemd was not told");
    }
}
