//! The words of the WebSocket as TypeScript: written from `wire.rs`, and compared with the checked-in file.

use std::any::TypeId;
use std::collections::{BTreeMap, HashSet};

use ts_rs::{Config, TS, TypeVisitor};

use super::wire::{self, calling, control};
use crate::blessed;
use crate::refusal::Code;

/// Every type that is reached from the two directions of a wire, each once, by its place in the source: the order
/// in which they are reached is another one in every build.
struct Declarations<'a> {
    config: &'a Config,
    source: &'static str,
    seen: HashSet<TypeId>,
    by_place: BTreeMap<usize, String>,
}

impl Declarations<'_> {
    fn add<T: TS + 'static + ?Sized>(&mut self) {
        if T::output_path().is_none() || !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        // What stands in another source is imported from its file.
        if let Some(place) = place(self.source, &T::ident(self.config)) {
            let docs = T::docs().unwrap_or_default();
            let text = format!("\n{docs}export {}\n", T::decl(self.config));
            self.by_place.insert(place, text);
            T::visit_dependencies(self);
        }
    }
}

impl TypeVisitor for Declarations<'_> {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        self.add::<T>();
    }
}

fn place(source: &str, name: &str) -> Option<usize> {
    ["struct", "enum"].iter().find_map(|kind| source.find(&format!("pub {kind} {name} {{")))
}

/// The file of a wire: its head, and the types that are reached from what is asked and what is answered.
fn typescript<Asked: TS + 'static, Answered: TS + 'static>(head: &str, source: &'static str) -> String {
    // Counts of deltas stay far below 2^53, where a number of JSON is exact.
    let config = Config::new().with_large_int("number");
    let mut all = Declarations { config: &config, source, seen: HashSet::new(), by_place: BTreeMap::new() };
    all.add::<Asked>();
    all.add::<Answered>();
    let text = head.to_owned() + &all.by_place.into_values().collect::<String>();
    // Trailing blanks of empty documentation lines are an editor's quarrel that nobody needs.
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn head() -> String {
    let codes = Code::ALL.map(|code| format!("  | \"{code}\"")).join("\n");
    format!(
        "// The words of the WebSocket. Written from src/web/wire.rs by `ALCOVE_BLESS=1 cargo test`; not by hand.\n\
         \n\
         /** The version of the protocol. */\n\
         export const VERSION = {};\n\
         /** The most wishes in one `watch`. */\n\
         export const WISHES_MAX = {};\n\
         /** The longest display name, in characters. */\n\
         export const NAME_CHARS_MAX = {};\n\
         /** The longest `custom_info`, in bytes of JSON. */\n\
         export const CUSTOM_INFO_BYTES_MAX = {};\n\
         \n\
         /** The stable codes of refusals; a later appliance may know more. */\n\
         export type Code =\n{codes};\n",
        wire::VERSION,
        wire::WISHES_MAX,
        wire::NAME_CHARS_MAX,
        wire::CUSTOM_INFO_BYTES_MAX,
    )
}

/// The sources of the words of meetings, in the order in which the page has them.
const WORDS_OF_MEETINGS: &str = concat!(
    include_str!("wire.rs"),
    include_str!("wire/people.rs"),
    include_str!("wire/media.rs"),
    include_str!("wire/polls.rs"),
    include_str!("wire/bridge.rs"),
);

const HEAD_OF_CONTROL: &str = "\
// The words of who controls the room. Written from src/web/wire/control.rs by `ALCOVE_BLESS=1 cargo test`; not by hand.

import type { CallState, UserEntry } from \"./calling\";
";

fn head_of_calls() -> String {
    format!(
        "// The words of calls. Written from src/web/wire/calling.rs by `ALCOVE_BLESS=1 cargo test`; not by hand.\n\
         \n\
         import type {{ Refused }} from \"./wire\";\n\
         \n\
         /** The version of the words of calls. */\n\
         export const VERSION = {};\n",
        calling::VERSION,
    )
}

#[test]
fn the_page_has_the_words_that_the_appliance_speaks() {
    let words = typescript::<wire::Request, wire::Frame>(&head(), WORDS_OF_MEETINGS);
    blessed::compare("src/web/client/src/words/wire.ts", &words);
    let source = include_str!("wire/calling.rs");
    let words = typescript::<calling::Request, calling::Frame>(&head_of_calls(), source);
    blessed::compare("src/web/client/src/words/calling.ts", &words);
    let source = include_str!("wire/control.rs");
    let words = typescript::<control::Arrangement, control::RoomState>(HEAD_OF_CONTROL, source);
    blessed::compare("src/web/client/src/words/control.ts", &words);
}
