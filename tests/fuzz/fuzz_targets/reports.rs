//! RTCP that a receiver sends, read alone and taken by a sender.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alcove::fuzz::reports(data));
