//! A "no" between two nodes, with its code: each side logs the same one.
//!
//! Not here: how it travels (`net::wire`).

use crate::observe::codes::{self, Code};

/// Why one node does not speak with another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {text}", .code.id)]
pub struct Refusal {
    /// Its entry in the register of codes.
    pub code: &'static Code,
    /// What is wrong, with the values in it.
    pub text: String,
}

/// Characters of another node's text that are kept.
const TEXT_MAX: usize = 300;

impl Refusal {
    /// With this code.
    pub fn new(code: &'static Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// As another node told it. A code that this version does not know, and a text that is no line of
    /// text, become something that is safe to log.
    pub(super) fn told(code: &str, text: &str) -> Self {
        let known = codes::find(code).filter(|known| known.id == code);
        let plain = text.chars().filter(|character| !character.is_control()).take(TEXT_MAX).collect();
        Self { code: known.unwrap_or(&codes::PEER_NONSENSE), text: plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_node_says_is_made_safe_to_log() {
        let told = Refusal::told("OL-5012", &format!("a\nb{}", "x".repeat(1_000)));
        assert_eq!(told.code, &codes::PEER_OTHER_CLUSTER);
        assert_eq!(told.text.len(), TEXT_MAX);
        assert!(told.text.starts_with("abx"));
        assert_eq!(Refusal::told("5012", "").code, &codes::PEER_NONSENSE);
    }
}
