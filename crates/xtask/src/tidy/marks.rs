//! Names that only mean something in pairs: a mark of the simulation and the place that reaches it,
//! a seeded bug and the line that it breaks, a fault's evidence and the mark or test that is it.
//!
//! Not here: whether a mark is ever reached and a bug ever found; the simulation says that.

use std::collections::BTreeSet;

use super::Repository;

const MARKS: &str = "crates/sim/src/marks.rs";
const FAULTS: &str = "docs/FAULTS.md";

/// Each mark is reached somewhere, and each mark that the page on faults names is one.
pub(super) fn check_marks(repository: &Repository) -> Vec<String> {
    let marks = listed(repository.texts.get(MARKS).map_or("", String::as_str));
    let beside = |path: &str| path.starts_with("crates/sim/src") && path != MARKS;
    let reaching: String = repository.rust().filter(|(path, _)| beside(path)).map(|(_, text)| text).collect();
    let unreached = marks.iter().filter(|mark| !reaching.contains(&format!("\"{mark}\"")));
    let unreached = unreached.map(|mark| format!("{MARKS}: nothing reaches {mark:?}"));
    let page = repository.texts.get(FAULTS).map_or("", String::as_str);
    let unknown = named(page).into_iter().filter(|name| !marks.contains(*name));
    unreached.chain(unknown.map(|name| format!("{FAULTS}: no mark {name:?}"))).collect()
}

/// Each seeded bug stands at a line, and each test that the page on faults names exists.
pub(super) fn check_seeded(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in repository.ending("/mutants.rs").filter(|(path, _)| path.contains("/src/")) {
        let room = path.split("/src/").next().unwrap_or_default();
        let beside = |other: &str| other.starts_with(room) && other.contains("/src/") && other != path;
        let code: String =
            repository.rust().filter(|(other, _)| beside(other)).map(|(_, text)| text).collect();
        let missing = listed(text).into_iter().filter(|name| !code.contains(&format!("active(\"{name}\")")));
        found.extend(missing.map(|name| format!("{path}: {name:?} breaks no line")));
    }
    let code: String =
        repository.ending(".rs").chain(repository.ending(".py")).map(|(_, text)| text).collect();
    let page = repository.texts.get(FAULTS).map_or("", String::as_str);
    let tests = page.split('`').skip(1).step_by(2).filter(|name| name.contains('_') && !name.contains('/'));
    let stands = |name: &str| ["fn", "def"].iter().any(|word| code.contains(&format!("{word} {name}(")));
    let missing = tests.filter(|name| !name.contains('.') && !stands(name));
    found.extend(missing.map(|name| format!("{FAULTS}: no test `{name}`")));
    found
}

/// The strings of a list `ALL`.
fn listed(text: &str) -> BTreeSet<String> {
    let list = text.split_once("pub const ALL: &[&str] = &[").and_then(|(_, rest)| rest.split_once("];"));
    list.map_or("", |(list, _)| list).split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What the page gives as evidence of the simulation, in italics.
fn named(page: &str) -> Vec<&str> {
    let rows = page.lines().filter_map(|line| line.rsplit_once("sim: *"));
    rows.filter_map(|(_, rest)| rest.split('*').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "pub const ALL: &[&str] = &[\n    \"disk full\",\n    \"clock jumped\",\n];\n";

    #[test]
    fn a_mark_needs_a_place_that_reaches_it_and_a_name_needs_a_mark() {
        let found = |code: &str, page: &str| {
            check_marks(&Repository::of(&[(MARKS, LIST), ("crates/sim/src/a.rs", code), (FAULTS, page)]))
        };
        let code = "reach(\"disk full\"); reach(\"clock jumped\");";
        assert_eq!(found(code, "| x | sim: *disk full* |\n"), [""; 0]);
        assert_eq!(found("reach(\"disk full\");", "").len(), 1);
        assert_eq!(found(code, "| x | sim: *disc full* |\n").len(), 1);
    }

    #[test]
    fn a_seeded_bug_needs_a_line_and_a_page_names_tests_that_exist() {
        let found = |code: &str, page: &str| {
            let list =
                LIST.replace(' ', "-").replace("pub-const-ALL:-&[&str]-=-&[", "pub const ALL: &[&str] = &[");
            check_seeded(&Repository::of(&[
                ("a/src/mutants.rs", &list),
                ("a/src/b.rs", code),
                (FAULTS, page),
            ]))
        };
        let code = "if active(\"disk-full\") || active(\"clock-jumped\") {} fn it_holds() {}";
        assert_eq!(found(code, "| it: `it_holds` |"), [""; 0]);
        assert_eq!(found("if active(\"disk-full\") {}", "").len(), 1);
        assert_eq!(found(code, "| it: `it_breaks` |").len(), 1);
    }
}
