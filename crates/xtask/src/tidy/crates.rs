//! Which crate may depend on which, and on what from outside.
//!
//! Not here: why. ARCHITECTURE.md says what each room is for. A new arrow between rooms is a change
//! of this table, and so a line that a reviewer sees.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Repository;

/// The arrows: a crate, and the crates of this workspace it may use outside its tests.
const TABLE: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("platform", &[]),
    ("outlast-proto", &[]),
    ("storage", &["platform"]),
    ("replication", &["platform", "storage"]),
    ("outlast-sdk-macros", &[]),
    ("outlast-sdk", &["outlast-proto", "outlast-sdk-macros"]),
    ("server", &["engine", "outlast-proto", "platform", "replication", "storage"]),
    ("outlast", &["outlast-sdk", "server"]),
    ("sim", &["engine", "outlast-proto", "outlast-sdk", "platform", "replication", "server", "storage"]),
    ("xtask", &[]),
];
/// What must not be in the engine's closure, so that it cannot wait, draw lots or store.
const ENGINE_WITHOUT: &[&str] = &["tokio", "rand", "rand_core", "getrandom", "raft", "redb", "mio", "rustix"];
const ENGINE_DIRECT_MAX: usize = 3;
/// Dependencies that one crate alone may name: no type of theirs goes further.
const OWNERS: &[(&str, &str)] = &[("raft", "replication"), ("redb", "storage"), ("object_store", "platform")];
/// Generated code is not held to our lints.
const WITHOUT_LINTS: &str = "outlast-proto";

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A direct dependency as a manifest declares it.
pub(super) struct Direct {
    pub(super) from: String,
    pub(super) to: String,
    /// It is for tests alone.
    pub(super) dev: bool,
    /// It is a crate of this workspace.
    pub(super) ours: bool,
}

/// The direct dependencies of every crate of the workspace.
pub(super) fn direct(repository: &Repository) -> Vec<Direct> {
    let mut found = Vec::new();
    for package in packages(&repository.metadata).filter(|package| package["source"].is_null()) {
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            found.push(Direct {
                from: text(&package["name"]).to_owned(),
                to: text(&dependency["name"]).to_owned(),
                dev: dependency["kind"] == "dev",
                ours: !dependency["path"].is_null(),
            });
        }
    }
    found
}

pub(super) fn check_table(repository: &Repository) -> Vec<String> {
    let table: BTreeMap<&str, &[&str]> = TABLE.iter().copied().collect();
    let mut found = Vec::new();
    for Direct { from, to, .. } in direct(repository).iter().filter(|direct| direct.ours && !direct.dev) {
        if !table.get(from.as_str()).is_some_and(|allowed| allowed.contains(&to.as_str())) {
            found.push(format!("{from} → {to}: not in the table"));
        }
    }
    for package in packages(&repository.metadata).filter(|package| package["source"].is_null()) {
        if !table.contains_key(text(&package["name"])) {
            found.push(format!("{}: not in the table", text(&package["name"])));
        }
    }
    found
}

pub(super) fn check_engine(repository: &Repository) -> Vec<String> {
    let closure = closure(&repository.metadata, "engine");
    let mut found: Vec<String> = ENGINE_WITHOUT
        .iter()
        .filter(|name| closure.contains(**name))
        .map(|name| format!("engine reaches {name}"))
        .collect();
    let direct = direct(repository).iter().filter(|direct| direct.from == "engine" && !direct.dev).count();
    if direct > ENGINE_DIRECT_MAX {
        found.push(format!("engine has {direct} direct dependencies, more than {ENGINE_DIRECT_MAX}"));
    }
    found
}

pub(super) fn check_owners(repository: &Repository) -> Vec<String> {
    let owner_of = |name: &str| OWNERS.iter().find(|(owned, _)| *owned == name).map(|(_, owner)| *owner);
    let named = direct(repository);
    let wrong = named.iter().filter(|direct| owner_of(&direct.to).is_some_and(|owner| owner != direct.from));
    wrong.map(|Direct { from, to, .. }| format!("{from} names {to}")).collect()
}

