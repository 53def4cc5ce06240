//! A page has one title, and what it points to in this repository is there.
//!
//! Not here: links into the world, which break without our doing, and places within a page.

use super::Repository;

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in repository.ending(".md") {
        let prose = without_code(text);
        let titles = prose.lines().filter(|line| line.starts_with("# ")).count();
        if titles != 1 {
            found.push(format!("{path}: {titles} titles"));
        }
        for target in targets(&prose) {
            if !exists(repository, path, target) {
                found.push(format!("{path}: `{target}` is not there"));
            }
        }
    }
    found
}

/// The text without fenced code and without code in the line.
fn without_code(text: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        if !fenced && !fence {
            prose.extend(line.split('`').step_by(2));
            prose.push('\n');
        }
    }
    prose
}

/// Relative link targets, without the place within the page.
fn targets(prose: &str) -> impl Iterator<Item = &str> {
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .map(|target| target.split('#').next().unwrap_or(target))
        .filter(|target| !target.is_empty())
}

fn exists(repository: &Repository, page: &str, target: &str) -> bool {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return false,
            ".." => {}
            name => parts.push(name),
        }
    }
    let path = parts.join("/");
    let folder = format!("{path}/");
    path.is_empty() || repository.files.iter().any(|file| *file == path || file.starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Vec<String> {
        check(&Repository::of(&[("docs/a.md", page), ("docs/b/c.md", "# C\n"), ("README.md", "# R\n")]))
    }

    #[test]
    fn links_to_files_and_folders_resolve() {
        assert_eq!(
            found("# A\n[r](../README.md#x) [c](b/c.md) [b](b) [out](https://example.org) [here](#a)\n"),
            [""; 0]
        );
    }

    #[test]
    fn a_broken_link_is_found() {
        assert_eq!(found("# A\n[r](README.md)\n"), ["docs/a.md: `README.md` is not there"]);
        assert_eq!(found("# A\n[r](../../x.md)\n"), ["docs/a.md: `../../x.md` is not there"]);
    }

    #[test]
    fn a_page_has_one_title_and_code_is_not_prose() {
        assert_eq!(found("# A\n# B\n"), ["docs/a.md: 2 titles"]);
        assert_eq!(found("# A\n```\n# not a title\n[x](y)\n```\n`[x](y)`\n"), [""; 0]);
    }
}
