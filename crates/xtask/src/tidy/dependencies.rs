//! Dependencies are decisions: a reason for each direct one, known licences, not too many in all.
//!
//! Not here: security advisories, which `cargo deny` reads from a list of their own, with the
//! exceptions and their reasons in deny.toml.

use std::collections::BTreeSet;

use super::Repository;
use super::crates::{direct, packages, text};

const REASONS: &str = "docs/dependencies.md";
const PACKAGES_MAX: usize = 350;
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check_reasons(repository: &Repository) -> Vec<String> {
    let page = repository.texts.get(REASONS).map(String::as_str).unwrap_or_default();
    let explained: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split('`').next())
        .collect();
    let named = direct(repository);
    let used: BTreeSet<&str> =
        named.iter().filter(|direct| !direct.ours).map(|direct| direct.to.as_str()).collect();
    let missing = used.difference(&explained).map(|name| format!("{name}: no line in {REASONS}"));
    let stale = explained.difference(&used).map(|name| format!("{name}: in {REASONS}, but nobody names it"));
    missing.chain(stale).collect()
}

pub(super) fn check_licences(repository: &Repository) -> Vec<String> {
    let policy: toml::Table =
        repository.texts.get("deny.toml").and_then(|text| text.parse().ok()).unwrap_or_default();
    let allowed: BTreeSet<&str> = policy
        .get("licenses")
        .and_then(|licenses| licenses.get("allow")?.as_array())
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_str)
        .collect();
    let mut found: Vec<String> = packages(&repository.metadata)
        .filter(|package| !acceptable(text(&package["license"]), &allowed))
        .map(|package| {
            format!("{}: licence `{}` is not in deny.toml", text(&package["name"]), text(&package["license"]))
        })
        .collect();
    let lock = repository.texts.get("Cargo.lock").map(String::as_str).unwrap_or_default();
    let locked = lock.matches("[[package]]").count();
    if locked > PACKAGES_MAX {
        found.push(format!("{locked} locked packages, more than {PACKAGES_MAX}"));
    }
    found
}

/// The part of `cargo deny` that Cargo.lock alone can answer, so that every machine checks it.
pub(super) fn check_lock(repository: &Repository) -> Vec<String> {
    let policy: toml::Table =
        repository.texts.get("deny.toml").and_then(|text| text.parse().ok()).unwrap_or_default();
    let denied = policy.get("bans").and_then(|bans| bans.get("deny")?.as_array()).into_iter().flatten();
    let denied: BTreeSet<&str> = denied.filter_map(|ban| ban.get("crate")?.as_str()).collect();
    let lock = repository.texts.get("Cargo.lock").map(String::as_str).unwrap_or_default();
    let values = |key: &'static str| {
        let lines = lock.lines().filter_map(move |line| line.strip_prefix(key));
        lines.map(|value| value.trim_matches([' ', '=', '"']))
    };
    let banned = values("name").filter(|name| denied.contains(name));
    let banned = banned.map(|name| format!("Cargo.lock: {name} is denied in deny.toml"));
    let foreign = values("source").filter(|source| *source != CRATES_IO);
    banned.chain(foreign.map(|source| format!("Cargo.lock: {source} is not crates.io"))).collect()
}

/// Whether the licences of one alternative are all allowed. As much of SPDX as packages use: where
/// there are parentheses they hold alternatives, and `AND` stands outside.
fn acceptable(licence: &str, allowed: &BTreeSet<&str>) -> bool {
    if licence.contains('(') {
        return licence.split(" AND ").all(|part| acceptable(part.trim_matches(['(', ')']), allowed));
    }
    let alternatives = licence.replace('/', " OR ");
    alternatives
        .split(" OR ")
        .any(|alternative| alternative.split(" AND ").all(|one| allowed.contains(one.trim())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn repository(page: &str) -> Repository {
        let policy = "[licenses]\nallow = [\"MIT\", \"Apache-2.0\", \"Unicode-3.0\"]";
        let mut repository = Repository::of(&[(REASONS, page), ("deny.toml", policy)]);
        let redb = json!({ "name": "redb", "kind": null, "path": null });
        let storage = json!({ "name": "storage", "source": null, "license": "MIT", "dependencies": [redb] });
        repository.metadata = json!({ "packages": [storage] });
        repository
    }

    #[test]
    fn a_dependency_without_a_reason_is_found_and_so_is_a_reason_without_one() {
        assert_eq!(check_reasons(&repository("| `redb` | state | sled |")), [""; 0]);
        assert_eq!(
            check_reasons(&repository("| `sled` | state | redb |")),
            ["redb: no line in docs/dependencies.md", "sled: in docs/dependencies.md, but nobody names it"]
        );
    }

    #[test]
    fn a_licence_is_acceptable_when_one_alternative_is() {
        let allowed = BTreeSet::from(["MIT", "Apache-2.0", "Unicode-3.0"]);
        for good in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
            assert!(acceptable(good, &allowed), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Apache-2.0) AND GPL-3.0"] {
            assert!(!acceptable(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn a_denied_package_and_a_foreign_source_are_found() {
        let policy = "[bans]\ndeny = [{ crate = \"bincode\", reason = \"unmaintained\" }]";
        let found = |lock: &str| check_lock(&Repository::of(&[("deny.toml", policy), ("Cargo.lock", lock)]));
        let package = |name: &str, source: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"{source}\"\n")
        };
        assert_eq!(found(&package("bytes", CRATES_IO)), [""; 0]);
        assert_eq!(found(&package("bincode", CRATES_IO)).len(), 1);
        assert_eq!(found(&package("bytes", "git+https://example.org/bytes")).len(), 1);
    }

    #[test]
    fn an_unknown_licence_is_found() {
        let mut repository = repository("");
        assert_eq!(check_licences(&repository), [""; 0]);
        repository.metadata["packages"][0]["license"] = json!("GPL-3.0");
        assert_eq!(check_licences(&repository).len(), 1);
    }
}
