//! The invariants of the design, asked of the source text: who may know whom, and what is absent where.
//!
//! Code that is compiled for tests alone is asked less: it opens with its sentence and leaves nothing undone.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources fails, helpers included")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Which modules of `src/` each may name as `crate::…`, besides itself. Knowledge points down only.
const LAYERS: &[(&str, &[&str])] = &[
    ("refusal", &[]),
    ("track", &[]),
    ("meeting", &["refusal", "track"]),
    ("calling", &["refusal", "track"]),
    ("sfu", &["refusal", "track"]),
    ("config", &["meeting", "refusal"]),
    ("system", &["config", "meeting", "refusal"]),
    ("room", &["config", "refusal", "sfu", "track"]),
    ("recording", &["config", "refusal", "sfu", "track"]),
    (
        "appliance",
        &["calling", "config", "meeting", "recording", "refusal", "room", "sfu", "system", "track", "web"],
    ),
    ("remote", &["appliance", "config", "refusal", "sfu", "system", "track", "web"]),
    ("web", &["appliance", "config", "meeting", "refusal", "system", "track"]),
    ("api", &["appliance", "config", "meeting", "refusal", "system", "track", "web"]),
    ("fleet", &["config", "system"]),
    ("check", &["fleet", "system"]),
    ("cli", &[]),
    ("daemon", &["api", "appliance", "calling", "config", "fleet", "meeting", "remote", "room", "system"]),
];

/// Of a module that is otherwise out of reach, the part that is shared: data without behaviour.
const SHARED_PARTS: &[(&str, &str, &[&str])] = &[
    // The words of the edges are the vocabulary of the handle.
    ("appliance", "web", &["wire"]),
    ("remote", "web", &["wire"]),
    // What a local peer hands over and is handed.
    ("room", "sfu", &["local", "SlotId", "PeerId"]),
    ("recording", "sfu", &["local", "SlotId", "PeerId"]),
    ("remote", "sfu", &["local", "SlotId", "PeerId"]),
];

/// The pure modules, and what they do not see. Time and randomness are arguments.
const PURE: [&str; 3] = ["meeting", "calling", "sfu"];
const IMPURE: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "alcove_hal",
    "gstreamer",
    "log::logger",
    "std::thread",
    "std::fs",
    "std::env",
    "std::process",
    "std::io",
    "std::sync::mpsc",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "Mutex",
    "RwLock",
    "Condvar",
    "aws_lc_rs::rand",
];

/// Where the clock may be read; elsewhere the time is an argument or a `Clock` that was handed in.
const CLOCK_READERS: &[&str] = &["src/appliance/", "src/main.rs", "hal/src/linux/"];
const CLOCK_WORDS: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "OffsetDateTime::now",
    "UtcDateTime::now",
    "get_current_timestamp",
    ".elapsed()",
    "thread::sleep",
    "tokio::time::sleep",
];

/// Where types may be serializable. The claims of a token are signed as JSON; tokens and what was done with them are
/// kept as such.
const SERIALIZABLE: &[&str] = &[
    "src/web/wire.rs",
    "src/web/wire/",
    "src/api/",
    "src/config/",
    "src/system/tokens.rs",
    "src/system/api_tokens.rs",
    "src/system/audit.rs",
    "hal/src/",
];

/// Names that mean four things each.
const VAGUE_NAMES: &[&str] = &["Session", "Stream", "Client", "Connection", "Manager", "Service", "Handler"];

/// Associated types that a trait of another crate has named.
const FOREIGN_NAMES: &[&str] = &["type Stream = ", "type Service = "];

