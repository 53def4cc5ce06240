//! The reference page of settings, written from the table.
//!
//! A test compares the page in the repository with this; `UPDATE_DOCS=1` lets the test rewrite it.

use super::settings::{SETTINGS, Setting};

const HEAD: &str = "# Settings

<!-- Written from `crates/server/src/config/settings.rs`; do not edit. `UPDATE_DOCS=1 cargo test -p server fresh` writes it again. -->

One TOML file (`outlast serve --config FILE`), one environment variable for each setting, flags for the most used ones.
A flag wins over a variable, a variable over the file, the file over the default. `outlast config show --origin` says where each value came from.
An unknown setting or a value outside its range is an error that names file, line and range; nothing is started then.
A size is written with its unit (`64MiB`), a length of time too (`500ms`, `5s`, `7d`). In a variable, several values are separated by commas.
";

/// The page as it belongs to the repository.
pub fn reference_page() -> String {
    let mut page = HEAD.to_owned();
    let mut section = "";
    for setting in SETTINGS {
        let (found, _) = setting.key.split_once('.').unwrap_or((setting.key, ""));
        if found != section {
            section = found;
            page.push_str(&format!("\n## {section}\n"));
        }
        page.push_str(&entry(setting));
    }
    page
}

fn entry(setting: &Setting) -> String {
    let shown = |text: &str| if text.is_empty() { "none".to_owned() } else { format!("`{text}`") };
    let dev =
        setting.default_dev.map_or_else(String::new, |dev| format!(" ({} in `dev` and `demo`)", shown(dev)));
    format!(
        "\n### `{}`\n\n{}\n\nDefault {}{dev} · {} · `{}` · since {}\n",
        setting.key,
        setting.doc,
        shown(setting.default),
        setting.kind,
        setting.variable(),
        setting.since
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_settings_page_is_fresh() {
        crate::observe::docs::assert_fresh(super::super::REFERENCE_PATH, &super::reference_page());
    }
}
