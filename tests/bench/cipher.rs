//! Which SRTP profile is really used, as the generator's own cryptography sees it: every cipher that is made is
//! counted, and made by str0m's usual provider.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use str0m::config::CryptoProvider;
use str0m::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher, SrtpProvider, SupportedAeadAes128Gcm,
    SupportedAeadAes256Gcm, SupportedAes128CmSha1_80, from_feature_flags,
};

/// The profile that all systems are measured with.
pub(crate) const PINNED: &str = "AEAD_AES_256_GCM";

static ORIGINAL: LazyLock<CryptoProvider> = LazyLock::new(from_feature_flags);
static SRTP: CountingSrtp = CountingSrtp;
static CM_SHA1: CountingCmSha1 = CountingCmSha1(AtomicU64::new(0));
static GCM_128: CountingGcm128 = CountingGcm128(AtomicU64::new(0));
static GCM_256: CountingGcm256 = CountingGcm256(AtomicU64::new(0));

/// The provider to give to each `Rtc`.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    let original = &*ORIGINAL;
    Arc::new(CryptoProvider {
        srtp_provider: &SRTP,
        sha1_hmac_provider: original.sha1_hmac_provider,
        sha1_provider: original.sha1_provider,
        sha256_provider: original.sha256_provider,
        dtls_provider: original.dtls_provider,
    })
}

/// How many ciphers of each profile have been made so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts([u64; 3]);

const PROFILES: [&str; 3] = ["AES128_CM_SHA1_80", "AEAD_AES_128_GCM", PINNED];

impl Counts {
    pub(crate) fn now() -> Self {
        Self([&CM_SHA1.0, &GCM_128.0, &GCM_256.0].map(|count| count.load(Ordering::Relaxed)))
    }

    /// The names of the profiles that were used since then.
    pub(crate) fn used_since(self, before: Self) -> Vec<&'static str> {
        let used = self.0.iter().zip(before.0).map(|(now, before)| *now > before);
        PROFILES.into_iter().zip(used).filter(|(_, is_used)| *is_used).map(|(name, _)| name).collect()
    }
}

#[derive(Debug)]
struct CountingSrtp;
#[derive(Debug)]
struct CountingCmSha1(AtomicU64);
#[derive(Debug)]
struct CountingGcm128(AtomicU64);
#[derive(Debug)]
struct CountingGcm256(AtomicU64);

impl SrtpProvider for CountingSrtp {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        &CM_SHA1
    }

    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &GCM_128
    }

    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &GCM_256
    }

    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        ORIGINAL.srtp_provider.srtp_aes_128_ecb_round(key, input, output);
    }

    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        ORIGINAL.srtp_provider.srtp_aes_256_ecb_round(key, input, output);
    }
}

impl SupportedAes128CmSha1_80 for CountingCmSha1 {
    fn create_cipher(&self, key: [u8; 16], encrypt: bool) -> Box<dyn Aes128CmSha1_80Cipher> {
        self.0.fetch_add(1, Ordering::Relaxed);
        ORIGINAL.srtp_provider.aes_128_cm_sha1_80().create_cipher(key, encrypt)
    }
}

impl SupportedAeadAes128Gcm for CountingGcm128 {
    fn create_cipher(&self, key: [u8; 16], encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        self.0.fetch_add(1, Ordering::Relaxed);
        ORIGINAL.srtp_provider.aead_aes_128_gcm().create_cipher(key, encrypt)
    }
}

impl SupportedAeadAes256Gcm for CountingGcm256 {
    fn create_cipher(&self, key: [u8; 32], encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        self.0.fetch_add(1, Ordering::Relaxed);
        ORIGINAL.srtp_provider.aead_aes_256_gcm().create_cipher(key, encrypt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_that_was_used_is_named() {
        let before = Counts([4, 0, 10]);
        assert_eq!(Counts([4, 0, 12]).used_since(before), [PINNED]);
        assert_eq!(Counts([5, 0, 12]).used_since(before), ["AES128_CM_SHA1_80", PINNED]);
        assert!(before.used_since(before).is_empty());
    }
}