/// Marks of what is not done. In two parts, so that this file does not have them.
const UNDONE: &[(&str, &str)] =
    &[("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("to", "do!("), ("unimple", "mented!("), ("#[ig", "nore")];

struct Source {
    /// From the root of the repository, with `/`.
    path: String,
    text: String,
    /// Compiled for tests alone.
    is_test: bool,
}

impl Source {
    /// The lines of code with their numbers: without comments, up to the tests at the end of the file.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<_> = self.text.lines().map(str::trim).collect();
        let tests =
            lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with("tests {"));
        let end = if self.is_test { 0 } else { tests.unwrap_or(lines.len()) };
        lines
            .into_iter()
            .enumerate()
            .take(end)
            .map(|(index, line)| (index + 1, line.split(" // ").next().unwrap_or(line)))
            .filter(|(_, line)| !line.starts_with("//"))
    }

    /// `meeting` for `src/meeting/table.rs` and `src/refusal.rs`.
    fn module(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        let name = rest.split('/').next()?;
        let name = name.strip_suffix(".rs").unwrap_or(name);
        (!matches!(name, "lib" | "main")).then_some(name)
    }

    fn is_below(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    /// The lines of code in which one of the words stands, as complaints.
    fn lines_with(&self, words: &[&str], complaint: &str) -> Vec<String> {
        let found = |line: &str| words.iter().find(|word| has_word(line, word)).copied();
        self.code()
            .filter_map(|(number, line)| Some((number, found(line)?)))
            .map(|(number, word)| format!("{}:{number}: {word}: {complaint}", self.path))
            .collect()
    }
}

/// Whether the word stands there, and not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let is_inner = |c: char| c.is_alphanumeric() || c == '_';
    let edge = |c: Option<char>, own: Option<char>| !own.is_some_and(is_inner) || !c.is_some_and(is_inner);
    line.match_indices(word).any(|(start, _)| {
        edge(line[..start].chars().next_back(), word.chars().next())
            && edge(line[start + word.len()..].chars().next(), word.chars().next_back())
    })
}

/// The paths that a text names below `crate::`, groups taken apart: `crate::{a, b::{c, d}}` names `a`,
/// `b::c` and `b::d`.
fn crate_paths(text: &str) -> Vec<String> {
    let mut paths = vec![];
    for (start, found) in text.match_indices("crate::") {
        if !text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            expand(&text[start + found.len()..], "", &mut paths);
        }
    }
    paths
}

/// Reads one path, or a group of them, and returns what follows.
fn expand<'a>(text: &'a str, prefix: &str, paths: &mut Vec<String>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = expand(rest, prefix, paths).trim_start();
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
    if let Some(below) = rest.strip_prefix("::") {
        return expand(below, &path, paths);
    }
    if !name.is_empty() {
        paths.push(path);
    }
    rest
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust sources of the repository.
fn sources() -> Vec<Source> {
    let mut paths = vec![];
    for folder in ["src", "hal", "tests"] {
        collect(&root().join(folder), &mut paths);
    }
    paths.sort();
    let read = |path: &PathBuf| {
        let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        (relative, fs::read_to_string(path).unwrap())
    };
    let texts: Vec<_> = paths.iter().map(read).collect();
    let test_places: Vec<_> = texts.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    let is_test = |path: &str| {
        let is_outside = path.starts_with("tests/") || path.starts_with("hal/tests/");
        is_outside || test_places.iter().any(|place| path.starts_with(place))
    };
    texts.into_iter().map(|(path, text)| Source { is_test: is_test(&path), path, text }).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let is_foreign = path.file_name().is_some_and(|name| name == "node_modules" || name == "target");
        if path.is_dir() && !is_foreign {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// Where the modules are that a file declares for tests, or for them and the fuzzer: the file, and the folder of that name.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = match file {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", file.trim_end_matches(".rs")),
    };
    let mut places = vec![];
    let mut is_for_tests = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(any(test, fuzzing))]") {
            is_for_tests = true;
        } else if !line.starts_with("#[") {
            let declared =
                line.strip_suffix(';').and_then(|line| line.rsplit_once("mod ")).map(|(_, name)| name);
            if let (true, Some(name)) = (is_for_tests, declared) {
                places.push(format!("{folder}/{name}.rs"));
                places.push(format!("{folder}/{name}/"));
            }
            is_for_tests = false;
        }
    }
    places
}

