//! The table of TCP sockets before real ones on the loopback, at times that the tests make up.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream as Guest};

use mio::{Events, Poll};

use super::*;
use crate::sfu::{Protocol as Over, Route, TrafficClass};

const LISTENER: Token = Token(7);
const CHECK: &[u8] = b"a check";

struct Rig {
    tcp: MediaTcp,
    poll: Poll,
    port: u16,
    now: Instant,
    /// Whose check [`CHECK`] is.
    peer: PeerId,
    heard: Vec<(Option<PeerId>, Vec<u8>)>,
}

impl Rig {
    fn new() -> Self {
        let poll = Poll::new().expect("epoll");
        let tcp = MediaTcp::listen(0, poll.registry(), LISTENER).expect("a free port");
        let port = tcp.listener.local_addr().expect("an address").port();
        #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
        let now = Instant::now();
        Self { tcp, poll, port, now, peer: PeerId(1), heard: Vec::new() }
    }

    /// Somebody comes, and has been accepted.
    fn comes(&mut self) -> Guest {
        let before = self.tcp.next_token;
        let guest = Guest::connect(("127.0.0.1", self.port)).expect("somebody listens");
        guest.set_read_timeout(Some(Duration::from_secs(10))).expect("an option");
        while self.tcp.next_token == before {
            self.turn();
        }
        guest
    }

    /// Somebody comes and proves to be of the peer.
    fn proven(&mut self, peer: u64) -> Guest {
        self.peer = PeerId(peer);
        let mut guest = self.comes();
        say(&mut guest, CHECK);
        let before = self.heard.len();
        self.turn_until(|rig| rig.heard.len() > before);
        guest
    }

    fn turn_until(&mut self, is_done: impl Fn(&Self) -> bool) {
        while !is_done(self) {
            self.turn();
        }
    }

