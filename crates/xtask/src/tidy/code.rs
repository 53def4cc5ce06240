//! What must not be left behind in code, and one macro that must be used with an order.
//!
//! Not here: what clippy finds by itself. These rules also hold for code that the compiler does not
//! see on this machine, and for the test programs in other languages.

use super::Repository;
use super::source::{Kind, only, test_modules};

/// Pieces of code that mean "not finished".
const LEFT_BEHIND: &[(&str, &str)] = &[
    ("todo!(", "finish it"),
    ("unimplemented!(", "finish it"),
    ("dbg!(", "take it out"),
    ("#[ignore", "a test runs or is deleted"),
];
/// The same in comments.
const REMINDERS: &[&str] = &["FIXME", "TODO", "XXX"];
/// Waiting for time to pass instead of for a state.
const SLEEPS: &[&str] = &["thread::sleep(", "time::sleep(", "time.sleep(", "asyncio.sleep(", "setTimeout("];

pub(super) fn check_left_behind(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in repository.rust() {
        let (code, comments) = (only(text, Kind::Code), only(text, Kind::Comment));
        for (piece, instead) in LEFT_BEHIND {
            found.extend(lines_with(&code, piece).map(|line| format!("{path}:{line}: `{piece}`: {instead}")));
        }
        for word in REMINDERS {
            found.extend(
                lines_with(&comments, word)
                    .map(|line| format!("{path}:{line}: {word}: do it, or open an issue")),
            );
        }
        for line in sleeps(path, &code) {
            found.push(format!(
                "{path}:{line}: a test waits for a state with a deadline, never for time to pass"
            ));
        }
    }
    for (path, text) in repository.ending(".py").chain(repository.ending(".mjs")) {
        for sleep in SLEEPS {
            found.extend(
                lines_with(text, sleep).map(|line| format!("{path}:{line}: `{sleep}`: wait for a state")),
            );
        }
    }
    found
}

/// `tokio::select!` polls in random order unless told otherwise, and one seed must give one run.
pub(super) fn check_select(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in repository.rust() {
        let code = only(text, Kind::Code);
        for (at, _) in code.match_indices("select! {") {
            if !code[at + "select! {".len()..].trim_start().starts_with("biased;") {
                found.push(format!("{path}:{}: select! begins with `biased;`", line_of(&code, at)));
            }
        }
    }
    found
}

fn sleeps(path: &str, code: &str) -> Vec<usize> {
    let whole_file = path.contains("/tests/") || path.ends_with("/tests.rs");
    let tests = if whole_file { std::iter::once(0..code.len()).collect() } else { test_modules(code) };
    let mut found = Vec::new();
    for range in tests {
        for sleep in SLEEPS {
            let hits = code[range.clone()].match_indices(sleep);
            found.extend(hits.map(|(at, _)| line_of(code, range.start + at)));
        }
    }
    found
}

fn lines_with<'a>(text: &'a str, piece: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.lines().enumerate().filter(move |(_, line)| line.contains(piece)).map(|(number, _)| number + 1)
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(path: &str, text: &str) -> usize {
        check_left_behind(&Repository::of(&[(path, text)])).len()
    }

    #[test]
    fn unfinished_code_is_found_and_talk_about_it_is_not() {
        assert_eq!(left("a.rs", "fn a() { todo!() }"), 1);
        assert_eq!(left("a.rs", "#[ignore]\nfn a() { dbg!(1); }"), 2);
        assert_eq!(left("a.rs", "// TODO later"), 1);
        assert_eq!(left("a.rs", "// no todo!() here\nlet a = \"dbg!(1) TODO\";"), 0);
    }

    #[test]
    fn a_sleep_is_found_in_tests_only() {
        assert_eq!(left("a.rs", "fn a() { thread::sleep(b) }"), 0);
        assert_eq!(left("a.rs", "#[cfg(test)]\nmod tests {\n fn a() { thread::sleep(b) }\n}"), 1);
        assert_eq!(left("a/tests/it/main.rs", "fn a() { tokio::time::sleep(b) }"), 1);
        assert_eq!(left("a/tests/sdk/a.py", "time.sleep(1)"), 1);
    }

    #[test]
    fn an_unbiased_select_is_found() {
        let found = |text: &str| check_select(&Repository::of(&[("a.rs", text)])).len();
        assert_eq!(found("tokio::select! {\n    biased;\n    a = b => c,\n}"), 0);
        assert_eq!(found("tokio::select! {\n    a = b => c,\n}"), 1);
    }
}
