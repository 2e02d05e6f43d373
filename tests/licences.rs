//! What is linked into the daemon has a licence that `deny.toml` allows.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources fails, helpers included")]

use std::process::Command;

/// An SPDX expression is read from left to right; `/` is the old way to write `OR`.
struct Expression<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<&'a str>>,
    allowed: &'a [String],
}

impl<'a> Expression<'a> {
    fn is_allowed(text: &'a str, allowed: &'a [String]) -> bool {
        let mut tokens = vec![];
        for word in text.split_whitespace() {
            split_off(word, &mut tokens);
        }
        let mut expression = Self { tokens: tokens.into_iter().peekable(), allowed };
        expression.any() && expression.tokens.next().is_none()
    }

    fn any(&mut self) -> bool {
        let mut result = self.all();
        while self.tokens.next_if(|token| matches!(*token, "OR" | "/")).is_some() {
            result |= self.all();
        }
        result
    }

    fn all(&mut self) -> bool {
        let mut result = self.one();
        while self.tokens.next_if_eq(&"AND").is_some() {
            result &= self.one();
        }
        result
    }

    fn one(&mut self) -> bool {
        match self.tokens.next() {
            Some("(") => {
                let result = self.any();
                result & self.tokens.next_if_eq(&")").is_some()
            }
            Some(licence) => {
                let exception = self.tokens.next_if_eq(&"WITH").and_then(|_| self.tokens.next());
                let name =
                    exception.map_or_else(|| licence.to_owned(), |added| format!("{licence} WITH {added}"));
                self.allowed.contains(&name)
            }
            None => false,
        }
    }
}

/// Parentheses and slashes need no spaces around them.
fn split_off<'a>(word: &'a str, tokens: &mut Vec<&'a str>) {
    let mut rest = word;
    while let Some(at) = rest.find(['(', ')', '/']) {
        tokens.extend([&rest[..at], &rest[at..=at]].into_iter().filter(|token| !token.is_empty()));
        rest = &rest[at + 1..];
    }
    tokens.extend(Some(rest).filter(|token| !token.is_empty()));
}

fn allowed() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml");
    let document: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let list = document["licenses"]["allow"].as_array().unwrap();
    list.iter().map(|licence| licence.as_str().unwrap().to_owned()).collect()
}

#[test]
fn everything_that_is_linked_may_be() {
    let arguments =
        ["tree", "--workspace", "--offline", "--locked", "--edges", "normal,build", "--prefix", "none"];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--format", "{p}|{l}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let allowed = allowed();
    let listed = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> =
        listed.lines().filter_map(|line| line.trim_end_matches(" (*)").rsplit_once('|')).collect();
    assert!(lines.len() > 100, "cargo lists the crates of the daemon: {listed}");
    let wrong: Vec<_> =
        lines.iter().filter(|(_, licence)| !Expression::is_allowed(licence, &allowed)).collect();
    assert!(wrong.is_empty(), "not allowed by deny.toml: {wrong:#?}");
}

#[test]
fn expressions_are_read_as_spdx_says() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    let good = [
        "MIT",
        "GPL-3.0 OR MIT",
        "MIT/Apache-2.0",
        "ISC AND (MIT OR GPL-3.0)",
        "Apache-2.0 WITH LLVM-exception",
    ];
    for text in good {
        assert!(Expression::is_allowed(text, &allowed), "{text}");
    }
    for text in
        ["", "GPL-3.0", "MIT AND GPL-3.0", "GPL-3.0 OR MIT AND GPL-2.0", "(MIT", "MIT MIT", "Apache-2.0"]
    {
        assert!(!Expression::is_allowed(text, &allowed), "{text}");
    }
}
