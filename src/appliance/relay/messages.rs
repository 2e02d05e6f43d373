//! The words between us and a TURN server (RFC 8656): requests written and signed, answers and data read.

use std::net::{IpAddr, SocketAddr};

use stun_types::attribute::{ErrorCode, Nonce, Realm, Username};
use stun_types::message::{
    IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageIntegrityCredentials,
    MessageType, MessageWrite as _, MessageWriteExt as _, MessageWriteVec, Method, StunWriteError,
    TransactionId,
};
use turn_types::attribute::{
    ChannelNumber, Data, Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress,
};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, DATA, REFRESH, SEND};

/// The first and the last channel (RFC 8656, 12).
pub(super) const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x4fff;
/// What stands before the data of a channel.
pub(super) const CHANNEL_HEAD_BYTES: usize = 4;

/// How much of what a server says about a refusal is told on.
const REASON_CHARS_MAX: usize = 64;

/// What lets us in.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
}

/// What a server wants to be repeated in signed requests (RFC 8489, 9.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) realm: String,
    pub(super) nonce: String,
}

/// What we ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    /// An address for us, over UDP.
    Allocate,
    /// To keep it for so many seconds; 0 gives it back.
    Refresh { seconds: u32 },
    /// To let through what these send to it.
    Permit(Vec<IpAddr>),
    /// A short head for what goes to and comes from a peer.
    Bind { channel: u16, peer: SocketAddr },
}

/// What a datagram of the server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard<'a> {
    /// Done; `relayed` for an allocation.
    Success {
        id: TransactionId,
        relayed: Option<SocketAddr>,
    },
    Refused {
        id: TransactionId,
        code: u16,
        reason: String,
        challenge: Option<Challenge>,
    },
    /// Somebody sent this to our address.
    Data {
        peer: SocketAddr,
        contents: Vec<u8>,
    },
    /// The same, through a channel.
    Through {
        channel: u16,
        contents: &'a [u8],
    },
    Nothing,
}

/// A key for signatures; it is worth to be kept.
pub(super) fn key(credentials: &Credentials, challenge: &Challenge) -> MessageIntegrityCredentials {
    let Credentials { username, password } = credentials.clone();
    LongTermKeyCredentials::new(username, password, challenge.realm.clone()).into()
}

/// Writes a request, signed if the server has said what to sign with.
///
/// # Errors
/// When a name is longer than STUN allows.
pub(super) fn request(
    ask: &Ask,
    username: &str,
    signed: Option<(&Challenge, &MessageIntegrityCredentials)>,
) -> Result<(TransactionId, Vec<u8>), StunWriteError> {
    let method = match ask {
        Ask::Allocate => ALLOCATE,
        Ask::Refresh { .. } => REFRESH,
        Ask::Permit(_) => CREATE_PERMISSION,
        Ask::Bind { .. } => CHANNEL_BIND,
    };
    let id = TransactionId::generate();
    let mut message = begin(MessageClass::Request, method, id);
    match ask {
        Ask::Allocate => message.add_attribute(&RequestedTransport::new(RequestedTransport::UDP))?,
        Ask::Refresh { seconds } => message.add_attribute(&Lifetime::new(*seconds))?,
        Ask::Permit(peers) => {
            for peer in peers {
                message.add_attribute(&XorPeerAddress::new(SocketAddr::new(*peer, 0), id))?;
            }
        }
        Ask::Bind { channel, peer } => {
            message.add_attribute(&ChannelNumber::new(*channel))?;
            message.add_attribute(&XorPeerAddress::new(*peer, id))?;
        }
    }
    if let Some((challenge, key)) = signed {
        message.add_attribute(&Username::new(username)?)?;
        message.add_attribute(&Realm::new(&challenge.realm)?)?;
        message.add_attribute(&Nonce::new(&challenge.nonce)?)?;
        message.add_message_integrity(key, IntegrityAlgorithm::Sha1)?;
    }
    Ok((id, message.finish()))
}

/// Writes what a peer is to receive, before there is a channel to it.
///
/// # Errors
/// When it is longer than STUN allows.
pub(super) fn indication(peer: SocketAddr, contents: &[u8]) -> Result<Vec<u8>, StunWriteError> {
    let id = TransactionId::generate();
    let mut message = begin(MessageClass::Indication, SEND, id);
    message.add_attribute(&XorPeerAddress::new(peer, id))?;
    message.add_attribute(&Data::new(contents))?;
    Ok(message.finish())
}

fn begin(class: MessageClass, method: Method, id: TransactionId) -> MessageWriteVec {
    Message::builder(MessageType::from_class_method(class, method), id, MessageWriteVec::new())
}

/// Reads a datagram of the server. A success that `key` has not signed is none.
pub(super) fn read<'a>(datagram: &'a [u8], key: Option<&MessageIntegrityCredentials>) -> Heard<'a> {
    if let [0x40..=0x4f, ..] = datagram {
        return through(datagram).unwrap_or(Heard::Nothing);
    }
    let Ok(message) = Message::from_bytes(datagram) else { return Heard::Nothing };
    let id = message.transaction_id();
    match message.class() {
        MessageClass::Success if key.is_some_and(|key| message.validate_integrity(key).is_ok()) => {
            let relayed = message.attribute::<XorRelayedAddress>().ok().map(|relayed| relayed.addr(id));
            Heard::Success { id, relayed }
        }
        MessageClass::Error => refused(&message, id),
        MessageClass::Indication if message.method() == DATA => data(&message, id).unwrap_or(Heard::Nothing),
        _ => Heard::Nothing,
    }
}

/// RFC 8656, 12.4; over UDP what follows the data is padding.
fn through(datagram: &[u8]) -> Option<Heard<'_>> {
    let [a, b, c, d, contents @ ..] = datagram else { return None };
    let contents = contents.get(..u16::from_be_bytes([*c, *d]).into())?;
    Some(Heard::Through { channel: u16::from_be_bytes([*a, *b]), contents })
}

fn refused<'a>(message: &Message<'_>, id: TransactionId) -> Heard<'a> {
    let Ok(error) = message.attribute::<ErrorCode>() else { return Heard::Nothing };
    let challenge = message.attribute::<Nonce>().ok().map(|nonce| Challenge {
        realm: message.attribute::<Realm>().map(|realm| realm.realm().to_owned()).unwrap_or_default(),
        nonce: nonce.nonce().to_owned(),
    });
    let printable = error.reason().chars().filter(|one| !one.is_control());
    Heard::Refused { id, code: error.code(), reason: printable.take(REASON_CHARS_MAX).collect(), challenge }
}

fn data<'a>(message: &Message<'_>, id: TransactionId) -> Option<Heard<'a>> {
    let peer = message.attribute::<XorPeerAddress>().ok()?.addr(id);
    let contents = message.attribute::<Data<'_>>().ok()?.data().to_vec();
    Some(Heard::Data { peer, contents })
}
