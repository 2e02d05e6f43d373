//! Offers and fragments, as WHIP and WHEP read them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alcove::fuzz::whip(data));
