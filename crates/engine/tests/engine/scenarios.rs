//! Transcripts: `../scenarios/*.txt` hold commands, `----`, and all that happened.
//!
//! Not here: the commands' words (`script`). `UPDATE=1` rewrites the transcripts; the difference is
//! what a reviewer reads. After every command all invariants are checked on every row.

use std::path::{Path, PathBuf};

use crate::script::Script;

#[test]
fn each_transcript_tells_what_happens() {
    for (file, text) in transcripts() {
        let found = tell(&text);
        if std::env::var_os("UPDATE").is_some() {
            write(&file, &found);
        } else {
            assert!(found == text, "{} tells another story (UPDATE=1 rewrites it):\n{found}", file.display());
        }
    }
}

/// All transcripts, in the order of their names.
#[expect(clippy::disallowed_methods, reason = "transcripts are files of the source tree")]
pub(crate) fn transcripts() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "txt")).collect();
    files.sort();
    assert!(!files.is_empty(), "no transcripts in {}", folder.display());
    files.into_iter().map(|file| (file.clone(), std::fs::read_to_string(file).unwrap())).collect()
}

#[expect(clippy::disallowed_methods, reason = "transcripts are files of the source tree")]
fn write(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap();
}

/// Runs a transcript's commands and tells what happens.
pub(crate) fn tell(text: &str) -> String {
    let mut script = Script::new();
    let mut found = String::new();
    for block in text.trim_end().split("\n\n") {
        let (commands, _) = block.split_once("\n----").unwrap_or((block, ""));
        found.push_str(commands);
        let mut lines = commands.lines().filter(|line| !line.starts_with('#')).peekable();
        found.push_str(if lines.peek().is_some() { "\n----\n" } else { "\n" });
        lines.for_each(|line| found.push_str(&script.run(line)));
        found.push('\n');
    }
    format!("{}\n", found.trim_end())
}
