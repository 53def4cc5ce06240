//! Each invariant is a row of docs/invariants.md and a variant of some `enum Violation`.
//!
//! Not here: checking them. An invariant nobody checks cannot be listed, and a check nobody explains
//! cannot land; a row may instead name the type or test that keeps it, in italics.

use std::collections::BTreeSet;

use super::Repository;
use super::source::{Kind, only};

const TABLE: &str = "docs/invariants.md";

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let mut checked: BTreeSet<String> = BTreeSet::new();
    for (_, text) in repository.rust() {
        checked.extend(variants(&only(text, Kind::Code)));
    }
    let page = repository.texts.get(TABLE).map(String::as_str).unwrap_or_default();
    let listed: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split('`').next())
        .map(String::from)
        .collect();
    let unlisted = checked.difference(&listed).map(|name| format!("{name}: checked, but no row in {TABLE}"));
    let unchecked = listed
        .difference(&checked)
        .map(|name| format!("{name}: a row in {TABLE}, but no `Violation::{name}`"));
    unlisted.chain(unchecked).collect()
}

/// The variants of `enum Violation` in a source whose comments and strings are blanked out.
fn variants(code: &str) -> Vec<String> {
    let Some(at) = code.find("enum Violation") else { return Vec::new() };
    let (mut depth, mut expects, mut found) = (0_usize, true, Vec::new());
    for (offset, character) in code[at..].char_indices() {
        match character {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' if depth <= 1 => break,
            '}' | ')' | ']' => depth -= 1,
            ',' if depth == 1 => expects = true,
            c if expects && depth == 1 && c.is_alphabetic() => {
                expects = false;
                found.push(code[at + offset..].chars().take_while(|c| c.is_alphanumeric()).collect());
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "pub enum Violation {\n    #[doc(hidden)]\n    OutboxContiguous { first: u64, last: u64 },\n    OneTurn(InstanceId),\n    Bare,\n}\nfn other() {}\n";

    #[test]
    fn variants_are_read_with_any_data() {
        assert_eq!(variants(CODE), ["OutboxContiguous", "OneTurn", "Bare"]);
    }

    #[test]
    fn table_and_checks_must_agree() {
        let found = |table: &str| check(&Repository::of(&[("a/invariants.rs", CODE), (TABLE, table)]));
        assert_eq!(found("| `OutboxContiguous` | a |\n| `OneTurn` | b |\n| `Bare` | c |\n"), [""; 0]);
        assert_eq!(found("| `OneTurn` | b |\n| `Bare` | c |\n").len(), 1);
        assert_eq!(
            found("| `OutboxContiguous` | a |\n| `OneTurn` | b |\n| `Bare` | c |\n| `Gone` | d |\n").len(),
            1
        );
    }
}
