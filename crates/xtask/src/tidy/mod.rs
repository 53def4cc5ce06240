//! `cargo xtask tidy`: the rules about the sources that no compiler checks.
//!
//! Not here: the rules. Each is one function in a file of its kind, with tests of its own, and gets
//! the repository as a value; it answers with what it found wrong. The reasons for the rules are in
//! CONTRIBUTING.md.

mod code;
mod crates;
mod decisions;
mod dependencies;
mod headers;
mod invariants;
mod links;
mod marks;
mod sizes;
mod source;
mod tree;
mod words;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use crate::process::cargo;
use crate::repository;

pub(crate) use sizes::lower_ratchet;

/// What the rules look at.
struct Repository {
    /// All files, relative to the root.
    files: Vec<String>,
    /// The text files among them.
    texts: BTreeMap<String, String>,
    /// What `cargo metadata` says of the workspace and all its dependencies.
    metadata: serde_json::Value,
}

impl Repository {
    fn load() -> Result<Self> {
        let files = repository::files()?;
        let mut texts = BTreeMap::new();
        for path in &files {
            let bytes =
                std::fs::read(repository::root().join(path)).with_context(|| format!("read {path}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                texts.insert(path.clone(), text);
            }
        }
        let platform = "x86_64-unknown-linux-gnu";
        let metadata =
            cargo(&["metadata", "--format-version=1", "--locked", "--filter-platform", platform]).output()?;
        Ok(Self {
            files,
            texts,
            metadata: serde_json::from_str(&metadata).context("parse cargo's metadata")?,
        })
    }

    /// The texts whose path ends so, in order.
    fn ending(&self, ending: &str) -> impl Iterator<Item = (&str, &str)> {
        self.texts
            .iter()
            .filter(move |(path, _)| path.ends_with(ending))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Our own Rust sources.
    fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ending(".rs")
    }

    #[cfg(test)]
    fn of(texts: &[(&str, &str)]) -> Self {
        let texts: BTreeMap<String, String> =
            texts.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect();
        Self { files: texts.keys().cloned().collect(), texts, metadata: serde_json::Value::Null }
    }
}

/// A rule: its name, and the function that finds what breaks it.
type Rule = (&'static str, fn(&Repository) -> Vec<String>);

const RULES: &[Rule] = &[
    ("a Rust file opens with what it is for", headers::check),
    ("files, folders and functions stay small", sizes::check),
    ("one word for one thing", words::check_synonyms),
    ("names say what a thing does", words::check_names),
    ("nothing left behind: no todo, no ignored test, no sleep in a test", code::check_left_behind),
    ("select! is biased", code::check_select),
    ("crates depend on each other as the table says", crates::check_table),
    ("the engine's closure has no runtime, randomness or storage", crates::check_engine),
    ("raft, redb and object_store have one owner each", crates::check_owners),
    ("a crate says what it is for and takes the workspace's lints", crates::check_manifests),
    ("each direct dependency has a line on why", dependencies::check_reasons),
    ("no denied package, and none from elsewhere", dependencies::check_lock),
    ("licences are on the list, and packages few", dependencies::check_licences),
    ("decisions are dated, and edited on their day only", decisions::check),
    ("invariants, their table and their checks agree", invariants::check),
    ("marks are reached, and those that the page on faults names are marks", marks::check_marks),
    ("seeded bugs break a line, and the page on faults names tests that exist", marks::check_seeded),
    ("a page has one title and its links resolve", links::check),
    ("few entries in the root, no big blobs, nothing generated", tree::check),
];

/// Checks every rule and prints what was found.
pub(crate) fn run() -> Result<()> {
    let (_, broken) = check()?;
    if broken > 0 {
        bail!("{broken} of {} rules broken", RULES.len())
    }
    Ok(())
}

/// Checks every rule, prints what was found, and says how many hold and how many do not.
pub(crate) fn check() -> Result<(u64, u64)> {
    let repository = Repository::load()?;
    let (mut held, mut broken) = (0, 0);
    for (name, rule) in RULES {
        let found = rule(&repository);
        if found.is_empty() {
            held += 1;
            continue;
        }
        broken += 1;
        println!("rule broken: {name}");
        found.iter().for_each(|line| println!("  {line}"));
    }
    println!("tidy: {held} rules hold, {broken} broken");
    Ok((held, broken))
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_repository_is_tidy() {
        let (held, broken) = super::check().unwrap();
        assert!(held > 0 && broken == 0, "see above");
    }
}
