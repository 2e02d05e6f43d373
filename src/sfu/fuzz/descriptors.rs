//! Dependency descriptors: what they tell of a flow whose structure is told once, and then again.

use super::Input;
use crate::sfu::descriptor::{self, Structure};
use crate::sfu::temporal::{Gate, TID_MAX};

/// More than the longest header extension.
const BYTES_MAX: usize = 255;

/// Steps, each a byte for what is wanted and when, and the descriptor of a packet.
pub fn descriptors(data: &[u8]) {
    let (mut input, mut structure, mut gate) = (Input(data), None, Gate::default());
    let mut timestamp = 0_u32;
    while let Some((step, bytes)) = input.step() {
        gate.want(step & TID_MAX);
        timestamp = timestamp.wrapping_add(u32::from(step >> 2 & 3) * 3000);
        let bytes = &bytes[..bytes.len().min(BYTES_MAX)];
        let before: Option<Structure> = structure.clone();
        let Some(told) = descriptor::read(bytes, &mut structure) else { continue };
        let (frame, spatial) = told;
        assert!(spatial.id < spatial.count, "a size beyond the largest");
        assert!(frame.id <= TID_MAX && frame.opens <= TID_MAX && frame.needs <= TID_MAX);
        assert!(bytes.len() > 3 || structure == before, "a structure out of nothing");
        let mut again = structure.clone();
        assert_eq!(descriptor::read(bytes, &mut again), Some(told), "what was told is not what is known");
        assert_eq!(again, structure);
        let passed = gate.admits(Some(frame), timestamp, step & 0x10 != 0);
        assert_eq!(gate.admits(Some(frame), timestamp, false), passed, "half a frame");
    }
}
