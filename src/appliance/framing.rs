//! Datagrams over TCP: each behind its length (RFC 4571, 2), put together from whatever pieces arrive, within limits.
//!
//! ```text
//!   read ──▶ Unframer ──▶ datagrams            datagrams ──▶ Backlog ──▶ write
//!             too long? the socket is closed    no room? that one is lost, and those begun are finished
//! ```

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};

use crate::sfu::TrafficClass;

/// The longest frame that is taken: more than ICE, DTLS, RTP and RTCP put into a datagram.
pub(super) const FRAME_BYTES_MAX: usize = 2048;

/// What may wait for a socket. Pictures are lost first: that much of them takes a third of a second at 1 Mbit/s.
const PICTURES_BYTES_MAX: usize = 40 * 1024;
/// The rest is for sound, checks and reports.
const BACKLOG_BYTES_MAX: usize = PICTURES_BYTES_MAX + 8 * 1024;

const LENGTH_BYTES: usize = 2;

/// Nothing that a peer of ours would send: where the next frame begins cannot be known any more.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {bytes} bytes was announced, and {FRAME_BYTES_MAX} are the most")]
pub(super) struct FrameTooLong {
    bytes: usize,
}

/// Finds the datagrams in what a socket brings.
#[derive(Debug, Default)]
pub(super) struct Unframer {
    /// A frame of which not all has come.
    begun: Vec<u8>,
}

impl Unframer {
    /// Hands each whole datagram in these bytes to `take`, and keeps what is begun.
    ///
    /// # Errors
    /// When a frame is announced that is too long; nothing can be read from then on.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), FrameTooLong> {
        loop {
            if self.begun.is_empty() {
                // What has come in one piece is not copied.
                while let Some(end) = end_of_frame(bytes)?.filter(|end| *end <= bytes.len()) {
                    take(&bytes[LENGTH_BYTES..end]);
                    bytes = &bytes[end..];
                }
            }
            if bytes.is_empty() {
                return Ok(());
            }
            let end = end_of_frame(&self.begun)?.unwrap_or(LENGTH_BYTES);
            let (next, rest) = bytes.split_at((end - self.begun.len()).min(bytes.len()));
            self.begun.extend_from_slice(next);
            bytes = rest;
            if end_of_frame(&self.begun)? == Some(self.begun.len()) {
                take(&self.begun[LENGTH_BYTES..]);
                self.begun.clear();
            }
        }
    }
}

/// Where the frame that begins here ends; `None` until its length is known.
fn end_of_frame(bytes: &[u8]) -> Result<Option<usize>, FrameTooLong> {
    let [high, low, ..] = *bytes else { return Ok(None) };
    match usize::from(u16::from_be_bytes([high, low])) {
        bytes if bytes > FRAME_BYTES_MAX => Err(FrameTooLong { bytes }),
        bytes => Ok(Some(LENGTH_BYTES + bytes)),
    }
}

/// What waits to be written to a socket: whole frames, but for the first, of which a part may have left.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: VecDeque<u8>,
}

impl Backlog {
    /// Puts a datagram in, if there is room for it. Returns whether there was.
    pub(super) fn push(&mut self, datagram: &[u8], class: TrafficClass) -> bool {
        let most = match class {
            TrafficClass::Video => PICTURES_BYTES_MAX,
            TrafficClass::Audio | TrafficClass::Other => BACKLOG_BYTES_MAX,
        };
        let Ok(length) = u16::try_from(datagram.len()) else { return false };
        if self.bytes.len() + LENGTH_BYTES + datagram.len() > most {
            return false;
        }
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(datagram);
        true
    }

    /// How many bytes wait.
    #[cfg(any(test, fuzzing))]
    pub(super) fn waiting(&self) -> usize {
        self.bytes.len()
    }

