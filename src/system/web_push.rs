//! What push services want (RFC 8030): messages sealed for one browser (RFC 8291), and proof of who sends (RFC 8292).

use std::fmt;
use std::path::Path;

use aws_lc_rs::agreement::{self, ECDH_P256, UnparsedPublicKey};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use aws_lc_rs::{aead, hkdf, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};

use super::files::{self, Readers};

/// The longest message, in bytes: one record of 4096 with its tag and its end mark (RFC 8291, section 4).
pub const MESSAGE_BYTES_MAX: usize = 3_993;

/// How long a proof is good, in seconds; a day is the most that is allowed (RFC 8292, section 2).
const PROOF_VALID_S: u64 = 12 * 3600;

/// A point of P-256, uncompressed.
const POINT_BYTES: usize = 65;
const SALT_BYTES: usize = 16;
const AUTH_BYTES: usize = 16;
const RECORD_BYTES: u32 = 4096;

/// The key by which push services know this appliance, and browsers their subscriptions to it.
#[derive(Clone)]
pub struct PushKey {
    signing: EncodingKey,
    public: String,
}

impl PushKey {
    /// Reads `push.key` in the state directory, or makes it.
    ///
    /// # Errors
    /// One sentence when the file cannot be read or written, or holds something else.
    pub fn open(state_folder: &Path) -> Result<Self, files::Error> {
        let path = state_folder.join("push.key");
        let text = match files::read(&path)? {
            Some(text) => text.trim().to_owned(),
            None => {
                let text = fresh_key();
                files::write(&path, &format!("{text}\n"), Readers::OwnerAlone)?;
                text
            }
        };
        Self::from_text(&text).ok_or_else(|| {
            let advice = "remove it to make a new one; browsers subscribe again when their pages are opened";
            files::Error::broken(&path, "it is not a key of P-256", advice)
        })
    }

    fn from_text(text: &str) -> Option<Self> {
        let pkcs8 = URL_SAFE_NO_PAD.decode(text).ok()?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).ok()?;
        let public = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Some(Self { signing: EncodingKey::from_ec_der(&pkcs8), public })
    }

    /// What browsers subscribe with (`applicationServerKey`), in base64 for addresses.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The `Authorization` for a push service: `origin` is its scheme and host, `contact` how its people reach ours
    /// (`mailto:` or `https:`), the time is in seconds since the Unix epoch.
    #[must_use]
    pub fn authorization(&self, origin: &str, contact: &str, now_unix: u64) -> String {
        let claims = serde_json::json!({ "aud": origin, "exp": now_unix + PROOF_VALID_S, "sub": contact });
        let proof = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.signing)
            .expect("the key was read, and claims are strings and a number");
        format!("vapid t={proof}, k={}", self.public)
    }
}

impl fmt::Debug for PushKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushKey(..)")
    }
}

fn fresh_key() -> String {
    let random = rand::SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
        .expect("the system has random numbers once it has started");
    URL_SAFE_NO_PAD.encode(pkcs8.as_ref())
}

/// Why a message cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The subscription's key is no point of P-256, or its secret has not 16 bytes.
    #[error("the keys of the subscription are no keys of a browser; subscribe again")]
    Keys,
    /// The message is too long.
    #[error("the message has more than {MESSAGE_BYTES_MAX} bytes")]
    TooLong,
    /// The machine has no randomness, or the cipher failed.
    #[error("the machine could not seal the message")]
    Failed,
}

/// The keys of one browser.
#[derive(Debug, Clone)]
pub struct BrowserKeys {
    public: [u8; POINT_BYTES],
    auth: [u8; AUTH_BYTES],
}

impl BrowserKeys {
    /// Reads the `p256dh` and `auth` of a subscription, in base64 for addresses.
    ///
    /// # Errors
    /// [`SealError::Keys`].
    pub fn read(p256dh: &str, auth: &str) -> Result<Self, SealError> {
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        let public = bytes(p256dh).and_then(|bytes| bytes.try_into().ok()).ok_or(SealError::Keys)?;
        let auth = bytes(auth).and_then(|bytes| bytes.try_into().ok()).ok_or(SealError::Keys)?;
        Ok(Self { public, auth })
    }

    /// The body that only this browser can read (`Content-Encoding: aes128gcm`).
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(&self, message: &[u8]) -> Result<Vec<u8>, SealError> {
        let own = agreement::PrivateKey::generate(&ECDH_P256).map_err(|_| SealError::Failed)?;
        let mut salt = [0; SALT_BYTES];
        rand::fill(&mut salt).map_err(|_| SealError::Failed)?;
        self.seal_with(message, &own, salt)
    }

