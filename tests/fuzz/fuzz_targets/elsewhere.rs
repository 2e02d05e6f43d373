//! What another appliance may say of its calls and in its meeting.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alcove::fuzz::elsewhere(data));
