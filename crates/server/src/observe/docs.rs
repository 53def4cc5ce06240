//! Keeps generated pages in the repository equal to what the code says.
//!
//! Test support only: a page is checked by default and written again with `UPDATE_DOCS=1`.

use std::path::Path;

#[expect(clippy::disallowed_methods, reason = "a test reads and writes pages of the repository")]
/// Fails if the page at `path` (from the repository's root) is not `expected`.
pub(crate) fn assert_fresh(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let folder = file.parent().expect("a page lies in a folder");
        std::fs::create_dir_all(folder).expect("create the docs folder");
        std::fs::write(&file, expected).expect("write the page");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == expected, "{path} is stale: run `UPDATE_DOCS=1 cargo test -p server fresh`");
}
