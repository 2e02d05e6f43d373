//! Microphones and loudspeakers of the kernel (ALSA), at 48 kHz in blocks of 10 ms.
//!
//! Every device is opened with two channels through ALSA's `plug` layer, which brings any rate, format and
//! number of channels to ours; the two are averaged for a microphone, and both given the same for a loudspeaker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alsa::pcm::{Access, Format, HwParams, PCM};
use alsa::{Direction, ValueOr};

use crate::audio::{
    BLOCK_SAMPLES, Block, Microphone, MicrophoneDevice, SAMPLE_RATE_HZ, Speaker, SpeakerDevice,
};
use crate::clock::Clock;
use crate::{Error, Result};

const CHANNELS: usize = 2;
/// 10 ms.
const PERIOD: alsa::pcm::Frames = BLOCK_SAMPLES as alsa::pcm::Frames;
/// What the kernel keeps for a late reader, in periods; beyond it sound is lost.
const CAPTURE_PERIODS: alsa::pcm::Frames = 10;
/// What the kernel takes ahead of what is heard, in periods: latency on one side, gaps on the other.
const PLAYBACK_PERIODS: alsa::pcm::Frames = 4;
/// Playback begins when that many periods are there.
const START_PERIODS: alsa::pcm::Frames = 2;
/// How long a loudspeaker may take no sound.
const SPEAKER_PATIENCE: Duration = Duration::from_secs(1);
/// Overruns and underruns in a row that are mended without a word.
const MENDS: u32 = 5;
/// `errno(3)`: try again; no such file, no such address, no such device.
const EAGAIN: i32 = 11;
const GONE: [i32; 3] = [2, 6, 19];
const EBUSY: i32 = 16;
const EACCES: i32 = 13;

/// A microphone or loudspeaker of the kernel's.
pub struct AlsaDevice {
    name: String,
    /// How ALSA names it.
    pcm: String,
    clock: Arc<dyn Clock>,
}

impl AlsaDevice {
    /// All microphones, in the order of their cards.
    #[must_use]
    pub fn microphones(clock: &Arc<dyn Clock>) -> Vec<Self> {
        find_all(Direction::Capture, clock)
    }

    /// All loudspeakers, in the order of their cards.
    #[must_use]
    pub fn speakers(clock: &Arc<dyn Clock>) -> Vec<Self> {
        find_all(Direction::Playback, clock)
    }

    fn start(&self, direction: Direction) -> Result<Sound> {
        let pcm = configured(&self.pcm, direction).map_err(|error| explain(&self.name, error))?;
        if direction == Direction::Capture {
            pcm.start().map_err(|error| explain(&self.name, error))?;
        }
        Ok(Sound { name: self.name.clone(), pcm, direction, clock: Arc::clone(&self.clock) })
    }
}

fn find_all(direction: Direction, clock: &Arc<dyn Clock>) -> Vec<AlsaDevice> {
    let mut found = Vec::new();
    for card in alsa::card::Iter::new().flatten() {
        let Ok(control) = alsa::Ctl::from_card(&card, true) else { continue };
        let card_name = card.get_name().unwrap_or_else(|_| format!("sound card {}", card.get_index()));
        for device in alsa::ctl::DeviceIter::new(&control).filter_map(|device| u32::try_from(device).ok()) {
            let Ok(info) = control.pcm_info(device, 0, direction) else { continue };
            let name = format!(
                "{card_name}: {} (hw:{},{device})",
                info.get_name().unwrap_or("sound"),
                card.get_index()
            );
            let pcm = format!("plughw:{},{device}", card.get_index());
            found.push(AlsaDevice { name, pcm, clock: Arc::clone(clock) });
        }
    }
    found
}

fn configured(name: &str, direction: Direction) -> alsa::Result<PCM> {
    let pcm = PCM::new(name, direction, true)?;
    let periods = if direction == Direction::Capture { CAPTURE_PERIODS } else { PLAYBACK_PERIODS };
    {
        let hardware = HwParams::any(&pcm)?;
        hardware.set_access(Access::RWInterleaved)?;
        hardware.set_format(Format::float())?;
        hardware.set_channels(CHANNELS as u32)?;
        hardware.set_rate(SAMPLE_RATE_HZ, ValueOr::Nearest)?;
        hardware.set_period_size_near(PERIOD, ValueOr::Nearest)?;
        hardware.set_buffer_size_near(PERIOD * periods)?;
        pcm.hw_params(&hardware)?;
        let software = pcm.sw_params_current()?;
        software.set_avail_min(PERIOD)?;
        software.set_start_threshold(PERIOD * START_PERIODS)?;
        pcm.sw_params(&software)?;
    }
    pcm.prepare()?;
    Ok(pcm)
}

