//! SRTP and SRTCP with the keys of a DTLS handshake (RFC 3711, RFC 7714): what we send, and the reports we get.

use std::fmt;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use str0m::crypto::dtls::SrtpProfile;

/// Labels of the key derivation (RFC 3711, 4.3.2), the first of three: cipher key, authentication key, salt.
const RTP_LABELS: u8 = 0;
const RTCP_LABELS: u8 = 3;
const GCM_SALT_BYTES: usize = 12;
const GCM_TAG_BYTES: usize = 16;
const CM_KEY_BYTES: usize = 16;
const CM_SALT_BYTES: usize = 14;
const CM_TAG_BYTES: usize = 10;
const HMAC_KEY_BYTES: usize = 20;
/// The part of an RTCP packet that stays readable: its first header with the sender's SSRC.
const RTCP_CLEAR_BYTES: usize = 8;
const INDEX_BYTES: usize = 4;
/// The bit beside the SRTCP index that says: encrypted.
const ENCRYPTED: u32 = 1 << 31;
/// The most senders of reports that one peer is known to have; the oldest is forgotten.
const REPORTERS_MAX: usize = 16;

/// The most that protection adds to a datagram, in bytes.
pub(super) const OVERHEAD_BYTES: usize = GCM_TAG_BYTES + INDEX_BYTES;

/// What a DTLS handshake agreed on (RFC 5764, 4.2): both directions' master keys and salts.
#[derive(Clone)]
pub(super) struct Secrets {
    pub(super) profile: SrtpProfile,
    /// The keying material: client key, server key, client salt, server salt.
    pub(super) material: Vec<u8>,
    /// Ours is the client's part.
    pub(super) is_client: bool,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// Keys of one direction that cannot be used: the profile is unknown or the material has another length.
#[derive(Debug, thiserror::Error)]
#[error("the handshake yielded no usable media keys")]
pub(super) struct BadKeys;

impl From<Unspecified> for BadKeys {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

/// Protects what we send.
pub(super) struct Protector {
    rtp: Cipher,
    rtcp: Cipher,
    /// Of the last report, 31 bits.
    index: u32,
}

impl Protector {
    pub(super) fn new(secrets: &Secrets) -> Result<Self, BadKeys> {
        let master = Master::of(secrets, secrets.is_client)?;
        Ok(Self { rtp: master.cipher(RTP_LABELS)?, rtcp: master.cipher(RTCP_LABELS)?, index: 0 })
    }

    /// Protects the RTP packet at the end of `bytes` from `start` on, in place. `header` is the length of its
    /// header; `index` its sequence number, extended to 48 bits.
    pub(super) fn protect_rtp(
        &self,
        bytes: &mut Vec<u8>,
        start: usize,
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), BadKeys> {
        match &self.rtp {
            Cipher::Gcm { key, salt } => {
                let (clear, payload) = bytes[start..].split_at_mut(header);
                let tag = key.seal_in_place_separate_tag(
                    gcm_nonce(salt, ssrc, index),
                    Aad::from(&*clear),
                    payload,
                )?;
                bytes.extend_from_slice(tag.as_ref());
            }
            Cipher::Cm { key, auth, salt } => {
                key.less_safe_encrypt(&mut bytes[start + header..], cm_iv(salt, ssrc, index))?;
                let mut context = hmac::Context::with_key(auth);
                context.update(&bytes[start..]);
                // The rollover counter is authenticated and not sent.
                context.update(&index.to_be_bytes()[2..6]);
                bytes.extend_from_slice(&context.sign().as_ref()[..CM_TAG_BYTES]);
            }
        }
        Ok(())
    }

    /// Protects the compound RTCP packet at the end of `bytes` from `start` on, in place.
    pub(super) fn protect_rtcp(&mut self, bytes: &mut Vec<u8>, start: usize) -> Result<(), BadKeys> {
        self.index = (self.index + 1) & !ENCRYPTED;
        let ssrc = rtcp_ssrc(&bytes[start..]).ok_or(BadKeys)?;
        let index = (self.index | ENCRYPTED).to_be_bytes();
        match &self.rtcp {
            Cipher::Gcm { key, salt } => {
                let aad = gcm_rtcp_aad(&bytes[start..], index);
                let nonce = gcm_nonce(salt, ssrc, self.index.into());
                let payload = &mut bytes[start + RTCP_CLEAR_BYTES..];
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), payload)?;
                bytes.extend_from_slice(tag.as_ref());
                bytes.extend_from_slice(&index);
            }
            Cipher::Cm { key, auth, salt } => {
                let payload = &mut bytes[start + RTCP_CLEAR_BYTES..];
                key.less_safe_encrypt(payload, cm_iv(salt, ssrc, self.index.into()))?;
                bytes.extend_from_slice(&index);
                let tag = hmac::sign(auth, &bytes[start..]);
                bytes.extend_from_slice(&tag.as_ref()[..CM_TAG_BYTES]);
            }
        }
        Ok(())
    }
}

