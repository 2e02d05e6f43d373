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
    ///         wanted                   opened
    ///  off ──────────▶ opening ◀───────────────▶ capturing
    ///   ▲                 │  lost: the notice        │   outdone: a better camera was plugged in
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
        let mut ladder = self.ladder(self.mode);
        let mut patience = Patience::default();
        while is_wanted(&shared.wanted()) && !shared.is_stopping() {
            let changes = self.seat.changes();
            let Some(device) = self.seat.device() else {
                shared.rest_until(patience.for_a_device(shared.clock.now()), is_wanted);
                continue;
            };
            let cause = match device.open(self.mode) {
                Ok(mut camera) => {
                    patience.reset();
                    shared.report(DeviceClass::Camera, device.name(), DeviceState::InUse);
                    ladder = self.ladder(camera.mode());
                    self.capture(shared, &device, &mut *camera, &mut ladder).err()
                }
                Err(cause) => Some(cause),
            };
            if let Some(cause) = cause {
                shared.report_loss(DeviceClass::Camera, device.name(), &cause);
                let retry_at = patience.after_failure(shared.clock.now(), &cause);
                self.show_notice(shared, &mut ladder, &cause, |now| {
                    now < retry_at && self.seat.changes() == changes
                });
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

    /// Captures until the camera is not wanted, or a better one has come.
    fn capture(
        &self,
        shared: &Arc<Shared>,
        device: &Arc<dyn CameraDevice>,
        camera: &mut dyn Camera,
        ladder: &mut Ladder,
    ) -> alcove_hal::Result<()> {
        loop {
            if !is_wanted(&shared.wanted()) || shared.is_stopping() || self.seat.is_outdone(device) {
                return Ok(());
            }
            let frame = camera.next_frame(SILENCE_MAX)?;
            Counters::add(&shared.counters.camera_frames, 1);
            send(shared, ladder, frame);
        }
    }

    /// In place of the camera's picture, others see what is wrong, while `still` says so.
    fn show_notice(
        &self,
        shared: &Arc<Shared>,
        ladder: &mut Ladder,
        cause: &Error,
        still: impl Fn(Instant) -> bool,
    ) {
        let size = Size { width: self.mode.width & !1, height: self.mode.height & !1 };
        let mut canvas = Canvas::new(size, Colour::rgb(35, 39, 46));
        if let Some(notice) = self.painter.paint(&Piece::Notice { text: notice(cause).to_owned(), size }) {
            notice.blend(&mut canvas, 0, 0);
        }
        loop {
            let now = shared.clock.now();
            if !still(now) || !is_wanted(&shared.wanted()) || shared.is_stopping() {
                return;
            }
            send(shared, ladder, canvas.clone().into_frame(now));
            shared.clock.wait_until(now + NOTICE_PERIOD);
        }
    }
}

/// What others are told in place of a picture.
const fn notice(cause: &Error) -> &'static str {
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
