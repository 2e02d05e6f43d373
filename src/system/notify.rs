//! What systemd is told of the daemon (`sd_notify(3)`); without systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// The appliance is ready to meet; `status` is what `systemctl status` shows.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// The appliance has begun to stop.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The daemon is alive, and doing this. To be said every [`beat_period`].
pub fn alive(status: &str) {
    tell(&[NotifyState::Watchdog, NotifyState::Status(&one_line(status))]);
}

/// How often [`alive`] is to be said: half the time after which systemd would start the daemon anew, every ten
/// seconds where it would not, and never without systemd.
#[must_use]
pub fn beat_period() -> Option<Duration> {
    const UNWATCHED: Duration = Duration::from_secs(10);
    std::env::var_os("NOTIFY_SOCKET")?;
    Some(sd_notify::watchdog_enabled().map_or(UNWATCHED, |patience| patience / 2))
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
