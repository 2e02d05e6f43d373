//! What is read of video payloads, and written into them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alcove::fuzz::payloads(data));
