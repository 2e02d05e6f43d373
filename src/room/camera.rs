//! The room's camera on its way out: captured while it is wanted, encoded in the layers that somebody watches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alcove_hal::Error;
use alcove_hal::camera::{Camera, CameraDevice, VideoMode};
use alcove_hal::codec::Codecs;
use alcove_hal::frame::Frame;
use alcove_hal::seat::Seat;

use crate::room::canvas::{Canvas, Colour};
use crate::room::ladder::Ladder;
use crate::room::layout::Size;
use crate::room::link::Mailbox;
use crate::room::painter::{Painter, Piece};
use crate::room::shared::{Counters, Patience, Shared, Wanted, locked};
use crate::room::{DeviceClass, DeviceState};

/// How long a camera may be silent before it is opened again.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// The time between two pictures of the notice that stands for a lost camera.
const NOTICE_PERIOD: Duration = Duration::from_millis(200);

/// What the camera's thread works with.
pub(super) struct CameraTask {
    pub(super) seat: Arc<Seat<dyn CameraDevice>>,
    pub(super) codecs: Arc<dyn Codecs>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) courier: std::thread::Thread,
    pub(super) painter: Arc<Painter>,
    pub(super) mode: VideoMode,
}

const fn is_wanted(wanted: &Wanted) -> bool {
    wanted.joined.is_some() && wanted.camera
}

impl CameraTask {
    /// Captures and encodes until the room stops.
    ///
    /// ```text
    ///         wanted                 first picture
    ///  off ──────────▶ opening ◀───────────────▶ capturing
    ///   ▲                 │  lost: the notice        │   outdone: another camera is to be used, or none
    ///   └─────────────────┴──────────────────────────┘
    ///          not wanted: the device is dropped
    /// ```
    pub(super) fn run(&self, shared: &Arc<Shared>) {
        while !shared.is_stopping() {
            if is_wanted(&shared.wanted()) {
                self.be_seen(shared);
            } else {
                std::thread::park();
            }
        }
    }

    /// One stretch of being wanted. Whatever was opened is dropped at its end: then nothing captures.
    fn be_seen(&self, shared: &Arc<Shared>) {
        let mut sight = Sight { ladder: self.ladder(self.mode), notice: None, patience: Patience::default() };
        while is_wanted(&shared.wanted()) && !shared.is_stopping() {
            let changes = self.seat.changes();
            let Some(device) = self.seat.device() else {
                *locked(&shared.own_picture) = None;
                shared.report_off(DeviceClass::Camera);
                let look_at = sight.patience.for_a_device(shared.clock.now());
                shared.rest_until(look_at, |wanted| is_wanted(wanted) && self.seat.changes() == changes);
                continue;
            };
            let outcome = device
                .open(self.mode)
                .and_then(|mut camera| self.capture(shared, &device, &mut *camera, &mut sight));
            if let Err(cause) = outcome {
                shared.report_loss(DeviceClass::Camera, device.name(), &cause);
                let retry_at = sight.patience.after_failure(shared.clock.now(), &cause);
                sight.notice = Some(self.notice(&cause));
                self.show_notice(shared, &mut sight, |now| now < retry_at && self.seat.changes() == changes);
            } else {
                shared.report(DeviceClass::Camera, device.name(), DeviceState::Off);
            }
        }
        *locked(&shared.own_picture) = None;
        shared.report_off(DeviceClass::Camera);
    }

    fn ladder(&self, mode: VideoMode) -> Ladder {
        Ladder::new(Arc::clone(&self.codecs), Arc::clone(&self.mailbox), self.courier.clone(), mode)
    }

    /// Captures until the camera is not wanted, or another one is to be used. A notice that is shown stays until the
    /// first picture is there.
    fn capture(
        &self,
        shared: &Arc<Shared>,
        device: &Arc<dyn CameraDevice>,
        camera: &mut dyn Camera,
        sight: &mut Sight,
    ) -> alcove_hal::Result<()> {
        let opened_at = shared.clock.now();
        let mut is_first = true;
        loop {
            if !is_wanted(&shared.wanted()) || shared.is_stopping() || self.seat.is_outdone(device) {
                return Ok(());
            }
            let patience = if sight.notice.is_some() { NOTICE_PERIOD } else { SILENCE_MAX };
            let frame = match camera.next_frame(patience) {
                Ok(frame) => frame,
                Err(Error::Silent { .. })
                    if sight.notice.is_some() && shared.clock.now() < opened_at + SILENCE_MAX =>
                {
                    sight.repeat_notice(shared);
                    continue;
                }
                // What was waited for is the whole silence, not its last part.
                Err(Error::Silent { device, .. }) => {
                    let waited_ms = u64::try_from(SILENCE_MAX.as_millis()).unwrap_or(u64::MAX);
                    return Err(Error::Silent { device, waited_ms });
                }
                Err(cause) => return Err(cause),
            };
            if std::mem::take(&mut is_first) {
                let (ladder, patience) = (self.ladder(camera.mode()), Patience::default());
                *sight = Sight { ladder, notice: None, patience };
                shared.report(DeviceClass::Camera, device.name(), DeviceState::InUse);
            }
            Counters::add(&shared.counters.camera_frames, 1);
            send(shared, &mut sight.ladder, frame);
        }
    }

    /// In place of the camera's picture, others see what is wrong.
    fn notice(&self, cause: &Error) -> Canvas {
        let size = Size { width: self.mode.width & !1, height: self.mode.height & !1 };
        let mut canvas = Canvas::new(size, Colour::rgb(35, 39, 46));
        if let Some(text) = self.painter.paint(&Piece::Notice { text: words(cause).to_owned(), size }) {
            text.blend(&mut canvas, 0, 0);
        }
        canvas
    }

    /// Shows the notice while `still` says so.
    fn show_notice(&self, shared: &Arc<Shared>, sight: &mut Sight, still: impl Fn(Instant) -> bool) {
        loop {
            let now = shared.clock.now();
            if !still(now) || !is_wanted(&shared.wanted()) || shared.is_stopping() {
                return;
            }
            sight.repeat_notice(shared);
            shared.clock.wait_until(now + NOTICE_PERIOD);
        }
    }
}

/// What others see of the room: pictures, or a notice while there are none.
struct Sight {
    ladder: Ladder,
    notice: Option<Canvas>,
    patience: Patience,
}

impl Sight {
    fn repeat_notice(&mut self, shared: &Arc<Shared>) {
        if let Some(notice) = &self.notice {
            send(shared, &mut self.ladder, notice.clone().into_frame(shared.clock.now()));
        }
    }
}

/// What others are told in place of a picture.
const fn words(cause: &Error) -> &'static str {
    match cause {
        Error::Gone { .. } => "The camera of this room is unplugged.",
        Error::NoSignal { .. } => "There is no signal at the camera input of this room.",
        _ => "The camera of this room gives no picture.",
    }
}

/// The picture goes to the own tile and to whoever watches. What was wanted is read after the picture came,
/// so that nothing leaves once the camera is muted.
fn send(shared: &Arc<Shared>, ladder: &mut Ladder, frame: Frame) {
    let wanted = shared.wanted();
    if !is_wanted(&wanted) {
        return;
    }
    ladder.encode(shared, &frame, wanted.codec, wanted.highest);
    *locked(&shared.own_picture) = Some(frame);
}