pub(super) fn check_manifests(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages(&repository.metadata).filter(|package| package["source"].is_null()) {
        let name = text(&package["name"]);
        if text(&package["description"]).is_empty() {
            found.push(format!("{name}: no description"));
        }
        let path = format!("crates/{name}/Cargo.toml");
        let manifest: Option<toml::Table> = repository.texts.get(&path).and_then(|text| text.parse().ok());
        let takes_lints = manifest.is_some_and(|manifest| {
            manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool)
                == Some(true)
        });
        if takes_lints == (name == WITHOUT_LINTS) {
            found.push(format!("{path}: every crate but {WITHOUT_LINTS} has `[lints] workspace = true`"));
        }
    }
    found
}

/// All packages of the workspace's closure.
pub(super) fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

/// A string, or nothing.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The names of everything a crate needs outside its tests.
fn closure(metadata: &Value, name: &str) -> BTreeSet<String> {
    let names: BTreeMap<&str, &str> =
        packages(metadata).map(|p| (text(&p["id"]), text(&p["name"]))).collect();
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|node| (text(&node["id"]), node))
        .collect();
    let mut open: Vec<&str> = names.iter().filter(|(_, found)| **found == name).map(|(id, _)| *id).collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        for dependency in nodes.get(id).and_then(|node| node["deps"].as_array()).into_iter().flatten() {
            let kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
            if kinds.into_iter().any(|kind| kind["kind"].is_null()) {
                open.push(text(&dependency["pkg"]));
            }
        }
    }
    seen.into_iter().filter_map(|id| names.get(id)).map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, needs: &[(&str, bool)]) -> Value {
        let dependencies: Vec<Value> = needs
            .iter()
            .map(|(name, ours)| json!({ "name": name, "kind": null, "path": ours.then_some("here") }))
            .collect();
        json!({ "id": name, "name": name, "source": null, "description": "d", "dependencies": dependencies })
    }

    fn node(name: &str, needs: &[&str]) -> Value {
        let needs: Vec<Value> =
            needs.iter().map(|need| json!({ "pkg": need, "dep_kinds": [{ "kind": null }] })).collect();
        json!({ "id": name, "deps": needs })
    }

    fn repository(packages: &[Value], nodes: &[Value]) -> Repository {
        let mut repository = Repository::of(&[]);
        repository.metadata = json!({ "packages": packages, "resolve": { "nodes": nodes } });
        repository
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_found() {
        let good = repository(&[package("storage", &[("platform", true)])], &[]);
        assert_eq!(check_table(&good), [""; 0]);
        let bad = repository(&[package("platform", &[("storage", true)]), package("common", &[])], &[]);
        assert_eq!(check_table(&bad), ["platform → storage: not in the table", "common: not in the table"]);
    }

    #[test]
    fn a_runtime_behind_the_engines_dependencies_is_found() {
        let packages = [package("engine", &[("prost", false)]), package("prost", &[]), package("tokio", &[])];
        let nodes = [node("engine", &["prost"]), node("prost", &["tokio"]), node("tokio", &[])];
        assert_eq!(check_engine(&repository(&packages, &nodes)), ["engine reaches tokio"]);
    }

    #[test]
    fn a_second_owner_is_found() {
        let packages = [package("replication", &[("raft", false)]), package("server", &[("raft", false)])];
        assert_eq!(check_owners(&repository(&packages, &[])), ["server names raft"]);
    }

    #[test]
    fn a_crate_without_the_workspaces_lints_is_found() {
        let mut repository = repository(&[package("storage", &[])], &[]);
        assert_eq!(check_manifests(&repository).len(), 1);
        repository.texts.insert("crates/storage/Cargo.toml".into(), "[lints]\nworkspace = true".into());
        assert_eq!(check_manifests(&repository), [""; 0]);
    }
}
