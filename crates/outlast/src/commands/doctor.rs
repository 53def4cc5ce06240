//! `outlast doctor`: examines a data directory without changing it.
//!
//! Works when the server does not, which is when it is needed. Exit code 8 if it found damage. Not here:
//! what makes a file damaged (`server::doctor`).

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use server::doctor::{Finding, examine};
use server::observe::codes;

use crate::cli::Global;
use crate::endpoints::{DATA_DIR_DEFAULT, Endpoints};
use crate::failed::{Exit, Failed};
use crate::output::{self, Column, List, Look, cell, column};

/// Arguments of `outlast doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The data directory
    #[arg(long, default_value = DATA_DIR_DEFAULT, value_name = "DIR")]
    data: PathBuf,
}

const COLUMNS: &[Column] = &[
    column("STATE", |it, _| cell::plain(&it["state"])),
    column("CODE", |it, _| cell::plain(&it["code"])),
    column("PLACE", |it, _| cell::plain(&it["place"])),
    column("FOUND", |it, _| cell::plain(&it["found"])),
];

impl Doctor {
    pub(crate) fn run(self, global: &Global) -> Result<Exit, Failed> {
        check(&self.data)?;
        let findings = examine(&self.data);
        output::print(&text(&findings, &Look::of(global)))?;
        let damaged = findings.iter().find(|finding| finding.is_damage());
        let Some(code) = damaged.and_then(|finding| finding.code) else { return Ok(Exit::Done) };
        let happened = format!("{} is damaged, as told above", self.data.display());
        Err(Failed::new(Exit::NotPassed, code, happened).not_happened("no file was changed"))
    }
}

/// There is a directory, and no server is writing to it.
fn check(data: &Path) -> Result<(), Failed> {
    if !data.is_dir() {
        let happened = format!("there is no directory {}", data.display());
        return Err(Failed::new(Exit::NotFound, &codes::DATA_DIR_UNUSABLE, happened)
            .next("name the data directory with --data DIR"));
    }
    match Endpoints::read(data) {
        Some(server) if Path::new(&format!("/proc/{}", server.pid)).exists() => {
            let happened = format!("process {} is a server at work on {}", server.pid, data.display());
            Err(Failed::new(Exit::Failure, &codes::DATA_DIR_IN_USE, happened)
                .next("ask it with `outlast status`, or stop it first"))
        }
        Some(_) | None => Ok(()),
    }
}

fn text(findings: &[Finding], look: &Look) -> String {
    let items: Vec<Value> = findings.iter().map(entry).collect();
    let document = json!({ "schema": 1, "findings": items });
    List { document: &document, items: &items, columns: COLUMNS, id: "place" }.text(look)
}

fn entry(finding: &Finding) -> Value {
    let state = match finding.code {
        None => "ok",
        Some(_) if finding.is_damage() => "DAMAGED",
        Some(_) => "notice",
    };
    json!({
        "state": state,
        "code": finding.code.map(|code| code.id),
        "place": finding.place,
        "found": finding.detail,
        "next": finding.code.map(|code| code.next),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Form;

    #[test]
    fn damage_is_told_with_place_and_code_in_every_form() {
        let place = "/d/log/000001.seg position 77".to_owned();
        let finding = Finding { place, detail: "checksum".to_owned(), code: Some(&codes::LOG_CORRUPT) };
        for form in [Form::Table, Form::Wide, Form::Json, Form::Jsonl, Form::Ids] {
            let look = Look { form, is_utc: false, now: jiff::Timestamp::UNIX_EPOCH };
            assert!(text(std::slice::from_ref(&finding), &look).contains("position 77"));
        }
        assert_eq!(entry(&finding)["state"], "DAMAGED");
    }

    #[test]
    fn a_directory_that_is_not_there_is_not_found() {
        assert_eq!(check(Path::new("/no/such/directory")).unwrap_err().exit(), Exit::NotFound);
    }
}
