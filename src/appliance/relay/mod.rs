//! A relayed address for peers that cannot reach the appliance: a client of one TURN server (RFC 8656) over UDP.
//!
//! ```text
//!                    ┌── the server's address is known, or the time has come ──┐
//!                    │                                                         ▼
//!   no server ──▶ resting ◀── refused, no answer: wait longer ──────────── allocating ◀─┐ 401: signed
//!                    ▲                                                         │        │ 438: a newer nonce
//!                    │                                                         ▼        │ 437: the old one given back
//!                    └────────── 437, refused, no answer ─────────────────  allocated ──┘
//! ```
//!
//! While it is allocated it is refreshed every few seconds, so that a server that was restarted is noticed.

mod messages;
mod peers;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use stun_types::message::{MessageIntegrityCredentials, TransactionId};

use self::messages::{Ask, CHANNELS, Challenge, Credentials, Heard};
use self::peers::{Channel, Permission};
pub(super) use self::peers::{address_of, with_head};
use crate::sfu::{Protocol, Route};

/// How long the server shall keep the address without a refresh.
const LIFETIME_S: u32 = 600;
/// A restarted server answers a refresh with 437 at once.
const REFRESH_EVERY: Duration = Duration::from_secs(5);
/// A request is sent so often, the first time after this and then twice as long (RFC 8489, 6.2.1).
const SENDS_MAX: u32 = 4;
const RESEND_AFTER: Duration = Duration::from_millis(500);
/// How often one request may be answered with a newer nonce.
const NONCES_MAX: u32 = 4;
/// The first wait after a failure, and the longest; each is twice the one before.
const REST: Duration = Duration::from_secs(2);
const REST_MAX: Duration = Duration::from_mins(5);

/// How the TURN server is used.
#[derive(Clone)]
pub struct RelaySettings {
    /// The server as the configuration names it, `host:port`.
    pub server: String,
    /// Who we are.
    pub username: String,
    /// Known to us and the server alone.
    pub password: String,
}

/// What has become of the relayed address: it is there, or a sentence says why not.
pub(super) type RelayNews = Result<SocketAddr, String>;

/// The client. Time is an argument; datagrams come out of [`poll_transmit`](Self::poll_transmit) and are for the server.
pub(super) struct Relay {
    name: String,
    credentials: Credentials,
    server: Option<SocketAddr>,
    state: State,
    /// What to sign with, once the server has told.
    signing: Option<(Challenge, MessageIntegrityCredentials)>,
    requests: Vec<Request>,
    permissions: BTreeMap<IpAddr, Permission>,
    channels: HashMap<SocketAddr, Channel>,
    next_channel: u16,
    failures: u32,
    outgoing: VecDeque<Vec<u8>>,
    news: VecDeque<RelayNews>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Resting { due: Instant },
    Allocating,
    Allocated { address: SocketAddr, refresh_due: Instant },
}

/// A request that waits for its answer.
struct Request {
    id: TransactionId,
    ask: Ask,
    is_signed: bool,
    bytes: Vec<u8>,
    sends: u32,
    nonces: u32,
    due: Instant,
}

impl Relay {
    pub(super) fn new(settings: RelaySettings, now: Instant) -> Self {
        let RelaySettings { server: name, username, password } = settings;
        Self {
            name,
            credentials: Credentials { username, password },
            server: None,
            state: State::Resting { due: now },
            signing: None,
            requests: Vec::new(),
            permissions: BTreeMap::new(),
            channels: HashMap::new(),
            next_channel: *CHANNELS.start(),
            failures: 0,
            outgoing: VecDeque::new(),
            news: VecDeque::new(),
        }
    }

    /// Where the server's name leads now.
    pub(super) fn set_server(&mut self, server: SocketAddr, now: Instant) {
        if self.server != Some(server) {
            self.server = Some(server);
            self.rest(Duration::ZERO, now);
            self.handle_timeout(now);
        }
    }

    /// Datagrams from there are for [`receive`](Self::receive).
    pub(super) const fn server(&self) -> Option<SocketAddr> {
        self.server
    }

