//! What strangers can send, made up: a function for each fuzz target, and the replay of what was found worth keeping.
//!
//! A target is a function that takes any bytes and panics when something is not as it must be. It has a line here, a
//! file in `tests/fuzz/fuzz_targets/`, a `[[bin]]` in `tests/fuzz/Cargo.toml`, and a folder in `tests/fuzz/corpus/`.

pub use crate::api::fuzz::whip;
pub use crate::appliance::fuzz::{frames, words};
pub use crate::remote::appliance::fuzz::elsewhere;
pub use crate::sfu::fuzz::{
    answers, connected, datagrams, descriptors, offers, past, payloads, reports, sounds,
};

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Hands every file of a target's corpus to it.
    fn replay(target: &str, function: fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
        let files = fs::read_dir(&corpus).unwrap_or_else(|why| panic!("{}: {why}", corpus.display()));
        let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "{} is empty", corpus.display());
        for path in paths {
            let data = fs::read(&path).expect("a file");
            if let Err(why) = std::panic::catch_unwind(|| function(&data)) {
                eprintln!("{}", path.display());
                std::panic::resume_unwind(why);
            }
        }
    }

    #[test]
    fn payloads_of_any_kind_are_looked_at_and_only_their_ids_are_rewritten() {
        replay("payloads", super::payloads);
    }

    #[test]
    fn reports_of_any_kind_are_read_to_an_end_and_answered_within_limits() {
        replay("reports", super::reports);
    }

    #[test]
    fn sounds_with_copies_of_any_kind_fill_holes_and_give_no_number_twice() {
        replay("sounds", super::sounds);
    }

    #[test]
    fn descriptors_of_any_kind_tell_layers_that_there_are() {
        replay("descriptors", super::descriptors);
    }

    #[test]
    fn frames_of_any_kind_arrive_and_leave_whole_wherever_they_are_cut() {
        replay("frames", super::frames);
    }

    #[test]
    fn offers_of_any_kind_are_answered_or_refused_with_a_sentence() {
        replay("offers", super::offers);
    }

    #[test]
    fn answers_of_any_kind_to_our_offer_are_taken_or_refused_with_a_sentence() {
        replay("answers", super::answers);
    }

    #[test]
    fn words_of_any_kind_from_another_appliance_have_us_say_what_is_sound() {
        replay("elsewhere", super::elsewhere);
    }

    #[test]
    fn datagrams_of_any_kind_end_no_peer_but_one_that_takes_its_handshake_back() {
        replay("datagrams", super::datagrams);
    }

    #[test]
    fn packets_of_any_kind_from_a_connected_peer_harm_nobody() {
        replay("connected", super::connected);
    }

    #[test]
    fn words_of_any_kind_leave_a_meeting_that_agrees_with_its_deltas() {
        replay("words", super::words);
    }

    #[test]
    fn offers_and_fragments_of_any_kind_are_read_or_refused_with_a_sentence() {
        replay("whip", super::whip);
    }
}
