//! The client of the relay before a server that is played by hand.

use stun_types::attribute::{ErrorCode, Nonce, Realm, Username};
use stun_types::message::{
    IntegrityAlgorithm, Message, MessageClass, MessageType, MessageWrite as _, MessageWriteExt as _,
    MessageWriteVec, TransactionId,
};
use turn_types::attribute::{ChannelNumber, Data, Lifetime, XorPeerAddress, XorRelayedAddress};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, DATA, REFRESH, SEND};

use super::peers::{OF_PEER_MAX, PERMIT_EVERY};
use super::*;
use crate::sfu::PeerId;

const PEER: PeerId = PeerId(7);

#[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
fn origin() -> Instant {
    Instant::now()
}

fn server() -> SocketAddr {
    ([192, 0, 2, 1], 3478).into()
}

fn relayed() -> SocketAddr {
    ([198, 51, 100, 1], 50_000).into()
}

fn guest() -> SocketAddr {
    ([203, 0, 113, 9], 4_000).into()
}

struct Play {
    relay: Relay,
    now: Instant,
    nonce: &'static str,
    password: &'static str,
}

impl Play {
    fn new() -> Self {
        let now = origin();
        let settings = RelaySettings {
            server: "turn.example:3478".to_owned(),
            username: "alcove".to_owned(),
            password: "secret".to_owned(),
        };
        let mut relay = Relay::new(settings, now);
        relay.set_server(server(), now);
        Self { relay, now, nonce: "one", password: "secret" }
    }

    fn allocated() -> Self {
        let mut play = Self::new();
        play.answer_all();
        assert_eq!(play.relay.address(), Some(relayed()));
        assert_eq!(play.relay.poll_news(), Some(Ok(relayed())));
        play
    }

    fn asked(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.relay.poll_transmit()).collect()
    }

    fn methods(&mut self) -> Vec<u16> {
        self.asked().iter().map(|one| Message::from_bytes(one).expect("STUN").method().value()).collect()
    }

    /// Plays a server of which nothing is wrong, until nothing is asked any more.
    fn answer_all(&mut self) {
        loop {
            let asked = self.asked();
            if asked.is_empty() {
                return;
            }
            for request in asked {
                self.answer(&request);
            }
        }
    }

    fn key(&self) -> MessageIntegrityCredentials {
        let credentials = Credentials { username: "alcove".to_owned(), password: self.password.to_owned() };
        messages::key(&credentials, &Challenge { realm: "lab".to_owned(), nonce: String::new() })
    }

    fn answer(&mut self, request: &[u8]) {
        let message = Message::from_bytes(request).expect("STUN");
        let is_signed = message.attribute::<Username>().is_ok();
        let has_nonce = message.attribute::<Nonce>().is_ok_and(|nonce| nonce.nonce() == self.nonce);
        let is_genuine = message.validate_integrity(&self.key()).is_ok();
        match (is_signed, has_nonce, is_genuine) {
            (false, ..) => self.refuse(request, 401, true),
            (true, false, _) => self.refuse(request, 438, true),
            (true, true, false) => self.refuse(request, 401, true),
            (true, true, true) => self.grant(&message),
        }
    }

    fn grant(&mut self, message: &Message<'_>) {
        let id = message.transaction_id();
        let mut answer = Message::builder_success(message, MessageWriteVec::new());
        if message.method() == ALLOCATE {
            answer.add_attribute(&XorRelayedAddress::new(relayed(), id)).expect("room");
            answer.add_attribute(&Lifetime::new(600)).expect("room");
        }
        answer.add_message_integrity(&self.key(), IntegrityAlgorithm::Sha1).expect("room");
        self.hear(&answer.finish());
    }

    fn refuse(&mut self, request: &[u8], code: u16, challenges: bool) {
        let message = Message::from_bytes(request).expect("STUN");
        let mut answer = Message::builder_error(&message, MessageWriteVec::new());
        answer.add_attribute(&ErrorCode::new(code, "not\u{7} today").expect("a code")).expect("room");
        if challenges {
            answer.add_attribute(&Realm::new("lab").expect("a realm")).expect("room");
            answer.add_attribute(&Nonce::new(self.nonce).expect("a nonce")).expect("room");
        }
        self.hear(&answer.finish());
    }

    fn hear(&mut self, datagram: &[u8]) -> Option<(SocketAddr, Vec<u8>)> {
        let heard = self.relay.receive(datagram, self.now);
        heard.map(|(peer, contents)| (peer, contents.into_owned()))
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.relay.handle_timeout(self.now);
    }

    fn wrap(&mut self, contents: &[u8]) -> (bool, Vec<u8>) {
        let mut wrapped = Vec::new();
        let through = self.relay.wrap(guest(), contents, &mut wrapped, self.now);
        (through, wrapped)
    }
}

