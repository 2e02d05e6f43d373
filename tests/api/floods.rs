//! Floods: a reader that does not read, noise on the media port. Memory stays bounded, the meeting undisturbed.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use serde_json::{Value, json};

use crate::appliance::{Appliance, text};
use crate::words::{Heard, Words, track};

/// The most that a flood may add to the resident memory, in kB.
const GROWTH_MAX_KB: u64 = 32 << 10;

/// More changes than any queue and any kernel buffer holds.
const CHANGES_MAX: usize = 400_000;

#[tokio::test]
async fn a_socket_that_never_reads_is_let_go_and_nobody_waits_for_it() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den" })).await;
    let token = alcove.token("den", "speaker").await;
    let mut stuck = Words::open_narrow(&alcove, "den").await;
    stuck.hello(json!({ "version": 1, "token": token, "name": "Stuck" })).await.unwrap();
    let mut ann = Words::join(&alcove, "den", &token, "Ann").await;
    ann.ask(track("microphone", "on")).await.unwrap();
    let before = alcove.resident_kb();

    let away = json!({ "presence": { "participant": stuck.id(), "present": false } });
    let mut told = false;
    for change in 0..CHANGES_MAX {
        let state = if change % 2 == 0 { "muted" } else { "on" };
        ann.say(&json!({ "id": change, "do": track("microphone", state) }).to_string()).await;
        // Its own answer and its own delta: what Ann says is heard by Ann without delay.
        let mut answered = false;
        while !answered {
            let Heard::Frame(frame) = ann.next().await else { panic!("Ann is not to blame") };
            answered = frame["re"] == change;
            told = told || frame["event"] == away;
        }
        if told {
            break;
        }
    }
    assert!(told, "whoever does not read counts as away");
    let grown = alcove.resident_kb().saturating_sub(before);
    assert!(grown < GROWTH_MAX_KB, "it has grown by {grown} kB");
    assert_eq!(alcove.get("meetings/den").await.json()["participants"], 2);
    let (code, _) = stuck.closed().await;
    assert!([1001, 1006].contains(&code), "closed with {code}");
}

#[tokio::test]
async fn more_unanswered_requests_than_allowed_are_refused() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den" })).await;
    let mut eve = Words::join(&alcove, "den", &alcove.token("den", "speaker").await, "Eve").await;
    const COUNT: u32 = 5_000;
    for id in 1_000..1_000 + COUNT {
        let wishes: Vec<Value> = Vec::new();
        eve.say(&json!({ "id": id, "do": { "watch": { "wishes": wishes } } }).to_string()).await;
    }
    let mut answers = 0;
    while answers < COUNT {
        let Heard::Frame(frame) = eve.next().await else { panic!("the socket stays open") };
        if frame.get("re").is_some() {
            let refused = frame["refused"]["code"].as_str();
            assert!([None, Some("too-many-requests")].contains(&refused), "{frame}");
            answers += 1;
        }
    }
}

#[tokio::test]
async fn noise_on_the_media_port_disturbs_nobody() {
    let alcove = Appliance::start("");
    let token = alcove.token("room", "speaker").await;
    let mut ann = Words::join(&alcove, "room", &token, "Ann").await;
    let status = alcove.get("status").await.json();
    let addresses = status["media_addresses"].as_array().unwrap();
    let addresses: Vec<SocketAddr> = addresses.iter().map(|one| text(one).parse().unwrap()).collect();
    let target = addresses.iter().find(|address| address.is_ipv4()).unwrap();

    let socket = UdpSocket::bind(("0.0.0.0", 0)).unwrap();
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let mut packet = [0; 1_400];
    // The room's encoders start with the first rounds, and what they take is theirs.
    let mut before = 0;
    for round in 0..60 {
        if round == 20 {
            before = alcove.resident_kb();
        }
        for _ in 0..2_500 {
            let length = noise.fill(&mut packet);
            // A full socket buffer is what a flood is about.
            let _ = socket.send_to(&packet[..length], target);
        }
        let state = if round % 2 == 0 { "on" } else { "muted" };
        ann.ask(track("microphone", state)).await.unwrap();
    }
    let grown = alcove.resident_kb().saturating_sub(before);
    assert!(grown < GROWTH_MAX_KB, "it has grown by {grown} kB");
    let status = alcove.get("status").await.json();
    assert_eq!((&status["room"]["meeting"], &status["participants"]), (&json!("room"), &json!(2)));
    assert!(!alcove.log().contains("ERROR"), "{}", alcove.log());
}

#[tokio::test]
async fn strangers_on_the_tcp_ports_of_media_disturb_nobody() {
    let alcove = Appliance::start("");
    let token = alcove.token("room", "speaker").await;
    let mut ann = Words::join(&alcove, "room", &token, "Ann").await;
    let status = alcove.get("status").await.json();
    let media = text(&status["media_addresses"][0]).parse::<SocketAddr>().unwrap().port();
    let mut noise = Noise(0x2545_f491_4f6c_dd1d);
    let mut packet = [0; 1_400];
    let mut strangers = Vec::new();
    for round in 0..200_u16 {
        for port in [media, alcove.port] {
            let mut stranger = TcpStream::connect(("127.0.0.1", port)).unwrap();
            stranger.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let length = noise.fill(&mut packet);
            // A frame of noise, noise without a frame, or nothing; whoever is let go meanwhile need not be told.
            let framed = [&u16::try_from(length).unwrap().to_be_bytes()[..], &packet[..length]].concat();
            let bytes = [&framed[..], &packet[..length], &[]][usize::from(round % 3)];
            drop(stranger.write_all(bytes));
            strangers.push(stranger);
        }
        if round % 50 == 0 {
            ann.ask(track("microphone", if round % 100 == 0 { "on" } else { "muted" })).await.unwrap();
        }
    }
    // On a thread of its own: the HTTP client here is to notice what is closed meanwhile.
    let read = move || strangers.into_iter().for_each(check_closed);
    tokio::task::spawn_blocking(read).await.unwrap();
    let status = alcove.get("status").await.json();
    assert_eq!((&status["room"]["meeting"], &status["participants"]), (&json!("room"), &json!(2)));
    assert!(!alcove.log().contains("ERROR"), "{}", alcove.log());
}

/// Waits until the other end has closed a socket.
fn check_closed(mut stranger: TcpStream) {
    let answer = stranger.read_to_end(&mut Vec::new());
    let is_patient = answer.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!is_patient, "{stranger:?} is still open");
}

/// Datagrams that look a little like STUN, DTLS, RTP and RTCP, and like nothing at all.
struct Noise(u64);

impl Noise {
    const STARTS: [&[u8]; 6] = [
        &[0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42],
        &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x80, 96],
        &[0x80, 200, 0, 6],
        &[],
        &[255],
    ];

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Fills a packet, and says how long it is.
    fn fill(&mut self, packet: &mut [u8]) -> usize {
        for part in packet.chunks_mut(8) {
            let random = self.next().to_le_bytes();
            part.copy_from_slice(&random[..part.len()]);
        }
        let start = Self::STARTS[usize::try_from(self.next() % 6).unwrap()];
        packet[..start.len()].copy_from_slice(start);
        usize::try_from(self.next() % 1_400).unwrap().max(1)
    }
}

#[test]
fn whoever_never_says_what_it_wants_is_let_go() {
    let (_alcove, [_, plain]) = Appliance::start_on_passed_sockets();
    let mut slow = TcpStream::connect(("127.0.0.1", plain)).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: alcove\r\n").unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).expect("it is closed in time");
}
