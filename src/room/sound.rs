//! The room's microphone and loudspeaker: a thread each, paced by the device, alive in a meeting; the loudspeaker also
//! while a call rings.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alcove_hal::audio::{
    BLOCK_SAMPLES, Block, Microphone, MicrophoneDevice, SAMPLE_RATE_HZ, Speaker, SpeakerDevice,
};
use alcove_hal::seat::Seat;
use rtrb::{Consumer, Producer};

use crate::room::link::{Encoded, Mailbox};
use crate::room::mixer::Mixer;
use crate::room::shared::{Patience, Shared, Wanted, locked, rtp_time};
use crate::room::tone::Ringer;
use crate::room::voice::{PACKET_SAMPLES, VoiceEncoder};
use crate::room::{DeviceClass, DeviceState};
use crate::sfu::local::Delivered;
use crate::track::{Layer, Source};

/// The time that a block lasts.
const BLOCK: Duration = Duration::from_millis(10);

/// How long a microphone may be silent before it is opened again.
const SILENCE_MAX: Duration = Duration::from_secs(1);

/// What the microphone's thread works with.
pub(super) struct VoiceTask {
    pub(super) seat: Arc<Seat<dyn MicrophoneDevice>>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) courier: std::thread::Thread,
}

const fn is_wanted(wanted: &Wanted) -> bool {
    wanted.joined.is_some() && wanted.microphone
}

impl VoiceTask {
    /// Captures and encodes until the room stops; sleeps while the microphone is not wanted.
    pub(super) fn run(&self, shared: &Shared) {
        while !shared.is_stopping() {
            if is_wanted(&shared.wanted()) {
                self.be_heard(shared);
            } else {
                std::thread::park();
            }
        }
    }

    /// One stretch of being wanted. The device is dropped at its end: then nothing captures.
    fn be_heard(&self, shared: &Shared) {
        let mut ring = self.mailbox.open(Source::Microphone, Layer(0), None);
        let mut patience = Patience::default();
        while is_wanted(&shared.wanted()) && !shared.is_stopping() {
            let changes = self.seat.changes();
            let Some(device) = self.seat.device() else {
                shared.report_off(DeviceClass::Microphone);
                let look_at = patience.for_a_device(shared.clock.now());
                shared.rest_until(look_at, |wanted| is_wanted(wanted) && self.seat.changes() == changes);
                continue;
            };
            let outcome = device.open().and_then(|mut microphone| {
                patience.reset();
                shared.report(DeviceClass::Microphone, device.name(), DeviceState::InUse);
                self.capture(shared, &device, &mut *microphone, &mut ring)
            });
            shared.counters.set_microphone(None);
            if let Err(cause) = outcome {
                shared.report_loss(DeviceClass::Microphone, device.name(), &cause);
                let retry_at = patience.after_failure(shared.clock.now(), &cause);
                shared.rest_until(retry_at, |wanted| is_wanted(wanted) && self.seat.changes() == changes);
            } else {
                shared.report(DeviceClass::Microphone, device.name(), DeviceState::Off);
            }
        }
        shared.report_off(DeviceClass::Microphone);
    }

    /// Captures until the microphone is not wanted, or another one is to be used.
    fn capture(
        &self,
        shared: &Shared,
        device: &Arc<dyn MicrophoneDevice>,
        microphone: &mut dyn Microphone,
        ring: &mut Producer<Encoded>,
    ) -> alcove_hal::Result<()> {
        let mut encoder = VoiceEncoder::new().map_err(|cause| alcove_hal::Error::Failed {
            device: device.name().to_owned(),
            cause: format!("no Opus encoder could be made: {cause}"),
        })?;
        let mut began: Option<u32> = None;
        let mut packets = 0_u32;
        loop {
            let block = microphone.read(SILENCE_MAX)?;
            if !is_wanted(&shared.wanted()) || shared.is_stopping() || self.seat.is_outdone(device) {
                return Ok(());
            }
            let Some(packet) = encoder.push(&block) else { continue };
            let captured_at = first_sample_at(shared);
            let began = *began.get_or_insert_with(|| rtp_time(shared.epoch, captured_at, SAMPLE_RATE_HZ));
            let encoded = Encoded {
                timestamp: began.wrapping_add(packets.wrapping_mul(samples(PACKET_SAMPLES))),
                marker: packets == 0,
                audio_level: Some(packet.level_dbov),
                captured_at,
                payload: packet.payload,
            };
            packets = packets.wrapping_add(1);
            shared.counters.set_microphone(Some(packet.level_dbov));
            // The link's thread sleeps only when there is nothing to carry: a full ring is a stopped room.
            drop(ring.push(encoded));
            self.courier.unpark();
        }
    }
}