#[test]
fn an_address_is_asked_for_again_with_a_signature_and_is_told() {
    let mut play = Play::new();
    let first = play.asked();
    assert_eq!(first.len(), 1);
    assert!(Message::from_bytes(&first[0]).expect("STUN").attribute::<Username>().is_err());
    play.answer(&first[0]);
    assert_eq!(play.relay.address(), None);
    play.answer_all();
    assert_eq!(play.relay.address(), Some(relayed()));
    assert_eq!(play.relay.route().map(|route| route.destination), Some(server()));
}

#[test]
fn a_wrong_password_is_told_in_words_that_hold_no_password_and_tried_again_later_and_later() {
    let mut play = Play::new();
    play.password = "another";
    let mut rests = Vec::new();
    for _ in 0..12 {
        play.answer_all();
        let told = play.relay.poll_news().expect("something is told").expect_err("it is refused");
        assert!(told.contains("turn.example:3478 refuses the user name or the password (401)"), "{told}");
        assert!(!told.contains("secret"));
        let due = play.relay.poll_timeout().expect("it is tried again");
        rests.push(due - play.now);
        play.pass(due - play.now);
    }
    assert_eq!((rests[0], rests[1], rests[11]), (REST, REST * 2, REST_MAX));
}

#[test]
fn a_server_that_does_not_answer_is_asked_four_times_and_told_of() {
    let mut play = Play::new();
    let mut asked = 0;
    while play.relay.poll_news().is_none() {
        asked += play.asked().len();
        play.pass(play.relay.poll_timeout().expect("a deadline") - play.now);
    }
    assert_eq!(asked, 4);
    assert_eq!(play.relay.address(), None);
}

#[test]
fn a_newer_nonce_is_used_and_a_server_that_only_sends_nonces_is_given_up() {
    let mut play = Play::allocated();
    play.nonce = "two";
    play.pass(REFRESH_EVERY);
    play.answer_all();
    assert_eq!(play.relay.address(), Some(relayed()));
    play.pass(REFRESH_EVERY);
    let mut rounds = 0;
    while play.relay.address().is_some() {
        for request in play.asked() {
            play.refuse(&request, 438, true);
        }
        rounds += 1;
        assert!(rounds < 10, "it is given up");
    }
    assert!(play.relay.poll_news().is_some_and(|news| news.is_err()));
}

#[test]
fn a_server_that_was_restarted_is_noticed_and_asked_anew_with_the_permissions_of_before() {
    let mut play = Play::allocated();
    play.relay.permit(PEER, guest().ip(), play.now);
    play.answer_all();
    play.nonce = "after the restart";
    play.pass(REFRESH_EVERY);
    let refresh = play.asked();
    play.refuse(&refresh[0], 437, false);
    assert_eq!(play.relay.address(), None);
    assert!(play.relay.poll_news().is_some_and(|news| news.is_err()));
    play.pass(Duration::ZERO);
    play.answer_all();
    assert_eq!(play.relay.address(), Some(relayed()));
    assert_eq!(play.relay.poll_news(), Some(Ok(relayed())));
    assert!(play.relay.permissions[&guest().ip()].asked_at.is_some());
}

#[test]
fn an_address_of_our_last_life_is_given_back_first() {
    let mut play = Play::new();
    let first = play.asked();
    play.answer(&first[0]);
    let signed = play.asked();
    play.refuse(&signed[0], 437, false);
    let release = play.asked();
    let message = Message::from_bytes(&release[0]).expect("STUN");
    assert_eq!(
        (message.method(), message.attribute::<Lifetime>().expect("a lifetime").seconds()),
        (REFRESH, 0)
    );
    play.answer(&release[0]);
    play.pass(REST);
    play.answer_all();
    assert_eq!(play.relay.address(), Some(relayed()));
}