/// Opens the reports that a peer sends.
pub(super) struct Opener {
    rtcp: Cipher,
    reporters: Vec<Reporter>,
}

/// Which reports of one sender have been seen (RFC 3711, 3.3.2).
struct Reporter {
    ssrc: u32,
    newest: u32,
    /// Bit n: the report n before the newest was seen.
    seen: u64,
}

impl Opener {
    pub(super) fn new(secrets: &Secrets) -> Result<Self, BadKeys> {
        let master = Master::of(secrets, !secrets.is_client)?;
        Ok(Self { rtcp: master.cipher(RTCP_LABELS)?, reporters: Vec::new() })
    }

    /// Opens an SRTCP packet into `plain`; returns whether it is genuine and new.
    pub(super) fn open_rtcp(&mut self, datagram: &[u8], plain: &mut Vec<u8>) -> bool {
        plain.clear();
        let Some(ssrc) = rtcp_ssrc(datagram) else { return false };
        let Some(index) = self.rtcp.open_rtcp(datagram, ssrc, plain) else { return false };
        self.is_new(ssrc, index)
    }

    fn is_new(&mut self, ssrc: u32, index: u32) -> bool {
        let Some(known) = self.reporters.iter_mut().find(|one| one.ssrc == ssrc) else {
            if self.reporters.len() >= REPORTERS_MAX {
                self.reporters.remove(0);
            }
            self.reporters.push(Reporter { ssrc, newest: index, seen: 1 });
            return true;
        };
        if index > known.newest {
            known.seen = known.seen.checked_shl(index - known.newest).unwrap_or(0) | 1;
            known.newest = index;
            return true;
        }
        let Some(bit) = 1_u64.checked_shl(known.newest - index) else { return false };
        let is_new = known.seen & bit == 0;
        known.seen |= bit;
        is_new
    }
}

/// A cipher with its key and salt.
#[expect(clippy::large_enum_variant, reason = "nearly every peer agrees on the larger one")]
enum Cipher {
    Gcm { key: LessSafeKey, salt: [u8; GCM_SALT_BYTES] },
    Cm { key: EncryptingKey, auth: hmac::Key, salt: [u8; CM_SALT_BYTES] },
}

impl Cipher {
    /// The index of a genuine SRTCP packet, whose text is put into `plain`.
    fn open_rtcp(&self, datagram: &[u8], ssrc: u32, plain: &mut Vec<u8>) -> Option<u32> {
        let (sealed, word) = match self {
            Self::Gcm { .. } => datagram.split_last_chunk::<INDEX_BYTES>()?,
            Self::Cm { auth, .. } => {
                let (signed, tag) = datagram.split_last_chunk::<CM_TAG_BYTES>()?;
                let own = hmac::sign(auth, signed);
                aws_lc_rs::constant_time::verify_slices_are_equal(&own.as_ref()[..CM_TAG_BYTES], tag).ok()?;
                signed.split_last_chunk::<INDEX_BYTES>()?
            }
        };
        let index = u32::from_be_bytes(*word);
        if index & ENCRYPTED == 0 || sealed.len() < RTCP_CLEAR_BYTES {
            return None;
        }
        plain.extend_from_slice(sealed);
        let payload = &mut plain[RTCP_CLEAR_BYTES..];
        let number = index & !ENCRYPTED;
        match self {
            Self::Gcm { key, salt } => {
                let aad = gcm_rtcp_aad(sealed, *word);
                let nonce = gcm_nonce(salt, ssrc, number.into());
                let length = key.open_in_place(nonce, Aad::from(aad), payload).ok()?.len();
                plain.truncate(RTCP_CLEAR_BYTES + length);
            }
            Self::Cm { key, salt, .. } => {
                // In counter mode opening is what sealing is.
                key.less_safe_encrypt(payload, cm_iv(salt, ssrc, number.into())).ok()?;
            }
        }
        Some(number)
    }
}

fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    packet.get(4..RTCP_CLEAR_BYTES)?.try_into().ok().map(u32::from_be_bytes)
}

/// RFC 7714, 8.1 and 9.1: both fit into six bytes behind the SSRC.
fn gcm_nonce(salt: &[u8; GCM_SALT_BYTES], ssrc: u32, index: u64) -> Nonce {
    let mut nonce = [0; GCM_SALT_BYTES];
    nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
    nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
    for (byte, salt) in nonce.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    Nonce::assume_unique_for_key(nonce)
}

/// RFC 7714, 9.2.
fn gcm_rtcp_aad(packet: &[u8], index: [u8; INDEX_BYTES]) -> [u8; RTCP_CLEAR_BYTES + INDEX_BYTES] {
    let mut aad = [0; RTCP_CLEAR_BYTES + INDEX_BYTES];
    aad[..RTCP_CLEAR_BYTES].copy_from_slice(&packet[..RTCP_CLEAR_BYTES]);
    aad[RTCP_CLEAR_BYTES..].copy_from_slice(&index);
    aad
}

/// RFC 3711, 4.1.1.
fn cm_iv(salt: &[u8; CM_SALT_BYTES], ssrc: u32, index: u64) -> EncryptionContext {
    let mut iv = [0; 16];
    iv[..CM_SALT_BYTES].copy_from_slice(salt);
    let number = ssrc.to_be_bytes().into_iter().chain(index.to_be_bytes().into_iter().skip(2));
    for (byte, number) in iv[4..].iter_mut().zip(number) {
        *byte ^= number;
    }
    EncryptionContext::Iv128(iv.into())
}

/// The master key and salt of one direction.
struct Master<'a> {
    profile: SrtpProfile,
    key: &'a [u8],
    salt: &'a [u8],
}

impl<'a> Master<'a> {
    fn of(secrets: &'a Secrets, client: bool) -> Result<Self, BadKeys> {
        let (key, salt) = match secrets.profile {
            SrtpProfile::AES128_CM_SHA1_80 => (CM_KEY_BYTES, CM_SALT_BYTES),
            SrtpProfile::AEAD_AES_128_GCM => (16, GCM_SALT_BYTES),
            SrtpProfile::AEAD_AES_256_GCM => (32, GCM_SALT_BYTES),
            _ => return Err(BadKeys),
        };
        if secrets.material.len() != 2 * (key + salt) {
            return Err(BadKeys);
        }
        let (keys, salts) = secrets.material.split_at(2 * key);
        let at = usize::from(!client);
        Ok(Self {
            profile: secrets.profile,
            key: &keys[at * key..][..key],
            salt: &salts[at * salt..][..salt],
        })
    }

