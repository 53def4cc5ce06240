//! The reference page of codes, written from the register.
//!
//! A test compares the page in the repository with this; `UPDATE_DOCS=1` lets the test rewrite it.

use super::{Weight, all};

const HEAD: &str = "# Errors, warnings and explanations

<!-- Written from `crates/server/src/observe/codes/`; do not edit. `UPDATE_DOCS=1 cargo test -p server fresh` writes it again. -->

Every error and warning carries one of these codes: in the log (`code`), in HTTP answers (`code`), in gRPC status details, on the command line.
`outlast explain CODE` prints the same text. A code is never reused.
";

/// The page as it belongs to the repository.
pub fn reference_page() -> String {
    let mut page = HEAD.to_owned();
    for code in all() {
        let weight = match code.weight {
            Weight::Error => "error",
            Weight::Warning => "warning",
            Weight::Topic => "explanation",
        };
        page.push_str(&format!(
            "\n## {}: {}\n\n*{weight}*\n\n**What happened.** {}\n\n**What it means.** {}\n\n**What to do.** {}\n",
            code.id, code.title, code.happened, code.means, code.next
        ));
    }
    page
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_errors_page_is_fresh() {
        crate::observe::docs::assert_fresh(super::super::REFERENCE_PATH, &super::reference_page());
    }
}
