//! The words of the WebSocket, and what a meeting makes of them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alcove::fuzz::words(data));
