//! `outlast explain CODE`: what a code means and what to do.
//!
//! Works without a server, because a server that does not start is when it is needed.

use clap::Args;
use serde_json::{Value, json};
use server::observe::codes::{self, Code, Weight};

use crate::cli::{Form, Global};
use crate::failed::{Exit, Failed};
use crate::output::{self, Column, List, Look, cell, column};

/// Arguments of `outlast explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A code such as OL-2010, or a topic such as AT-LEAST-ONCE; without one, all are listed
    code: Option<String>,
}

const COLUMNS: &[Column] = &[
    column("CODE", |item, _| cell::plain(&item["code"])),
    column("WEIGHT", |item, _| cell::plain(&item["weight"])),
    column("TITLE", |item, _| cell::plain(&item["title"])),
];

impl Explain {
    pub(crate) fn run(self, global: &Global) -> Result<Exit, Failed> {
        let look = Look::of(global);
        let text = match &self.code {
            None => list(&look),
            Some(code) => one(find(code)?, &look),
        };
        output::print(&text)?;
        Ok(Exit::Done)
    }
}

fn find(code: &str) -> Result<&'static Code, Failed> {
    codes::find(code).ok_or_else(|| {
        Failed::new(Exit::NotFound, &codes::PARAMETER_INVALID, format!("there is no code {code:?}"))
            .next("outlast explain lists all codes")
    })
}

fn list(look: &Look) -> String {
    let items: Vec<Value> = codes::all().map(entry).collect();
    let document = json!({ "schema": 1, "codes": items });
    List { document: &document, items: &items, columns: COLUMNS, id: "code" }.text(look)
}

fn one(code: &'static Code, look: &Look) -> String {
    match look.form {
        Form::Table | Form::Wide => code.explain(),
        Form::Json => format!("{:#}\n", entry(code)),
        Form::Jsonl => format!("{}\n", entry(code)),
        Form::Ids => format!("{}\n", code.id),
    }
}

fn entry(code: &'static Code) -> Value {
    let weight = match code.weight {
        Weight::Error => "error",
        Weight::Warning => "warning",
        Weight::Topic => "topic",
    };
    json!({
        "code": code.id,
        "name": code.name,
        "weight": weight,
        "title": code.title,
        "happened": code.happened,
        "means": code.means,
        "next": code.next,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_and_explained_in_every_form() {
        for code in codes::all() {
            assert_eq!(find(code.id).unwrap().id, code.id);
            for form in [Form::Table, Form::Wide, Form::Json, Form::Jsonl, Form::Ids] {
                let look = Look { form, is_utc: false, now: jiff::Timestamp::UNIX_EPOCH };
                assert!(one(code, &look).contains(code.id));
            }
        }
    }

    #[test]
    fn unknown_code_is_not_found() {
        assert_eq!(find("OL-0").unwrap_err().exit(), Exit::NotFound);
    }
}