/// When the first sample of a packet was caught that has just become complete.
fn first_sample_at(shared: &Shared) -> Instant {
    let now = shared.clock.now();
    now.checked_sub(2 * BLOCK).unwrap_or(now)
}

fn samples(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(0)
}

/// What the loudspeaker's thread works with.
pub(super) struct SoundTask {
    pub(super) seat: Arc<Seat<dyn SpeakerDevice>>,
    /// Each with the number of the join that it belongs to.
    pub(super) packets: Consumer<(u64, Delivered)>,
    pub(super) mixer: Mixer,
    /// Rings along with what the mixer has.
    pub(super) ringer: Ringer,
}

impl SoundTask {
    /// Plays what the others say until the room stops; sleeps while the room is in no meeting and nothing rings.
    pub(super) fn run(&mut self, shared: &Shared) {
        while !shared.is_stopping() {
            match shared.wanted() {
                Wanted { joined: None, sounding: None, .. } => std::thread::park(),
                Wanted { joined, .. } => self.play(shared, joined),
            }
        }
    }

    /// One stay in a meeting, or one stretch of ringing outside.
    fn play(&mut self, shared: &Shared, join: Option<u64>) {
        self.mixer.clear();
        let mut output = Output {
            seat: Arc::clone(&self.seat),
            open: None,
            retry: None,
            due: shared.clock.now(),
            patience: Patience::default(),
        };
        let mut block: Block = [0.0; BLOCK_SAMPLES];
        loop {
            let Wanted { joined, sounding, volume, .. } = shared.wanted();
            let is_over = joined != join || (join.is_none() && sounding.is_none());
            if is_over || shared.is_stopping() {
                break;
            }
            while let Ok((of_join, packet)) = self.packets.pop() {
                if Some(of_join) == join {
                    self.mixer.push(packet);
                }
            }
            self.mixer.mix(&mut block, volume);
            self.ringer.add_to(&mut block, sounding);
            *locked(&shared.mixer) = self.mixer.counters();
            output.write(shared, &block);
        }
        // The next ringing begins at its beginning.
        self.ringer = Ringer::default();
        shared.report_off(DeviceClass::Speaker);
    }
}

/// The loudspeaker, or the clock while there is none: either sets the pace.
struct Output {
    seat: Arc<Seat<dyn SpeakerDevice>>,
    open: Option<(Arc<dyn SpeakerDevice>, Box<dyn Speaker>)>,
    retry: Option<Retry>,
    due: Instant,
    patience: Patience,
}

/// When a loudspeaker that failed is tried again: at a time, or as soon as devices have come or gone.
struct Retry {
    at: Instant,
    changes: u64,
}

impl Output {
    fn write(&mut self, shared: &Shared, block: &Block) {
        self.choose(shared);
        if let Some((device, speaker)) = &mut self.open {
            match speaker.write(block) {
                Ok(()) => {
                    self.due = shared.clock.now();
                    return;
                }
                Err(cause) => {
                    let device = Arc::clone(device);
                    self.lose(shared, &*device, &cause);
                }
            }
        }
        // A clock that was behind does not catch up: the sound of that time is gone.
        self.due = shared.clock.now().max(self.due + BLOCK);
        shared.clock.wait_until(self.due);
    }

    /// Opens the loudspeaker that is to be used now, if it is not open and may be tried.
    fn choose(&mut self, shared: &Shared) {
        if let Some((device, speaker)) = self.open.take_if(|(device, _)| self.seat.is_outdone(device)) {
            drop(speaker);
            shared.report(DeviceClass::Speaker, device.name(), DeviceState::Off);
        }
        let changes = self.seat.changes();
        let waits = |retry: &Retry| shared.clock.now() < retry.at && changes == retry.changes;
        if self.open.is_some() || self.retry.as_ref().is_some_and(waits) {
            return;
        }
        let Some(device) = self.seat.device() else {
            shared.report_off(DeviceClass::Speaker);
            self.retry = Some(Retry { at: self.patience.for_a_device(shared.clock.now()), changes });
            return;
        };
        match device.open() {
            Ok(speaker) => {
                self.patience.reset();
                self.retry = None;
                shared.report(DeviceClass::Speaker, device.name(), DeviceState::InUse);
                self.open = Some((device, speaker));
            }
            Err(cause) => self.lose(shared, &*device, &cause),
        }
    }

    fn lose(&mut self, shared: &Shared, device: &dyn SpeakerDevice, cause: &alcove_hal::Error) {
        self.open = None;
        let at = self.patience.after_failure(shared.clock.now(), cause);
        self.retry = Some(Retry { at, changes: self.seat.changes() });
        shared.report_loss(DeviceClass::Speaker, device.name(), cause);
    }
}
