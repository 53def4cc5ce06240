//! Files, folders and functions stay small, and what is too big today may only shrink.
//!
//! Not here: what is too big today. That is the ratchet, `ratchet.toml` beside this crate's
//! manifest: a bound of its own for each such file or function, which must be lowered when the code
//! shrinks (`cargo xtask fix` does) and is gone when the common bound is reached.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};

use super::source::{Kind, functions, only, test_modules};
use super::{Repository, crates};

const FILE_LINES_MAX: usize = 600;
/// Doors and dispatch hold nothing else, so they are short.
const DOOR_LINES_MAX: usize = 300;
const DOORS: &[&str] = &["lib.rs", "mod.rs", "main.rs", "runner.rs"];
const FUNCTION_LINES_MAX: usize = 70;
const FOLDER_FILES_MAX: usize = 20;
const RATCHET: &str = "crates/xtask/ratchet.toml";

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let ratchet = match ratchet(repository) {
        Ok(ratchet) => ratchet,
        Err(error) => return vec![format!("{error:#}")],
    };
    let sizes = sizes(repository);
    let mut found = folders(repository);
    for (name, (size, limit)) in &sizes {
        match ratchet.get(name) {
            Some(allowed) if size > allowed => {
                found.push(format!(
                    "{name}: {size} lines; the ratchet allows {allowed}, and may not be raised"
                ));
            }
            Some(allowed) if size < allowed => {
                found.push(format!(
                    "{name}: {size} lines; the ratchet still says {allowed}: run cargo xtask fix"
                ));
            }
            None if size > limit => found.push(format!("{name}: {size} lines, more than {limit}")),
            Some(_) | None => {}
        }
    }
    for name in ratchet.keys().filter(|name| !sizes.contains_key(*name)) {
        found.push(format!("{name}: in the ratchet, but nowhere else: run cargo xtask fix"));
    }
    found
}

/// Writes the ratchet again with what is still over the bounds and in it already, at today's size.
pub(crate) fn lower_ratchet() -> Result<()> {
    let repository = Repository::load()?;
    let (before, sizes) = (ratchet(&repository)?, sizes(&repository));
    let mut text =
        String::from("# What is still over the bounds, with its lines of today. It may only shrink.\n");
    for (name, allowed) in before {
        if let Some((size, limit)) = sizes.get(&name)
            && size > limit
        {
            writeln!(text, "\"{name}\" = {}", allowed.min(*size)).expect("a string takes any line");
        }
    }
    std::fs::write(crate::repository::root().join(RATCHET), text).with_context(|| format!("write {RATCHET}"))
}

fn ratchet(repository: &Repository) -> Result<BTreeMap<String, usize>> {
    let Some(text) = repository.texts.get(RATCHET) else { return Ok(BTreeMap::new()) };
    let table: toml::Table = text.parse().with_context(|| format!("parse {RATCHET}"))?;
    table
        .into_iter()
        .map(|(name, lines)| {
            let lines = lines.as_integer().and_then(|lines| usize::try_from(lines).ok());
            lines
                .map(|lines| (name.clone(), lines))
                .with_context(|| format!("{RATCHET}: {name} has no number"))
        })
        .collect()
}

/// Size and bound of each file, and of each function as `file::function`. Of functions with one
/// name in one file the longest counts.
fn sizes(repository: &Repository) -> BTreeMap<String, (usize, usize)> {
    let mut sizes = BTreeMap::new();
    for (path, text) in repository.rust() {
        let code = only(text, Kind::Code);
        let tests: usize = test_modules(&code).into_iter().map(|range| code[range].lines().count()).sum();
        let door = DOORS.contains(&crates::file_name(path));
        let limit = if door { DOOR_LINES_MAX } else { FILE_LINES_MAX };
        sizes.insert(path.to_owned(), (text.lines().count() - tests, limit));
        for function in functions(&code) {
            let size = sizes.entry(format!("{path}::{}", function.name)).or_insert((0, FUNCTION_LINES_MAX));
            size.0 = size.0.max(function.lines);
        }
    }
    sizes
}

fn folders(repository: &Repository) -> Vec<String> {
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, _) in repository.rust() {
        if let Some((folder, _)) = path.rsplit_once('/') {
            *folders.entry(folder).or_default() += 1;
        }
    }
    let crowded = folders.into_iter().filter(|(_, count)| *count > FOLDER_FILES_MAX);
    crowded.map(|(folder, count)| format!("{folder}: {count} files, more than {FOLDER_FILES_MAX}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, lines: usize, ratchet: &str) -> Vec<String> {
        let text = "//! a\n".repeat(lines);
        check(&Repository::of(&[(path, &text), (RATCHET, ratchet)]))
    }

    #[test]
    fn a_file_over_its_bound_is_found() {
        assert_eq!(found("a/outbox.rs", 600, ""), [""; 0]);
        assert_eq!(found("a/outbox.rs", 601, ""), ["a/outbox.rs: 601 lines, more than 600"]);
        assert_eq!(found("a/mod.rs", 301, ""), ["a/mod.rs: 301 lines, more than 300"]);
    }

    #[test]
    fn tests_do_not_count() {
        let text = "//! a\n#[cfg(test)]\nmod tests {\n".to_owned() + &"    fn a() {}\n".repeat(700) + "}\n";
        assert_eq!(check(&Repository::of(&[("a/outbox.rs", &text)])), [""; 0]);
    }

    #[test]
    fn a_long_function_is_found() {
        let text = "//! a\nfn long() {\n".to_owned() + &"    a();\n".repeat(71) + "}\n";
        assert_eq!(check(&Repository::of(&[("a.rs", &text)])), ["a.rs::long: 71 lines, more than 70"]);
    }

    #[test]
    fn the_ratchet_holds_what_is_over_and_may_only_shrink() {
        let ratchet = "\"a.rs\" = 650";
        assert_eq!(found("a.rs", 650, ratchet), [""; 0]);
        assert!(found("a.rs", 651, ratchet)[0].contains("may not be raised"));
        assert!(found("a.rs", 649, ratchet)[0].contains("still says 650"));
        assert!(found("b.rs", 1, ratchet)[0].contains("nowhere else"));
    }

    #[test]
    fn a_crowded_folder_is_found() {
        let paths: Vec<String> = (0..21).map(|n| format!("a/{n}.rs")).collect();
        let texts: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "//! a\n")).collect();
        assert_eq!(check(&Repository::of(&texts)), ["a: 21 files, more than 20"]);
    }
}
