//! Datagrams over TCP, as they arrive and as they leave.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alcove::fuzz::frames(data));