    /// Waits for something to happen, and takes it.
    fn turn(&mut self) {
        let mut events = Events::with_capacity(64);
        self.poll.poll(&mut events, Some(Duration::from_secs(10))).expect("epoll");
        assert!(!events.is_empty(), "nothing has happened for ten seconds");
        let Self { tcp, poll, now, peer, heard, .. } = self;
        for event in &events {
            match event.token() {
                LISTENER => tcp.accept(poll.registry(), *now),
                socket => tcp.turn(socket, poll.registry(), *now, |proven, datagram| {
                    heard.push((proven, datagram.contents.to_vec()));
                    if datagram.contents == CHECK { Some(*peer) } else { proven }
                }),
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.tcp.look(self.poll.registry(), self.now);
    }

    fn send(&mut self, to: &Guest, contents: &[u8], segment_size: usize, class: TrafficClass) {
        let (source, destination) = (to.peer_addr().expect("an end"), to.local_addr().expect("an end"));
        let route = Route { protocol: Over::Tcp, source, destination };
        let run = Run { peer: PeerId(1), route, segment_size, class };
        self.tcp.send(&run, contents, self.poll.registry());
    }
}

fn say(guest: &mut Guest, datagram: &[u8]) {
    let length = (datagram.len() as u16).to_be_bytes();
    guest.write_all(&[&length, datagram].concat()).expect("somebody reads");
}

fn hear(guest: &mut Guest) -> Vec<u8> {
    let mut length = [0; 2];
    guest.read_exact(&mut length).expect("a frame");
    let mut datagram = vec![0; u16::from_be_bytes(length).into()];
    guest.read_exact(&mut datagram).expect("the whole frame");
    datagram
}

fn is_closed(guest: &mut Guest) -> bool {
    !matches!(guest.read(&mut [0; 1]), Ok(1..)) && guest.take_error().is_ok()
}

#[test]
fn datagrams_travel_both_ways_and_a_run_arrives_one_by_one() {
    let mut rig = Rig::new();
    let mut guest = rig.proven(1);
    say(&mut guest, &[1, 2, 3]);
    rig.turn_until(|rig| rig.heard.len() == 2);
    assert_eq!(rig.heard, [(None, CHECK.to_vec()), (Some(PeerId(1)), vec![1, 2, 3])]);
    rig.send(&guest, &[4, 4, 4, 5, 5, 5, 6], 3, TrafficClass::Video);
    assert_eq!([hear(&mut guest), hear(&mut guest), hear(&mut guest)], [vec![4; 3], vec![5; 3], vec![6]]);
}

#[test]
fn who_brings_no_check_in_time_is_closed_and_who_does_may_be_silent_for_longer() {
    let mut rig = Rig::new();
    let (mut stranger, mut guest) = (rig.comes(), rig.proven(1));
    say(&mut stranger, b"no check");
    rig.turn_until(|rig| rig.heard.len() == 2);
    rig.pass(PROVE_WITHIN);
    assert!(is_closed(&mut stranger));
    rig.send(&guest, &[9], 1, TrafficClass::Audio);
    assert_eq!(hear(&mut guest), [9]);
    rig.pass(SILENT_MAX);
    assert!(is_closed(&mut guest) && rig.tcp.sockets.is_empty() && rig.tcp.by_ends.is_empty());
}

#[test]
fn the_sockets_of_a_peer_that_is_gone_are_closed_and_no_others() {
    let mut rig = Rig::new();
    let (mut one, mut two, mut other) = (rig.proven(1), rig.proven(1), rig.proven(2));
    rig.tcp.forget(PeerId(1), rig.poll.registry());
    assert!(is_closed(&mut one) && is_closed(&mut two));
    rig.send(&other, &[9], 1, TrafficClass::Other);
    assert_eq!(hear(&mut other), [9]);
}

#[test]
fn strangers_are_as_many_as_may_be_and_the_oldest_makes_room() {
    let mut rig = Rig::new();
    let mut guest = rig.proven(1);
    let mut strangers: Vec<Guest> = (0..=UNPROVEN_MAX).map(|_| rig.comes()).collect();
    assert!(is_closed(&mut strangers[0]));
    assert_eq!(rig.tcp.sockets.len(), UNPROVEN_MAX + 1);
    rig.send(&guest, &[9], 1, TrafficClass::Other);
    assert_eq!(hear(&mut guest), [9], "who is proven stays");
}

#[test]
fn a_peer_has_as_many_sockets_as_may_be_and_the_oldest_makes_room() {
    let mut rig = Rig::new();
    let mut guests: Vec<Guest> = (0..=OF_PEER_MAX).map(|_| rig.proven(1)).collect();
    assert!(is_closed(&mut guests[0]));
    assert_eq!(rig.tcp.sockets.len(), OF_PEER_MAX);
}

#[test]
fn proven_sockets_are_as_many_as_may_be_and_the_next_one_is_closed() {
    let mut rig = Rig::new();
    let guests: Vec<Guest> = (0..PROVEN_MAX as u64).map(|peer| rig.proven(peer)).collect();
    let mut next = rig.proven(PROVEN_MAX as u64);
    assert!(is_closed(&mut next));
    assert_eq!(rig.tcp.sockets.len(), guests.len());
}

#[test]
fn who_speaks_nonsense_or_hangs_up_is_closed() {
    let mut rig = Rig::new();
    let (mut browser, gone) = (rig.comes(), rig.proven(1));
    browser.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("somebody reads");
    gone.shutdown(Shutdown::Both).expect("an open socket");
    rig.turn_until(|rig| rig.tcp.sockets.is_empty());
    assert!(is_closed(&mut browser));
}

#[test]
fn who_does_not_read_loses_whole_frames_and_what_waits_does_not_grow() {
    let mut rig = Rig::new();
    let mut guest = rig.proven(1);
    let mut sent = 0_u32;
    let mut waits = || {
        for _ in 0..20_000 {
            sent += 1;
            let datagram: Vec<u8> = sent.to_be_bytes().repeat(250);
            rig.send(&guest, &datagram, 1000, TrafficClass::Video);
        }
        rig.tcp.sockets.values().map(|one| one.backlog.waiting()).sum::<usize>()
    };
    let (first, second) = (waits(), waits());
    assert!(first > 0 && second <= 48 * 1024, "{first} and {second} bytes wait");
    // The last one is sound, which still has room: it is the mark of the end.
    rig.send(&guest, &[0xff; 4], 4, TrafficClass::Audio);
    let reader = std::thread::spawn(move || {
        let mut frames = 0_u32;
        loop {
            match hear(&mut guest).as_slice() {
                [0xff, 0xff, 0xff, 0xff] => return frames,
                frame => assert!(frame.len() == 1000 && frame.chunks(4).all(|four| four == &frame[..4])),
            }
            frames += 1;
        }
    });
    rig.turn_until(|rig| rig.tcp.sockets.values().all(|one| one.backlog.waiting() == 0));
    let heard = reader.join().expect("every frame is whole");
    assert!(heard > 0 && heard < sent, "{heard} of {sent}");
}
