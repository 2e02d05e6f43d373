//! The room's screen: shows the latest picture of the scene, and is opened again after it was unplugged.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use alcove_hal::display::{Display, DisplayDevice};
use alcove_hal::seat::Seat;

use crate::room::layout::Size;
use crate::room::shared::{Patience, Shared};
use crate::room::{DeviceClass, DeviceState};
use alcove_hal::camera::VideoMode;

/// Shows pictures until the room stops. A picture that the screen cannot take in time is left out here, so
/// the scene's clock never waits.
pub(super) fn run(shared: &Shared, seat: &Seat<dyn DisplayDevice>, wanted: VideoMode) {
    let mut patience = Patience::default();
    while !shared.is_stopping() {
        let changes = seat.changes();
        let Some(device) = seat.device() else {
            shared.report_off(DeviceClass::Display);
            shared.rest_until(patience.for_a_device(shared.clock.now()), |_| seat.changes() == changes);
            continue;
        };
        let outcome = device.open(wanted).and_then(|mut display| {
            patience.reset();
            shared.report(DeviceClass::Display, device.name(), DeviceState::InUse);
            show_all(shared, seat, &device, &mut *display)
        });
        if let Err(cause) = outcome {
            shared.report_loss(DeviceClass::Display, device.name(), &cause);
            let retry_at = patience.after_failure(shared.clock.now(), &cause);
            shared.rest_until(retry_at, |_| seat.changes() == changes);
        } else {
            shared.report(DeviceClass::Display, device.name(), DeviceState::Off);
        }
    }
}

/// Shows pictures until the room stops, or another display or none is to be used.
fn show_all(
    shared: &Shared,
    seat: &Seat<dyn DisplayDevice>,
    device: &Arc<dyn DisplayDevice>,
    display: &mut dyn Display,
) -> alcove_hal::Result<()> {
    let mode = display.mode();
    let size = Size { width: mode.width & !1, height: mode.height & !1 };
    shared.resize(size);
    let mut shown_at = None;
    while !shared.is_stopping() && !seat.is_outdone(device) {
        let latest = shared.composed.latest();
        let fresh = latest.filter(|frame| {
            shown_at != Some(frame.captured_at)
                && (frame.width(), frame.height()) == (size.width, size.height)
        });
        match fresh {
            Some(frame) => {
                display.show(&frame)?;
                let since_tick = shared.clock.now().saturating_duration_since(frame.captured_at).as_micros();
                shared
                    .counters
                    .screen_us
                    .store(u64::try_from(since_tick).unwrap_or(u64::MAX), Ordering::Relaxed);
                shown_at = Some(frame.captured_at);
            }
            None => std::thread::park(),
        }
    }
    Ok(())
}
