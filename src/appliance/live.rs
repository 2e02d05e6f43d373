//! What the configuration may change while the appliance runs.

use std::time::Duration;

use alcove_hal::Wishes;

use crate::appliance::run::Appliance;
use crate::config::MeetingCodec;

/// The settings that hold from the moment they are handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSettings {
    /// The most participants of a meeting that does not say otherwise, and the most it may say.
    pub participants_max: u32,
    /// How long a participant whose socket was cut may come back.
    pub away_timeout: Duration,
    /// How long a meeting lives with nobody in it.
    pub idle_timeout: Duration,
    /// How long the records of meetings are kept.
    pub records_kept: Duration,
    /// What pages shall send in meetings that are opened from now on, where everybody can receive it.
    pub codec: MeetingCodec,
    /// Whether the room's screen shows what people write to everybody.
    pub chat_on_screen: bool,
    /// How long somebody is rung from now on.
    pub ring_for: Duration,
    /// How loud the room rings, in percent.
    pub ring_volume: u8,
    /// The devices that the room is to use.
    pub devices: Wishes,
}

impl Appliance {
    /// Goes by other settings from now on.
    pub(super) fn configure(&mut self, live: LiveSettings) {
        self.meetings.set_timeouts(live.away_timeout, live.idle_timeout);
        self.exchange.calls.set_ring_for(live.ring_for);
        if self.settings.live.devices != live.devices {
            self.room.choose(&live.devices);
            self.room_has_other_devices();
        }
        self.settings.live = live;
        self.turn_bell(self.clock.now());
        self.refresh_scene();
        self.forget_records();
    }
}