/// The error of a device, told by what ALSA said.
fn explain(device: &str, error: alsa::Error) -> Error {
    let (device, said) = (device.to_owned(), error.to_string());
    match error.errno() {
        code if GONE.contains(&code) => Error::Gone { device, cause: said },
        EACCES => Error::Failed { device, cause: format!("{said}; add the user to the group audio") },
        EBUSY => Error::Failed { device, cause: format!("{said}; another program has it open") },
        _ => Error::Failed { device, cause: said },
    }
}

impl MicrophoneDevice for AlsaDevice {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> Result<Box<dyn Microphone>> {
        Ok(Box::new(self.start(Direction::Capture)?))
    }
}

impl SpeakerDevice for AlsaDevice {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> Result<Box<dyn Speaker>> {
        Ok(Box::new(self.start(Direction::Playback)?))
    }
}

/// An open device; it is closed when it is dropped.
struct Sound {
    name: String,
    pcm: PCM,
    direction: Direction,
    clock: Arc<dyn Clock>,
}

impl Sound {
    /// Moves a block in or out by `step`, which moves the part of it from a frame on and says how much it
    /// moved; waits in between.
    fn transfer(
        &self,
        patience: Duration,
        mut step: impl FnMut(&alsa::pcm::IO<'_, f32>, usize) -> alsa::Result<usize>,
    ) -> Result<()> {
        let deadline = self.clock.now() + patience;
        let io = self.pcm.io_f32().map_err(|error| explain(&self.name, error))?;
        let (mut moved, mut mends) = (0, 0);
        while moved < BLOCK_SAMPLES {
            let outcome = match step(&io, moved) {
                Ok(frames) => {
                    moved += frames;
                    continue;
                }
                Err(error) if error.errno() == EAGAIN => self.wait(deadline, patience)?,
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                mends += 1;
                self.mend(error, mends)?;
            }
        }
        Ok(())
    }

    /// Waits until there is something to do: an error outside is the end, one inside may be mended.
    fn wait(&self, deadline: Instant, patience: Duration) -> Result<alsa::Result<()>> {
        let left = deadline.saturating_duration_since(self.clock.now());
        let left_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
        match self.pcm.wait(Some(left_ms)) {
            Ok(true) => Ok(Ok(())),
            Ok(false) => {
                let waited_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
                Err(Error::Silent { device: self.name.clone(), waited_ms })
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Goes on after an overrun, an underrun or a suspension; anything else is told.
    fn mend(&self, error: alsa::Error, mends: u32) -> Result<()> {
        let told = |error: alsa::Error| explain(&self.name, error);
        if mends > MENDS {
            return Err(told(error));
        }
        self.pcm.try_recover(error, true).map_err(told)?;
        if self.direction == Direction::Capture {
            self.pcm.start().map_err(told)?;
        }
        Ok(())
    }
}

impl Microphone for Sound {
    fn read(&mut self, patience: Duration) -> Result<Block> {
        let mut both = [0.0_f32; BLOCK_SAMPLES * CHANNELS];
        self.transfer(patience, |io, from| io.readi(&mut both[from * CHANNELS..]))?;
        Ok(std::array::from_fn(|index| (both[2 * index] + both[2 * index + 1]) / 2.0))
    }
}

impl Speaker for Sound {
    fn write(&mut self, block: &Block) -> Result<()> {
        let both: [f32; BLOCK_SAMPLES * CHANNELS] = std::array::from_fn(|index| block[index / CHANNELS]);
        match self.transfer(SPEAKER_PATIENCE, |io, from| io.writei(&both[from * CHANNELS..])) {
            Err(Error::Silent { device, waited_ms }) => {
                Err(Error::Failed { device, cause: format!("it took no sound for {waited_ms} ms") })
            }
            outcome => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::VirtualClock;

    fn device(pcm: &str) -> AlsaDevice {
        AlsaDevice { name: "test".to_owned(), pcm: pcm.to_owned(), clock: Arc::new(VirtualClock::new()) }
    }

    #[test]
    fn a_card_that_is_not_there_is_gone() {
        let outcome = MicrophoneDevice::open(&device("plughw:31,0")).err();
        assert!(matches!(outcome, Some(Error::Gone { .. })), "{outcome:?}");
    }

    #[test]
    fn blocks_go_through_the_device_of_alsa_that_needs_no_card() {
        let null = device("null");
        let mut speaker = SpeakerDevice::open(&null).unwrap();
        (0..20).for_each(|_| speaker.write(&[0.5; BLOCK_SAMPLES]).unwrap());
        let mut microphone = MicrophoneDevice::open(&null).unwrap();
        for _ in 0..20 {
            microphone.read(Duration::from_secs(1)).unwrap();
        }
    }
}
