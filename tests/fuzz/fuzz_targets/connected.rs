//! What two connected pages send, properly protected, over time.

#![no_main]

/// What led to a crash, earlier runs and all: as one input it leads there again.
const PAST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/artifacts/connected/past");

libfuzzer_sys::fuzz_target!(
    init: {
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            match std::fs::write(PAST, alcove::fuzz::past()) {
                Ok(()) => eprintln!("what led there: {PAST}"),
                Err(why) => eprintln!("{PAST} cannot be written: {why}"),
            }
            abort(panic);
        }));
    },
    |data: &[u8]| alcove::fuzz::connected(data)
);
