//! What another appliance may answer to an offer of ours.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alcove::fuzz::answers(data));
