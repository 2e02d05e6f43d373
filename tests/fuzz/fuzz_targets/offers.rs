//! Offers and candidates, as words and WHIP bring them to the forwarder.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alcove::fuzz::offers(data));