#[test]
fn permissions_are_asked_for_once_kept_up_while_wanted_and_bounded() {
    let mut play = Play::allocated();
    for _ in 0..3 {
        play.relay.permit(PEER, guest().ip(), play.now);
    }
    play.relay.permit(PEER, "2001:db8::1".parse().expect("an address"), play.now);
    assert_eq!(play.methods(), [CREATE_PERMISSION.value()], "and none of another family");
    play.pass(PERMIT_EVERY);
    assert!(play.methods().contains(&CREATE_PERMISSION.value()));
    for last in 0..=255 {
        play.relay.permit(PEER, [10, 0, 0, last].into(), play.now);
    }
    assert_eq!(play.relay.permissions.len(), OF_PEER_MAX);
    play.relay.forget(PEER);
    assert!(play.relay.permissions.is_empty());
}

#[test]
fn what_leaves_is_an_indication_until_there_is_a_channel() {
    let mut play = Play::allocated();
    let (through, first) = play.wrap(b"a check");
    assert!(!through);
    let message = Message::from_bytes(&first).expect("STUN");
    assert_eq!(message.method(), SEND);
    assert_eq!(message.attribute::<Data<'_>>().expect("data").data(), b"a check");
    let asked = play.asked();
    let bind = Message::from_bytes(&asked[0]).expect("STUN");
    assert_eq!(bind.method(), CHANNEL_BIND);
    let number = bind.attribute::<ChannelNumber>().expect("a channel").channel();
    play.answer(&asked[0]);
    let (through, second) = play.wrap(&[5; 100]);
    assert!(through);
    assert_eq!(second.len(), with_head(100));
    assert_eq!((&second[..2], &second[2..4]), (&number.to_be_bytes()[..], &[0, 100][..]));
    assert_eq!(play.hear(&second), Some((guest(), vec![5; 100])), "and the same way back");
}

#[test]
fn what_a_peer_sends_is_taken_out_and_nonsense_is_not() {
    let mut play = Play::allocated();
    let id = TransactionId::generate();
    let kind = MessageType::from_class_method(MessageClass::Indication, DATA);
    let mut message = Message::builder(kind, id, MessageWriteVec::new());
    message.add_attribute(&XorPeerAddress::new(guest(), id)).expect("room");
    message.add_attribute(&Data::new(b"hello")).expect("room");
    assert_eq!(play.hear(&message.finish()), Some((guest(), b"hello".to_vec())));
    for nonsense in [&[][..], &[0x40], &[0x40, 0, 0, 9, 1], &[0x4f, 0xff, 0, 0], &[0, 1, 0, 0], &[0xff; 40]] {
        assert_eq!(play.hear(nonsense), None, "{nonsense:?}");
    }
}

#[test]
fn a_success_that_was_not_signed_with_our_password_counts_for_nothing() {
    let mut play = Play::new();
    let first = play.asked();
    play.answer(&first[0]);
    play.password = "the forger's";
    let signed = play.asked();
    play.grant(&Message::from_bytes(&signed[0]).expect("STUN"));
    assert_eq!(play.relay.address(), None);
}

#[test]
fn the_address_is_given_back_in_the_end() {
    let mut play = Play::allocated();
    play.relay.close(play.now);
    let asked = play.asked();
    let message = Message::from_bytes(&asked[0]).expect("STUN");
    assert_eq!(message.attribute::<Lifetime>().expect("a lifetime").seconds(), 0);
}

#[test]
fn the_address_of_a_candidate_is_found_where_there_is_one_of_udp() {
    let srflx = "candidate:1 1 udp 1677729535 203.0.113.9 4000 typ srflx raddr 0.0.0.0 rport 0";
    assert_eq!(address_of(srflx), Some(guest().ip()));
    assert_eq!(address_of(&format!("a={srflx}")), Some(guest().ip()));
    for other in
        ["", "candidate:1 1 udp 1 7f3a.local 4000 typ host", "candidate:1 1 tcp 1 203.0.113.9 9 typ host"]
    {
        assert_eq!(address_of(other), None, "{other}");
    }
}
