//! What is wrong with a configuration: all of it at once, each with its place and its code.
//!
//! Not here: printing. The binary shows [`Problems`] and exits with the usage code; nothing has
//! been opened or created by then.

use std::fmt;

use crate::observe::codes::Code;

/// One thing wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its entry in the register of codes.
    pub code: &'static Code,
    /// Which file and line, variable or flag.
    pub place: String,
    /// What is wrong there, and what would be allowed.
    pub detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.code.id, self.place, self.detail)
    }
}

/// Everything wrong with a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}
