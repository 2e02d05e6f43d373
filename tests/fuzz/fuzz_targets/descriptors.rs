//! What is read of dependency descriptors, one after the other.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alcove::fuzz::descriptors(data));