    /// The cipher whose keys have these labels.
    fn cipher(&self, labels: u8) -> Result<Cipher, BadKeys> {
        if self.profile == SrtpProfile::AES128_CM_SHA1_80 {
            let key = self.derive::<CM_KEY_BYTES>(labels)?;
            let auth = self.derive::<HMAC_KEY_BYTES>(labels + 1)?;
            return Ok(Cipher::Cm {
                key: EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, &key)?)?,
                auth: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &auth),
                salt: self.derive(labels + 2)?,
            });
        }
        let key = if self.key.len() == 16 {
            UnboundKey::new(&AES_128_GCM, &self.derive::<16>(labels)?)?
        } else {
            UnboundKey::new(&AES_256_GCM, &self.derive::<32>(labels)?)?
        };
        Ok(Cipher::Gcm { key: LessSafeKey::new(key), salt: self.derive(labels + 2)? })
    }

    /// AES in counter mode over zeros is the pseudo-random function (RFC 3711, 4.3.3).
    fn derive<const N: usize>(&self, label: u8) -> Result<[u8; N], BadKeys> {
        let mut input = [0; 16];
        input[..self.salt.len()].copy_from_slice(self.salt);
        input[7] ^= label;
        let algorithm = if self.key.len() == 16 { &AES_128 } else { &AES_256 };
        let key = EncryptingKey::ctr(UnboundCipherKey::new(algorithm, self.key)?)?;
        let mut derived = [0; N];
        key.less_safe_encrypt(&mut derived, EncryptionContext::Iv128(input.into()))?;
        Ok(derived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<char> = hex.chars().filter(|digit| !digit.is_whitespace()).collect();
        let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).expect("hex");
        digits.chunks(2).map(byte).collect()
    }

    fn secrets(profile: SrtpProfile, bytes: usize, is_client: bool) -> Secrets {
        Secrets { profile, material: (0..bytes as u8).collect(), is_client }
    }

    const PROFILES: [(SrtpProfile, usize); 3] = [
        (SrtpProfile::AES128_CM_SHA1_80, 60),
        (SrtpProfile::AEAD_AES_128_GCM, 56),
        (SrtpProfile::AEAD_AES_256_GCM, 88),
    ];

    #[test]
    fn keys_are_derived_as_in_rfc_3711_appendix_b_3() {
        let key = bytes("E1F97A0D3E018BE0D64FA32C06DE4139");
        let salt = bytes("0EC675AD498AFEEBB6960B3AABE6");
        let master = Master { profile: SrtpProfile::AES128_CM_SHA1_80, key: &key, salt: &salt };
        assert_eq!(master.derive::<16>(0).unwrap().to_vec(), bytes("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(master.derive::<14>(2).unwrap().to_vec(), bytes("30CBBC08863D8C85D49DB34A9AE1"));
        let auth = bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
        assert_eq!(master.derive::<20>(1).unwrap().to_vec(), auth);
    }

    #[test]
    fn a_packet_is_sealed_as_in_rfc_7714_16_1_1() {
        let key: Vec<u8> = (0..16).collect();
        let salt = bytes("517569642070726f2071756f").try_into().expect("12 bytes");
        let cipher = || {
            let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
            Cipher::Gcm { key, salt }
        };
        let protector = Protector { rtp: cipher(), rtcp: cipher(), index: 0 };
        let mut packet = bytes("8040f17b8041f8d35501a0b2");
        packet.extend_from_slice(b"Gallia est omnis divisa in partes tres");
        protector.protect_rtp(&mut packet, 0, 12, 0x5501_a0b2, 0xf17b).unwrap();
        let sealed = bytes(
            "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf\
             8833899d7f27beb16a9152cf765ee4390cce",
        );
        assert_eq!(packet, sealed);
    }

    #[test]
    fn a_report_is_opened_by_the_other_side_and_once() {
        for (profile, length) in PROFILES {
            let mut ours = Protector::new(&secrets(profile, length, true)).unwrap();
            let mut theirs = Opener::new(&secrets(profile, length, false)).unwrap();
            let report = bytes("80c90001deadbeef81ca0002deadbeef0101610000");
            let mut sent = vec![7, 7];
            sent.extend_from_slice(&report);
            ours.protect_rtcp(&mut sent, 2).unwrap();
            let mut plain = Vec::new();
            assert!(theirs.open_rtcp(&sent[2..], &mut plain), "{profile:?}");
            assert_eq!(plain, report);
            assert!(!theirs.open_rtcp(&sent[2..], &mut plain), "{profile:?}: a replay");
        }
    }

    #[test]
    fn a_report_that_was_changed_or_cut_is_not_opened() {
        for (profile, length) in PROFILES {
            let mut ours = Protector::new(&secrets(profile, length, true)).unwrap();
            let mut sent = bytes("80c90001deadbeef81ca0002deadbeef0101610000");
            ours.protect_rtcp(&mut sent, 0).unwrap();
            let mut theirs = Opener::new(&secrets(profile, length, false)).unwrap();
            let mut plain = Vec::new();
            for at in 0..sent.len() {
                let mut changed = sent.clone();
                changed[at] ^= 1;
                assert!(!theirs.open_rtcp(&changed, &mut plain), "{profile:?}: byte {at}");
                assert!(!theirs.open_rtcp(&sent[..at], &mut plain), "{profile:?}: {at} bytes");
            }
            assert!(theirs.open_rtcp(&sent, &mut plain));
        }
    }

    #[test]
    fn reports_may_overtake_each_other() {
        let (profile, length) = PROFILES[1];
        let mut theirs = Opener::new(&secrets(profile, length, false)).unwrap();
        let seen: Vec<bool> =
            [5, 7, 6, 7, 5, 200, 136, 130].into_iter().map(|index| theirs.is_new(1, index)).collect();
        assert_eq!(seen, [true, true, true, false, false, true, false, false]);
    }
}
