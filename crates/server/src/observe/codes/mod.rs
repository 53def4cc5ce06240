//! The register of codes: each error and warning that an operator or caller can meet has one.
//!
//! A code is for ever: it is never reused or renumbered, so that a search for it finds the right
//! page years later. `OL-1xxx` start and settings, `OL-2xxx` requests, `OL-3xxx` work and workers,
//! `OL-4xxx` availability, `OL-5xxx` between nodes, `OL-9xxx` explanations, `OL-Sxxx` storage.
//!
//! To add one: a constant with all four texts in the file of its group; the register, `outlast
//! explain` and `docs/operating/errors.md` follow.

mod availability;
mod peers;
mod reference;
mod request;
mod start;
mod storage;
mod topic;
mod work;

pub use availability::*;
pub use peers::*;
pub use reference::reference_page;
pub use request::*;
pub use start::*;
pub use storage::*;
pub use topic::*;
pub use work::*;

/// The reference page's place in the repository.
pub const REFERENCE_PATH: &str = "docs/operating/errors.md";

/// How much a code weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// A request was refused or the node did not start or go on.
    Error,
    /// Something an operator should know; the node goes on.
    Warning,
    /// Not an event: something that people ask about.
    Topic,
}

/// One entry of the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// `OL-1234`; of a topic also its [`Code::name`].
    pub id: &'static str,
    /// Words that `outlast explain` accepts for it, in capitals.
    pub name: &'static str,
    /// How much it weighs.
    pub weight: Weight,
    /// One line, no full stop.
    pub title: &'static str,
    /// What happened.
    pub happened: &'static str,
    /// What it means for work and data; what did not happen.
    pub means: &'static str,
    /// What to do next.
    pub next: &'static str,
}

impl Code {
    /// The page's text, as `outlast explain` prints it.
    pub fn explain(&self) -> String {
        format!(
            "{} {}\n\nWhat happened\n  {}\n\nWhat it means\n  {}\n\nWhat to do\n  {}\n",
            self.id, self.title, self.happened, self.means, self.next
        )
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

/// All entries in order.
pub fn all() -> impl Iterator<Item = &'static Code> {
    [START_CODES, REQUEST_CODES, WORK_CODES, AVAILABILITY_CODES, PEER_CODES, TOPIC_CODES, STORAGE_CODES]
        .into_iter()
        .flatten()
        .copied()
}

/// The entry of a code (`OL-2001`, `ol2001`, `2001`) or of a name (`AT-LEAST-ONCE`).
pub fn find(text: &str) -> Option<&'static Code> {
    let plain = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
    };
    let wanted = plain(text);
    let bare = wanted.strip_prefix("OL").unwrap_or(&wanted);
    all().find(|code| plain(code.id)[2..] == *bare || plain(code.name) == wanted)
}

/// Declares the codes of one group and their list.
macro_rules! codes {
    ($list:ident $($weight:ident $name:ident $id:literal $title:literal {
        $happened:literal
        $means:literal
        $next:literal
    })*) => {
        use super::{Code, Weight};

        $(
            #[doc = concat!("`", $id, "`: ", $title, ".")]
            pub const $name: Code = Code {
                id: $id,
                name: stringify!($name),
                weight: Weight::$weight,
                title: $title,
                happened: $happened,
                means: $means,
                next: $next,
            };
        )*

        pub(super) const $list: &[&Code] = &[$(&$name),*];
    };
}
use codes;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_unique_well_formed_and_complete() {
        let mut ids = BTreeSet::new();
        let mut names = BTreeSet::new();
        for code in all() {
            let number = code.id.strip_prefix("OL-").expect("a code begins with OL-");
            assert!(number.len() == 4 && number[1..].chars().all(|c| c.is_ascii_digit()), "{}", code.id);
            assert!(ids.insert(code.id), "{} is used twice", code.id);
            assert!(names.insert(code.name), "{} is used twice", code.name);
            assert!(!code.title.ends_with('.'), "{}: a title has no full stop", code.id);
            for text in [code.happened, code.means, code.next] {
                assert!(text.ends_with('.'), "{}: {text}", code.id);
            }
        }
        let sorted: Vec<_> = all().map(|code| code.id).collect();
        assert!(sorted.is_sorted(), "{sorted:?}");
    }

    /// Every source file of the workspace.
    #[expect(clippy::disallowed_methods, reason = "a test reads the repository")]
    fn sources(folder: &std::path::Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).expect("list sources").flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("read a source");
                found.push((path.display().to_string(), text));
            }
        }
    }

    #[test]
    fn every_code_named_in_the_sources_is_registered() {
        let mut files = Vec::new();
        sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut files);
        for (file, text) in files {
            // A quoted code that ends its literal is meant; prose and patterns are not.
            for literal in text.split('"').filter(|literal| literal.len() == 7 && literal.starts_with("OL-"))
            {
                let is_no_code = literal == "OL-0000";
                assert!(
                    is_no_code || all().any(|code| code.id == literal),
                    "{file}: {literal} is not registered"
                );
            }
        }
    }

    #[test]
    fn a_code_is_found_however_it_is_typed() {
        for text in ["OL-2001", "ol-2001", "OL2001", "2001", "hub_not_found", "HUB-NOT-FOUND"] {
            assert_eq!(find(text), Some(&HUB_NOT_FOUND), "{text}");
        }
        assert_eq!(find("AT-LEAST-ONCE"), Some(&AT_LEAST_ONCE));
        assert_eq!(find("S001").map(|code| code.id), Some("OL-S001"));
        assert_eq!(find(""), None);
        assert_eq!(find("OL-0000"), None);
    }
}
