//! `outlast config show`: every setting in force, and where its value came from.
//!
//! Reads what a server would read, starts nothing.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use server::config::{Loaded, Loader, Problems, Profile};
use server::observe::codes;

use crate::cli::Global;
use crate::failed::{Exit, Failed};
use crate::output::{self, Column, List, Look, cell, column};

/// The verbs of `outlast config`.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Show every setting in force
    Show(Show),
}

/// Arguments of `outlast config show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The file that `serve` would be given
    #[arg(long, env = "OUTLAST_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// With the defaults of `dev`
    #[arg(long)]
    dev: bool,
    /// Say where each value came from: a flag, a variable, a file and line, or the default
    #[arg(long)]
    origin: bool,
}

const PLAIN: &[Column] = &[
    column("SETTING", |it, _| cell::plain(&it["setting"])),
    column("VALUE", |it, _| cell::plain(&it["value"])),
];

const WITH_ORIGIN: &[Column] = &[
    column("SETTING", |it, _| cell::plain(&it["setting"])),
    column("VALUE", |it, _| cell::plain(&it["value"])),
    column("ORIGIN", |it, _| cell::plain(&it["origin"])),
];

impl Config {
    pub(crate) fn run(self, global: &Global) -> Result<Exit, Failed> {
        let Self::Show(show) = self;
        let profile = if show.dev { Profile::Dev } else { Profile::Serve };
        let loaded = load(loader(profile, show.config.as_deref())?)?;
        let entry = |shown: &server::config::Shown| json!({ "setting": shown.key, "value": shown.value, "origin": shown.origin.to_string() });
        let items: Vec<Value> = loaded.shown.iter().map(entry).collect();
        let document = json!({ "schema": 1, "settings": items });
        let columns = if show.origin { WITH_ORIGIN } else { PLAIN };
        let list = List { document: &document, items: &items, columns, id: "setting" };
        output::print(&list.text(&Look::of(global)))?;
        Ok(Exit::Done)
    }
}

/// File and environment; a command adds its flags.
pub(crate) fn loader(profile: Profile, file: Option<&Path>) -> Result<Loader, Failed> {
    let loader = Loader::new(profile).environment(std::env::vars_os().filter_map(|(name, value)| {
        // What is not text cannot be a setting's value; its name is what matters to the others.
        Some((name.into_string().ok()?, value.into_string().ok()?))
    }));
    let Some(file) = file else { return Ok(loader) };
    let text = std::fs::read_to_string(file).map_err(|error| {
        let happened = format!("{}: {error}", file.display());
        Failed::new(Exit::Usage, &codes::CONFIG_UNREADABLE, happened).not_happened("nothing was started")
    })?;
    Ok(loader.file(&file.display().to_string(), &text))
}

/// Decides, or tells everything that is wrong.
pub(crate) fn load(loader: Loader) -> Result<Loaded, Failed> {
    loader.load().map_err(|Problems(problems)| {
        let lines: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.place, problem.detail)).collect();
        let code = problems.first().map_or(&codes::CONFIG_VALUE, |problem| problem.code);
        Failed::new(Exit::Usage, code, lines.join("\n       ")).not_happened("nothing was started")
    })
}