    /// The way to the server, from whichever address of ours leads there.
    pub(super) fn route(&self) -> Option<Route> {
        let destination = self.server?;
        let any: IpAddr = match destination {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Some(Route { protocol: Protocol::Udp, source: SocketAddr::new(any, 0), destination })
    }

    /// The relayed address while there is one.
    pub(super) const fn address(&self) -> Option<SocketAddr> {
        match self.state {
            State::Allocated { address, .. } => Some(address),
            State::Resting { .. } | State::Allocating => None,
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    pub(super) fn poll_news(&mut self) -> Option<RelayNews> {
        self.news.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.server?;
        let state = match self.state {
            State::Resting { due } => Some(due),
            State::Allocating => None,
            State::Allocated { refresh_due, .. } => Some(refresh_due),
        };
        self.requests.iter().map(|request| request.due).chain(state).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.server.is_none() {
            return;
        }
        match self.state {
            State::Resting { due } if due <= now => {
                self.state = State::Allocating;
                self.ask(Ask::Allocate, now);
            }
            State::Allocated { address, refresh_due } if refresh_due <= now => {
                self.state = State::Allocated { address, refresh_due: now + REFRESH_EVERY };
                self.ask(Ask::Refresh { seconds: LIFETIME_S }, now);
                self.renew(now);
            }
            _ => {}
        }
        self.resend(now);
    }

    /// Gives the address back; after that nothing is to be done but to send what is there.
    pub(super) fn close(&mut self, now: Instant) {
        if self.address().is_some() {
            self.ask(Ask::Refresh { seconds: 0 }, now);
        }
    }

    /// What the server says; what a peer has sent through it is returned, with where from.
    pub(super) fn receive<'a>(
        &mut self,
        datagram: &'a [u8],
        now: Instant,
    ) -> Option<(SocketAddr, Cow<'a, [u8]>)> {
        match messages::read(datagram, self.signing.as_ref().map(|(_, key)| key)) {
            Heard::Through { channel, contents } => {
                let peer =
                    self.channels.iter().find(|(_, one)| one.number == channel).map(|(peer, _)| *peer)?;
                return Some((peer, Cow::Borrowed(contents)));
            }
            Heard::Data { peer, contents } => return Some((peer, Cow::Owned(contents))),
            Heard::Success { id, relayed } => {
                if let Some(request) = self.answered(id) {
                    self.succeeded(request.ask, relayed, now);
                }
            }
            Heard::Refused { id, code, reason, challenge } => {
                if let Some(request) = self.answered(id) {
                    self.refused(request, code, &reason, challenge, now);
                }
            }
            Heard::Nothing => {}
        }
        None
    }

    fn answered(&mut self, id: TransactionId) -> Option<Request> {
        let at = self.requests.iter().position(|request| request.id == id)?;
        Some(self.requests.swap_remove(at))
    }

    fn succeeded(&mut self, ask: Ask, relayed: Option<SocketAddr>, now: Instant) {
        match (ask, relayed) {
            (Ask::Allocate, Some(address)) => {
                self.state = State::Allocated { address, refresh_due: now + REFRESH_EVERY };
                self.failures = 0;
                self.news.push_back(Ok(address));
                self.ask_permissions(now);
            }
            (Ask::Allocate, None) => self.fail("gave no address".to_owned(), now),
            // Servers take a moment to forget it.
            (Ask::Refresh { seconds: 0 }, _) => self.rest(REST, now),
            (Ask::Bind { peer, .. }, _) => {
                if let Some(channel) = self.channels.get_mut(&peer) {
                    channel.is_bound = true;
                }
            }
            (Ask::Refresh { .. } | Ask::Permit(_), _) => {}
        }
    }

    fn refused(
        &mut self,
        request: Request,
        code: u16,
        reason: &str,
        challenge: Option<Challenge>,
        now: Instant,
    ) {
        // Signed again once where the nonce is another one: the server may be another one, too.
        let is_newer = challenge.as_ref() != self.signing.as_ref().map(|(challenge, _)| challenge);
        let is_first = !request.is_signed || (is_newer && request.nonces == 0);
        let is_challenge = (code == 401 && is_first) || code == 438;
        match (code, request.ask, challenge) {
            (_, ask, Some(challenge)) if is_challenge && request.nonces < NONCES_MAX => {
                let key = messages::key(&self.credentials, &challenge);
                self.signing = Some((challenge, key));
                self.ask_again(ask, request.nonces + 1, now);
            }
            // One of our last life is still there, or was given to another name.
            (437, Ask::Allocate, _) if request.nonces < NONCES_MAX => {
                self.ask_again(Ask::Refresh { seconds: 0 }, NONCES_MAX, now);
            }
            (437, Ask::Refresh { seconds: LIFETIME_S }, _) => {
                self.news.push_back(Err(format!("the TURN server {} was restarted; it is asked anew", self.name)));
                self.rest(Duration::ZERO, now);
            }
            (401 | 441, _, _) => self.fail(
                format!("refuses the user name or the password ({code}): look at turn.username and turn.password_file"),
                now,
            ),
            // It refuses a peer, and no more: those go by other ways.
            (_, Ask::Permit(_) | Ask::Bind { .. }, _) => log::debug!("TURN: {code} {reason}"),
            (_, Ask::Allocate | Ask::Refresh { .. }, _) => self.fail(format!("refuses ({code} {reason})"), now),
        }
    }

    /// Begins anew, after so long.
    fn rest(&mut self, rest: Duration, now: Instant) {
        self.state = State::Resting { due: now + rest };
        self.requests.clear();
        self.channels.clear();
        self.next_channel = *CHANNELS.start();
        for permission in self.permissions.values_mut() {
            permission.asked_at = None;
        }
    }

    /// Begins anew after a while, longer each time.
    fn fail(&mut self, how: String, now: Instant) {
        let rest = REST.saturating_mul(1 << self.failures.min(16)).min(REST_MAX);
        self.failures += 1;
        self.rest(rest, now);
        self.news
            .push_back(Err(format!("the TURN server {} {how}; media is not relayed meanwhile", self.name)));
    }

    fn ask(&mut self, ask: Ask, now: Instant) {
        self.ask_again(ask, 0, now);
    }

    fn ask_again(&mut self, ask: Ask, nonces: u32, now: Instant) {
        let signing = self.signing.as_ref().map(|(challenge, key)| (challenge, key));
        let is_signed = signing.is_some();
        match messages::request(&ask, &self.credentials.username, signing) {
            Ok((id, bytes)) => {
                self.outgoing.push_back(bytes.clone());
                let due = now + RESEND_AFTER;
                self.requests.push(Request { id, ask, is_signed, bytes, sends: 1, nonces, due });
            }
            Err(error) => self.fail(format!("cannot be asked ({error})"), now),
        }
    }

    fn resend(&mut self, now: Instant) {
        let mut unanswered = Vec::new();
        for request in self.requests.iter_mut().filter(|request| request.due <= now) {
            if request.sends >= SENDS_MAX {
                unanswered.push(request.id);
                continue;
            }
            request.due = now + RESEND_AFTER * 2_u32.pow(request.sends);
            request.sends += 1;
            self.outgoing.push_back(request.bytes.clone());
        }
        for id in unanswered {
            if let Some(request) = self.answered(id) {
                self.give_up(request.ask, now);
            }
        }
    }

    /// Nobody has answered.
    fn give_up(&mut self, ask: Ask, now: Instant) {
        match ask {
            Ask::Allocate | Ask::Refresh { .. } => self.fail("does not answer".to_owned(), now),
            Ask::Bind { peer, .. } => drop(self.channels.remove(&peer)),
            Ask::Permit(peers) => {
                for peer in peers {
                    if let Some(permission) = self.permissions.get_mut(&peer) {
                        permission.asked_at = None;
                    }
                }
            }
        }
    }
}
