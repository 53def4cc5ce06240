//! One word for one thing: banned synonyms, and names that say nothing.
//!
//! Not here: what each thing is called. docs/glossary.md says so. The rule covers identifiers,
//! comments and messages under `crates/`; where a foreign word belongs, the list of exemptions says
//! where and why.

use super::source::{Kind, only};
use super::{Repository, crates};

/// A word nobody may use, and the one to use.
const SYNONYMS: &[(&str, &str)] = &[
    ("workflow", "orchestration"),
    ("saga", "orchestration"),
    ("master", "leader"),
    ("primary", "leader"),
    ("wal", "node log"),
    ("journal", "log, or node log for the file"),
    ("shard", "partition"),
];

/// Where a banned word is right: a path's beginning, the word (`*` for any), and why.
const EXEMPT: &[(&str, &str, &str)] = &[
    ("crates/xtask/src/tidy/words.rs", "*", "names the words it bans"),
    ("crates/outlast-proto/proto/", "*", "the wire contract is not ours to word"),
    (
        "crates/outlast/tests/it/samples.rs",
        "saga",
        "names the sample, which has the name that people look for",
    ),
    ("crates/outlast-sdk/Cargo.toml", "saga", "names the sample, which has the name that people look for"),
    ("crates/outlast/tests/sdk/", "*", "programs for the published SDKs speak those SDKs' words"),
    ("crates/replication/", "term", "consensus has terms; everybody else sees epochs"),
    ("crates/sim/", "term", "its model of three voters looks into the consensus"),
];

/// How prose may speak of the field called `term`.
const TERM_IN_PROSE: &[&str] = &["`term`", "::term`", "consensus term", "(term, index", "term of the"];

const EMPTY_NAMES: &[&str] = &["manager", "helper", "helpers", "util", "utils", "common", "base", "impl"];

pub(super) fn check_synonyms(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in repository.texts.iter().filter(|(path, _)| path.starts_with("crates/")) {
        for (number, line) in text.lines().enumerate() {
            for (word, instead) in SYNONYMS {
                if uses(line, word) && !exempt(path, word) {
                    found.push(format!("{path}:{}: `{word}`: say {instead}", number + 1));
                }
            }
        }
    }
    found.extend(check_term(repository));
    found
}

/// `term` is a field of a log position and of a fencing token, and else a matter of `replication`.
fn check_term(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in
        repository.rust().filter(|(path, _)| path.starts_with("crates/") && !exempt(path, "term"))
    {
        let (code, comments) = (only(text, Kind::Code), only(text, Kind::Comment));
        for (number, (code, comment)) in code.lines().zip(comments.lines()).enumerate() {
            let in_code =
                identifiers(code).any(|name| !is_field(name) && words(name).any(|word| word == "term"));
            let names_the_field = TERM_IN_PROSE.iter().any(|allowed| comment.contains(allowed));
            let in_prose = uses(comment, "term") && !names_the_field;
            if in_code || in_prose {
                found.push(format!("{path}:{}: `term`: say epoch", number + 1));
            }
        }
    }
    found
}

/// The field itself, where it is kept flat beside an index, and clap's word for a terminal.
fn is_field(name: &str) -> bool {
    name == "term" || name.ends_with("_term") || name == "max_term_width"
}

pub(super) fn check_names(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in repository.rust().filter(|(path, _)| !exempt(path, "*")) {
        let stem = crates::file_name(path).trim_end_matches(".rs");
        if EMPTY_NAMES.contains(&stem) {
            found.push(format!("{path}: a file's name says what is in it"));
        }
        let code = only(text, Kind::Code);
        let mut before = "";
        for name in identifiers(&code) {
            let defines = matches!(before, "struct" | "enum" | "trait" | "type" | "mod");
            before = name;
            if defines && words(name).any(|word| EMPTY_NAMES.contains(&word.as_str())) {
                found.push(format!("{path}: `{name}`: what does it do?"));
            }
        }
    }
    found
}

fn exempt(path: &str, word: &str) -> bool {
    EXEMPT
        .iter()
        .any(|(prefix, exempted, _)| path.starts_with(prefix) && (*exempted == "*" || *exempted == word))
}

/// Whether the line uses the word, alone or within a name, in the singular or the plural.
fn uses(line: &str, word: &str) -> bool {
    identifiers(line).flat_map(words).any(|used| used == word || used.strip_suffix('s') == Some(word))
}

fn identifiers(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty())
}

/// The words of `snake_case`, `CamelCase` and `SHOUTING` names, in lower case.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = '_';
    for character in name.chars() {
        let begins = character.is_uppercase() && !before.is_uppercase();
        if character == '_' {
            words.push(String::new());
        } else {
            if begins || words.is_empty() {
                words.push(String::new());
            }
            let word = words.last_mut().expect("one was pushed just above");
            word.extend(character.to_lowercase());
        }
        before = character;
    }
    words.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn synonyms(path: &str, text: &str) -> usize {
        check_synonyms(&Repository::of(&[(path, text)])).len()
    }

    fn names(path: &str, text: &str) -> usize {
        check_names(&Repository::of(&[(path, text)])).len()
    }

    #[test]
    fn a_banned_word_is_found_in_names_and_prose() {
        for text in [
            "// the workflow",
            "struct WalReader;",
            "let shard_count = 1;",
            "const MASTER: u8 = 1;",
            "\"sagas\"",
        ] {
            assert_eq!(synonyms("crates/a/src/lib.rs", text), 1, "{text}");
        }
    }

    #[test]
    fn a_word_within_a_word_is_another_word() {
        assert_eq!(synonyms("crates/a/src/lib.rs", "// walk the mastery of disjoint sharding"), 0);
    }

    #[test]
    fn an_exempt_place_may_use_it() {
        assert_eq!(synonyms("crates/outlast-proto/proto/a.proto", "// workflow"), 0);
        assert_eq!(synonyms("docs/comparison.md", "workflow"), 0);
    }

    #[test]
    fn term_is_a_field_and_nothing_else_outside_replication() {
        assert_eq!(synonyms("crates/a/src/lib.rs", "let id = LogId { term: 1, index: 2 };"), 0);
        assert_eq!(synonyms("crates/a/src/lib.rs", "// (term, index), `term` or the consensus term"), 0);
        assert_eq!(synonyms("crates/a/src/lib.rs", "let term_of = 1;"), 1);
        assert_eq!(synonyms("crates/a/src/lib.rs", "// in a new term"), 1);
        assert_eq!(synonyms("crates/replication/src/lib.rs", "// in a new term"), 0);
    }

    #[test]
    fn a_name_that_says_nothing_is_found() {
        assert_eq!(names("a/lib.rs", "struct LogManager; mod utils; enum BaseKind {}"), 3);
        assert_eq!(names("a/helpers.rs", ""), 1);
        assert_eq!(names("a/lib.rs", "impl Database { fn manage_common() {} }"), 0);
    }
}
