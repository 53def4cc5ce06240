//! A Rust file opens with a header: what it is for, what is deliberately not in it, the one thing
//! to know.
//!
//! Not here: judging what it says. Three lines are too short for nothing and twelve long enough
//! for anything but a drawing or a table, which are not counted. A file of unit tests needs one
//! line, for its subject is beside it.

use super::Repository;

const LINES_MIN: usize = 3;
const LINES_MAX: usize = 12;

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let complaint =
        |path: &str, text| complaint(text, if path.ends_with("tests.rs") { 1 } else { LINES_MIN });
    repository.rust().filter_map(|(path, text)| Some(format!("{path}: {}", complaint(path, text)?))).collect()
}

fn complaint(text: &str, lines_min: usize) -> Option<String> {
    let header: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
    if header.is_empty() {
        return Some("does not open with `//!`".to_owned());
    }
    let mut drawing = false;
    let prose = header
        .iter()
        .filter(|line| {
            let fence = line.trim_start().starts_with("```");
            drawing ^= fence;
            !drawing && !fence && !line.trim_start().starts_with('|')
        })
        .count();
    if header.len() < lines_min {
        return Some(format!("its header has {} lines, fewer than {lines_min}", header.len()));
    }
    (prose > LINES_MAX).then(|| format!("its header has {prose} lines of prose, more than {LINES_MAX}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> String {
        "//! Words.\n".repeat(count) + "\nfn a() {}\n"
    }

    #[test]
    fn a_file_without_a_header_is_found() {
        assert!(complaint("// For what.\n", LINES_MIN).is_some());
        assert!(complaint("use std::fs;\n", LINES_MIN).is_some());
    }

    #[test]
    fn a_header_has_three_to_twelve_lines() {
        assert!(complaint(&lines(2), LINES_MIN).is_some());
        assert_eq!(complaint(&lines(3), LINES_MIN), None);
        assert_eq!(complaint(&lines(12), LINES_MIN), None);
        assert!(complaint(&lines(13), LINES_MIN).is_some());
    }

    #[test]
    fn drawings_and_tables_do_not_count() {
        let drawing = "//! ```text\n".to_owned() + &"//!  a ──▶ b\n".repeat(20) + "//! ```\n//! | a | b |\n";
        assert_eq!(complaint(&(drawing + &lines(10)), LINES_MIN), None);
    }
}