    /// Writes what the socket takes now.
    ///
    /// # Errors
    /// What the socket says, but not that it takes no more.
    pub(super) fn write_to(&mut self, socket: &mut impl Write) -> io::Result<()> {
        while !self.bytes.is_empty() {
            let (front, back) = self.bytes.as_slices();
            match socket.write_vectored(&[IoSlice::new(front), IoSlice::new(back)]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.bytes.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(datagrams: &[Vec<u8>]) -> Vec<u8> {
        let frame = |one: &Vec<u8>| [&(one.len() as u16).to_be_bytes()[..], one].concat();
        datagrams.iter().flat_map(frame).collect()
    }

    fn taken(pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, FrameTooLong> {
        let (mut unframer, mut taken) = (Unframer::default(), Vec::new());
        for piece in pieces {
            unframer.push(piece, |datagram| taken.push(datagram.to_vec()))?;
        }
        Ok(taken)
    }

    fn some_datagrams() -> Vec<Vec<u8>> {
        vec![vec![7], vec![], (0..=255).collect(), vec![1; FRAME_BYTES_MAX], vec![2, 3]]
    }

    #[test]
    fn datagrams_are_the_same_wherever_the_bytes_are_cut() {
        let datagrams = some_datagrams();
        let bytes = framed(&datagrams);
        for cut in 0..=bytes.len() {
            let (first, second) = bytes.split_at(cut);
            assert_eq!(taken(&[first, second]), Ok(datagrams.clone()), "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(taken(&single), Ok(datagrams));
    }

    #[test]
    fn a_frame_that_is_too_long_ends_it_before_its_bytes_are_kept() {
        let announced = (FRAME_BYTES_MAX as u16 + 1).to_be_bytes();
        let refused = Err(FrameTooLong { bytes: FRAME_BYTES_MAX + 1 });
        assert_eq!(taken(&[&announced]), refused);
        assert_eq!(taken(&[&announced[..1], &announced[1..]]), refused);
        assert_eq!(taken(&[&[0, 1, 9], &announced]), refused);
    }

    #[test]
    fn browsers_that_speak_http_or_tls_are_known_by_their_first_bytes() {
        for stranger in [&b"GET / HTTP/1.1\r\n"[..], &[0x16, 3, 1, 2, 0, 1]] {
            assert!(taken(&[stranger]).is_err(), "{stranger:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_no_more_than_a_frame_is_kept(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 0..20),
        ) {
            let mut unframer = Unframer::default();
            for piece in &pieces {
                if unframer.push(piece, |datagram| assert!(datagram.len() <= FRAME_BYTES_MAX)).is_err() {
                    break;
                }
                prop_assert!(unframer.begun.len() < LENGTH_BYTES + FRAME_BYTES_MAX);
            }
        }
    }

    /// A socket that takes so many bytes, and no more until it is given room.
    struct Narrow {
        room: usize,
        written: Vec<u8>,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let taken = bytes.len().min(self.room);
            self.room -= taken;
            self.written.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_frame_that_was_begun_is_finished_whatever_is_lost_meanwhile() {
        let (mut backlog, mut socket) = (Backlog::default(), Narrow { room: 700, written: Vec::new() });
        let mut kept = Vec::new();
        for number in 0..200_u8 {
            let datagram = vec![number; 1000];
            if backlog.push(&datagram, TrafficClass::Video) {
                kept.push(datagram);
            }
            backlog.write_to(&mut socket).expect("it only has no room");
        }
        assert!(kept.len() < 50, "{} of them waited", kept.len());
        while !backlog.bytes.is_empty() {
            socket.room = 333;
            backlog.write_to(&mut socket).expect("it takes some");
        }
        assert_eq!(taken(&[&socket.written]), Ok(kept));
    }

    #[test]
    fn sound_has_room_where_pictures_have_none() {
        let mut backlog = Backlog::default();
        while backlog.push(&[0; 1200], TrafficClass::Video) {}
        assert!(!backlog.push(&[0; 1200], TrafficClass::Video));
        let sounds = (0..1000).take_while(|_| backlog.push(&[1; 100], TrafficClass::Audio)).count();
        assert!((50..120).contains(&sounds), "{sounds}");
        assert!(backlog.bytes.len() <= BACKLOG_BYTES_MAX);
    }

    #[test]
    fn a_socket_that_is_gone_is_told_of() {
        let mut gone = Narrow { room: 0, written: Vec::new() };
        let mut backlog = Backlog::default();
        assert!(backlog.push(&[1], TrafficClass::Other));
        backlog.write_to(&mut gone).expect("no room is no fault");
        assert!(backlog.write_to(&mut io::Cursor::new([0_u8; 0])).is_err());
    }
}
