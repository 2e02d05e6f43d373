//! Datagrams over TCP: what is found in what arrives, and what leaves where there is little room.

use std::collections::VecDeque;
use std::io::{self, Write};

use crate::appliance::framing::{Backlog, FRAME_BYTES_MAX, Unframer};
use crate::sfu::TrafficClass;

/// Steps, each a byte for its kind and a piece behind its length: the piece has arrived, is to leave (perhaps several
/// times, as pictures come), or is as long as what the socket takes now.
pub fn frames(data: &[u8]) {
    let (mut arriving, mut leaving) = (Arriving::default(), Leaving::default());
    let mut rest = data;
    while let Some((kind, piece)) = step(&mut rest) {
        match kind & 3 {
            0 => arriving.take(piece),
            1 => leaving.take_room(usize::from(kind >> 2) * (1 + piece.len())),
            _ => leaving.push(piece, kind),
        }
    }
    leaving.end();
}

fn step<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let ([kind, high, low], after) = rest.split_first_chunk()?;
    let (piece, after) = after.split_at_checked(u16::from_be_bytes([*high, *low]).into())?;
    *rest = after;
    Some((*kind, piece))
}

/// A socket that is read from, and the same bytes in one piece.
#[derive(Default)]
struct Arriving {
    unframer: Unframer,
    bytes: Vec<u8>,
    taken: Vec<Vec<u8>>,
    is_closed: bool,
}

impl Arriving {
    fn take(&mut self, piece: &[u8]) {
        if self.is_closed {
            return;
        }
        self.bytes.extend_from_slice(piece);
        let taken = &mut self.taken;
        self.is_closed = self.unframer.push(piece, |datagram| taken.push(datagram.to_vec())).is_err();
        let (whole, left) = split(&self.bytes);
        assert_eq!(self.taken, whole, "it depends on where the bytes were cut");
        let announced = left.split_first_chunk().map(|(length, _)| usize::from(u16::from_be_bytes(*length)));
        assert_eq!(self.is_closed, announced.is_some_and(|bytes| bytes > FRAME_BYTES_MAX));
    }
}

/// The frames of some bytes that are taken, and what is left.
fn split(mut bytes: &[u8]) -> (Vec<Vec<u8>>, &[u8]) {
    let mut whole = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((frame, rest)) = rest.split_at_checked(length).filter(|_| length <= FRAME_BYTES_MAX) else {
            break;
        };
        whole.push(frame.to_vec());
        bytes = rest;
    }
    (whole, bytes)
}

/// A socket that is written to, and what it must get.
#[derive(Default)]
struct Leaving {
    backlog: Backlog,
    socket: Socket,
    kept: VecDeque<u8>,
}

/// It takes so many bytes, and no more.
#[derive(Default)]
struct Socket {
    room: usize,
    written: Vec<u8>,
}

impl Write for Socket {
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

impl Leaving {
    fn push(&mut self, datagram: &[u8], kind: u8) {
        let class = if kind & 1 == 0 { TrafficClass::Video } else { TrafficClass::Audio };
        for _ in 0..=kind >> 2 {
            if !self.backlog.push(datagram, class) {
                break;
            }
            self.kept.extend((datagram.len() as u16).to_be_bytes());
            self.kept.extend(datagram);
        }
        assert!(self.backlog.waiting() <= 64 * 1024, "{} bytes wait", self.backlog.waiting());
    }

    fn take_room(&mut self, room: usize) {
        self.socket.room = room;
        self.backlog.write_to(&mut self.socket).expect("a socket without room is not gone");
        for byte in self.socket.written.drain(..) {
            assert_eq!(Some(byte), self.kept.pop_front(), "what was begun is not finished");
        }
        assert_eq!(self.backlog.waiting(), self.kept.len(), "something is lost");
        assert!(self.socket.room == 0 || self.kept.is_empty(), "there was room, and something waits");
    }

    fn end(&mut self) {
        self.take_room(usize::MAX);
        assert!(self.kept.is_empty(), "something stays for good");
    }
}
