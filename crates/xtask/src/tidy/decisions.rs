//! Decisions are dated pages, and a decision that no longer holds gets a new page.
//!
//! Not here: what was decided. Whoever reads an old one must be able to trust that it is what was
//! thought that day, so a page is edited on its day only.

use super::Repository;
use crate::process::program;

const FOLDER: &str = "docs/decisions/";

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let pages = repository.files.iter().filter(|path| path.starts_with(FOLDER));
    pages.filter_map(|path| Some(format!("{path}: {}", complaint(path, &last_edited(path))?))).collect()
}

/// The day of the page's last commit; nothing where it has none yet, or there is no history.
fn last_edited(path: &str) -> String {
    let log = program("git").args(&["log", "-1", "--format=%ad", "--date=short", "--", path]).output();
    log.map(|day| day.trim().to_owned()).unwrap_or_default()
}

fn complaint(path: &str, last_edited: &str) -> Option<String> {
    let name = path.strip_prefix(FOLDER)?;
    let day = name.get(..10).unwrap_or_default();
    let dated = day
        .bytes()
        .enumerate()
        .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    if day.len() != 10 || !dated || !name[10..].starts_with('-') || !name.ends_with(".md") {
        return Some("is not called YYYY-MM-DD-what.md".to_owned());
    }
    // Days in this form sort as they follow each other.
    (last_edited > day).then(|| format!("edited on {last_edited}: write a new decision instead"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_has_its_day_in_its_name() {
        assert_eq!(complaint("docs/decisions/2026-11-21-one-log.md", ""), None);
        for bad in
            ["docs/decisions/one-log.md", "docs/decisions/2026-11-21.md", "docs/decisions/20261121xx-a.md"]
        {
            assert!(complaint(bad, "").is_some(), "{bad}");
        }
    }

    #[test]
    fn a_decision_is_edited_on_its_day_only() {
        assert_eq!(complaint("docs/decisions/2026-11-21-one-log.md", "2026-11-21"), None);
        assert!(complaint("docs/decisions/2026-11-21-one-log.md", "2026-11-22").is_some());
    }
}