    fn seal_with(
        &self,
        message: &[u8],
        own: &agreement::PrivateKey,
        salt: [u8; SALT_BYTES],
    ) -> Result<Vec<u8>, SealError> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(SealError::TooLong);
        }
        let own_public = own.compute_public_key().map_err(|_| SealError::Failed)?;
        let peer = UnparsedPublicKey::new(&ECDH_P256, &self.public);
        let secret = agreement::agree(own, peer, SealError::Keys, |secret| {
            let info = [b"WebPush: info\0", &self.public[..], own_public.as_ref()];
            derive::<32>(&self.auth, secret, &info)
        })?;
        let key: [u8; 16] = derive(&salt, &secret, &[b"Content-Encoding: aes128gcm\0"])?;
        let nonce: [u8; 12] = derive(&salt, &secret, &[b"Content-Encoding: nonce\0"])?;
        // One record, the last one: its end is marked by 2 (RFC 8188, section 2).
        let mut sealed = [message, &[2]].concat();
        let cipher = aead::UnboundKey::new(&aead::AES_128_GCM, &key).map_err(|_| SealError::Failed)?;
        aead::LessSafeKey::new(cipher)
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::empty(),
                &mut sealed,
            )
            .map_err(|_| SealError::Failed)?;
        let mut body = salt.to_vec();
        body.extend(RECORD_BYTES.to_be_bytes());
        body.push(u8::try_from(POINT_BYTES).unwrap_or(u8::MAX));
        body.extend(own_public.as_ref());
        body.extend(sealed);
        Ok(body)
    }
}

/// HKDF with SHA-256 (RFC 5869): extract, then expand to `N` bytes.
fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Result<[u8; N], SealError> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut bytes = [0; N];
    let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let expanded = pseudorandom.expand(info, Length(N)).map_err(|_| SealError::Failed)?;
    expanded.fill(&mut bytes).map_err(|_| SealError::Failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn the_example_of_the_specification_comes_out_byte_for_byte() {
        // RFC 8291, appendix A.
        let keys = BrowserKeys::read(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "BTBZMqHH6r4Tts7J_aSIgg",
        )
        .unwrap();
        let own = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let own = agreement::PrivateKey::from_private_key(&ECDH_P256, &own).unwrap();
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let body = keys.seal_with(b"When I grow up, I want to be a watermelon", &own, salt).unwrap();
        let wanted = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz\
             AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(body), wanted);
    }

    #[test]
    fn keys_that_are_none_and_messages_too_long_are_refused() {
        for (p256dh, auth) in [("", ""), ("AAAA", "BTBZMqHH6r4Tts7J_aSIgg"), ("ä", "ö")] {
            assert_eq!(BrowserKeys::read(p256dh, auth).unwrap_err(), SealError::Keys);
        }
        let no_point = URL_SAFE_NO_PAD.encode([4; POINT_BYTES]);
        let keys = BrowserKeys::read(&no_point, "BTBZMqHH6r4Tts7J_aSIgg").unwrap();
        assert_eq!(keys.seal(b"x").unwrap_err(), SealError::Keys);
        assert_eq!(keys.seal(&[0; MESSAGE_BYTES_MAX + 1]).unwrap_err(), SealError::TooLong);
    }

    #[test]
    fn the_key_is_made_once_and_its_proof_can_be_checked_by_what_browsers_have() {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (PushKey::open(folder.path()).unwrap(), PushKey::open(folder.path()).unwrap());
        assert_eq!(first.public(), second.public());
        let header = first.authorization("https://push.example", "https://aspen.example", 1_800_000_000);
        let (proof, key) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        let (signed, signature) = proof.rsplit_once('.').unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes(key))
            .verify(signed.as_bytes(), &bytes(signature))
            .unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&bytes(signed.split_once('.').unwrap().1)).unwrap();
        assert_eq!(claims["aud"], "https://push.example");
        assert_eq!(claims["exp"], 1_800_000_000_u64 + PROOF_VALID_S);
        assert!(!format!("{first:?}").contains(first.public()));
    }

    #[test]
    fn a_broken_key_is_named_and_not_used() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("push.key"), "short").unwrap();
        let error = PushKey::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("push.key") && error.contains("remove it"), "{error}");
    }
}