/// Fails with all complaints at once, a line each.
fn demand(complaints: impl IntoIterator<Item = String>) {
    let complaints: Vec<_> = complaints.into_iter().collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Whether a module may name that path below `crate::`.
fn may_name(module: &str, path: &str) -> bool {
    let mut steps = path.split("::");
    let (first, second) = (steps.next().unwrap_or_default(), steps.next());
    if first == module || !LAYERS.iter().any(|(name, _)| *name == first) {
        return true;
    }
    let allowed = LAYERS.iter().find(|(name, _)| *name == module).map_or(&[][..], |(_, allowed)| allowed);
    let part = SHARED_PARTS.iter().find(|(from, to, _)| *from == module && *to == first);
    allowed.contains(&first)
        && part.is_none_or(|(_, _, parts)| second.is_some_and(|second| parts.contains(&second)))
}

#[test]
fn knowledge_points_down_only() {
    let complain = |source: &Source| {
        let Some(module) = source.module() else { return vec![] };
        let code: String = source.code().map(|(_, line)| format!("{line}\n")).collect();
        let wrong: BTreeSet<_> =
            crate_paths(&code).into_iter().filter(|path| !may_name(module, path)).collect();
        let path = &source.path;
        wrong
            .into_iter()
            .map(|name| format!("{path}: {module} must not know crate::{name} (see LAYERS)"))
            .collect()
    };
    demand(sources().iter().flat_map(complain));
}

#[test]
fn every_module_has_its_layer() {
    let unknown = |source: &Source| {
        let module = source.module().filter(|_| !source.is_test)?;
        let is_known = LAYERS.iter().any(|(name, _)| *name == module);
        (!is_known).then(|| format!("{}: say in LAYERS whom {module} may know", source.path))
    };
    demand(sources().iter().filter_map(unknown));
}

#[test]
fn meeting_calling_and_sfu_are_pure() {
    let complaint = "a pure module sees no clock, socket, thread, lock or file; hand the value in";
    let is_pure = |source: &&Source| source.module().is_some_and(|module| PURE.contains(&module));
    demand(sources().iter().filter(is_pure).flat_map(|source| source.lines_with(IMPURE, complaint)));
}

#[test]
fn only_the_appliance_reads_the_clock() {
    let complaint = "only appliance/ and main.rs read the clock; take the time as an argument, or a Clock";
    let is_bound = |source: &&Source| !source.is_below(CLOCK_READERS) && !source.path.ends_with("/clock.rs");
    demand(sources().iter().filter(is_bound).flat_map(|source| source.lines_with(CLOCK_WORDS, complaint)));
}

#[test]
fn only_the_linux_back_end_is_unsafe() {
    let complaint = "only hal/src/linux may be; look for a crate that does it";
    let is_bound = |source: &&Source| !source.is_below(&["hal/src/linux/"]);
    demand(sources().iter().filter(is_bound).flat_map(|source| source.lines_with(&["unsafe"], complaint)));
}

#[test]
fn only_words_and_documents_are_serializable() {
    let complaint = "domain types are not serializable; turn them into words of web/wire.rs, api/ or config/";
    let is_bound = |source: &&Source| !source.is_below(SERIALIZABLE);
    let words = ["Serialize", "Deserialize"];
    demand(sources().iter().filter(is_bound).flat_map(|source| source.lines_with(&words, complaint)));
}

#[test]
fn names_say_what_they_mean() {
    let kinds = ["struct", "enum", "trait", "type", "union", "mod"];
    let declared = |line: &str| {
        if FOREIGN_NAMES.iter().any(|foreign| line.starts_with(foreign)) {
            return None;
        }
        let words: Vec<_> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let position = words.iter().position(|word| kinds.contains(word))?;
        words.get(position + 1).map(|name| (*name).to_owned())
    };
    let is_vague = |name: &str| VAGUE_NAMES.iter().any(|vague| vague.eq_ignore_ascii_case(name));
    let complain = |source: &Source| {
        let names = source.code().filter_map(|(number, line)| Some((number, declared(line)?)));
        let vague = names.filter(|(_, name)| is_vague(name));
        let path = source.path.clone();
        vague
            .map(move |(number, name)| format!("{path}:{number}: {name} means four things; say which"))
            .collect::<Vec<_>>()
    };
    demand(sources().iter().flat_map(complain));
}

#[test]
fn every_file_opens_with_its_sentence() {
    let opens = |source: &&Source| source.text.lines().next().is_some_and(|line| line.starts_with("//! "));
    let silent = |source: &Source| format!("{}:1: open with one `//!` sentence", source.path);
    demand(sources().iter().filter(|source| !opens(source)).map(silent));
}

#[test]
fn nothing_is_left_undone() {
    let marks: Vec<_> = UNDONE.iter().map(|(head, tail)| format!("{head}{tail}")).collect();
    let complain = |source: &Source| {
        let undone = |line: &str| marks.iter().any(|mark| has_word(line, mark));
        let numbers =
            source.text.lines().enumerate().filter(|(_, line)| undone(line)).map(|(index, _)| index + 1);
        numbers.map(|number| format!("{}:{number}: do it, or leave it out", source.path)).collect::<Vec<_>>()
    };
    demand(sources().iter().flat_map(complain));
}

#[test]
fn the_limits_of_words_are_those_of_meetings() {
    assert_eq!(alcove::meeting::NAME_CHARS_MAX, alcove::web::wire::NAME_CHARS_MAX);
    assert_eq!(alcove::meeting::CUSTOM_INFO_BYTES_MAX, alcove::web::wire::CUSTOM_INFO_BYTES_MAX);
}

#[test]
fn the_checks_would_see_a_breach() {
    let text = "//! x\nuse crate::{web, sfu::{local, SlotId}};\n// tokio\nlet a = tokio::spawn(b);\n#[cfg(test)]\nmod tests {\n std::fs";
    let source = Source { path: "src/meeting/x.rs".to_owned(), text: text.to_owned(), is_test: false };
    assert_eq!(crate_paths(&source.text), ["web", "sfu::local", "sfu::SlotId"]);
    assert_eq!(source.lines_with(IMPURE, "no"), ["src/meeting/x.rs:4: tokio: no"]);
    assert!(
        !may_name("meeting", "web::wire")
            && !may_name("room", "sfu::Forwarder")
            && !may_name("sfu", "meeting")
    );
    assert!(may_name("room", "sfu::local::Packet") && may_name("appliance", "web::wire::Ask"));
    assert!(!has_word("unsafe_code", "unsafe") && has_word("unsafe { x }", "unsafe"));
    let places = test_modules("src/a/mod.rs", "#[cfg(test)]\nmod tests;\nmod b;");
    assert_eq!(places, ["src/a/tests.rs", "src/a/tests/"]);
}
