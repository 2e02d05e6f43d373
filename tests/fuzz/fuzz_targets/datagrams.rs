//! Datagrams for a peer that has offered and is not connected.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alcove::fuzz::datagrams(data));
