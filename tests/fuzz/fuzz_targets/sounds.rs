//! What is read of sound with copies, and the holes that are filled from it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alcove::fuzz::sounds(data));
