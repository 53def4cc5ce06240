//! Prints data on standard output in the form that was asked for, and nothing else there.
//!
//! A command hands over the server's JSON and says which columns a table of it has; every form is made
//! here, so that every read has every form. `table` lays out, `cell` makes values readable.

pub(crate) mod cell;
mod table;

use std::io::Write;

use serde_json::Value;

use crate::cli::{Form, Global};
use crate::failed::Failed;

/// How cells are made: the same for a whole run of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) form: Form,
    /// Absolute times.
    pub(crate) is_utc: bool,
    pub(crate) now: jiff::Timestamp,
}

impl Look {
    pub(crate) fn of(global: &Global) -> Self {
        Self { form: global.output, is_utc: global.utc, now: jiff::Timestamp::now() }
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    /// Whether only wide tables have it.
    pub(crate) is_wide: bool,
    pub(crate) cell: fn(&Value, &Look) -> String,
}

/// A column that every table has.
pub(crate) const fn column(title: &'static str, cell: fn(&Value, &Look) -> String) -> Column {
    Column { title, is_wide: false, cell }
}

/// A column that wide tables have.
pub(crate) const fn wide(title: &'static str, cell: fn(&Value, &Look) -> String) -> Column {
    Column { title, is_wide: true, cell }
}

/// A list as a command shows it.
#[derive(Debug)]
pub(crate) struct List<'a> {
    /// What `-o json` prints.
    pub(crate) document: &'a Value,
    /// What `-o jsonl` prints, one a line, and what the rows are made of.
    pub(crate) items: &'a [Value],
    pub(crate) columns: &'a [Column],
    /// What `-o ids` prints of an item.
    pub(crate) id: &'static str,
}

impl List<'_> {
    pub(crate) fn text(&self, look: &Look) -> String {
        match look.form {
            Form::Table | Form::Wide => table::rows(self.items, self.columns, look),
            Form::Json => format!("{:#}\n", self.document),
            Form::Jsonl => self.items.iter().map(|item| format!("{item}\n")).collect(),
            Form::Ids => self.items.iter().map(|item| format!("{}\n", cell::plain(&item[self.id]))).collect(),
        }
    }
}

/// One thing as a command shows it.
#[derive(Debug)]
pub(crate) struct Single<'a> {
    pub(crate) item: &'a Value,
    pub(crate) columns: &'a [Column],
    pub(crate) id: &'static str,
}

impl Single<'_> {
    pub(crate) fn text(&self, look: &Look) -> String {
        match look.form {
            Form::Table | Form::Wide => table::fields(self.item, self.columns, look),
            Form::Json => format!("{:#}\n", self.item),
            Form::Jsonl => format!("{}\n", self.item),
            Form::Ids => format!("{}\n", cell::plain(&self.item[self.id])),
        }
    }
}

/// Writes to standard output.
pub(crate) fn print(text: &str) -> Result<(), Failed> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever read it has seen enough, as `head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failed::local(format!("standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COLUMNS: &[Column] = &[
        column("ID", |item, _| cell::plain(&item["id"])),
        column("AGE", |item, look| cell::time(&item["at"], look)),
        wide("INPUT", |item, _| cell::plain(&item["input"])),
    ];

    fn look(form: Form) -> Look {
        Look { form, is_utc: false, now: "2026-11-21T10:00:00Z".parse().unwrap() }
    }

    fn list(form: Form) -> String {
        let document = json!({ "schema": 1, "things": [
            { "id": "a", "at": "2026-11-21T09:59:18Z", "input": { "n": 1 } },
            { "id": "long one", "at": "2026-11-18T10:00:00Z" },
        ]});
        let items = document["things"].as_array().unwrap();
        List { document: &document, items, columns: COLUMNS, id: "id" }.text(&look(form))
    }

    #[test]
    fn list_as_table_has_one_line_a_row_and_no_trailing_space() {
        assert_eq!(list(Form::Table), "ID        AGE\na         42s\nlong one  3d\n");
    }

    #[test]
    fn list_as_wide_table_has_more_columns() {
        assert_eq!(list(Form::Wide), "ID        AGE  INPUT\na         42s  {\"n\":1}\nlong one  3d   -\n");
    }

    #[test]
    fn list_as_json_is_the_document() {
        let document: Value = serde_json::from_str(&list(Form::Json)).unwrap();
        assert_eq!((&document["schema"], &document["things"][1]["id"]), (&json!(1), &json!("long one")));
    }

    #[test]
    fn list_as_json_lines_is_one_object_a_line() {
        let text = list(Form::Jsonl);
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((lines.len(), &lines[0]["input"]["n"]), (2, &json!(1)));
    }

    #[test]
    fn list_as_ids_is_one_id_a_line() {
        assert_eq!(list(Form::Ids), "a\nlong one\n");
    }

    #[test]
    fn empty_list_is_a_header_or_nothing() {
        let document = json!({ "schema": 1, "things": [] });
        let text =
            |form| List { document: &document, items: &[], columns: COLUMNS, id: "id" }.text(&look(form));
        assert_eq!(text(Form::Table), "ID  AGE\n");
        assert_eq!((text(Form::Jsonl), text(Form::Ids)), (String::new(), String::new()));
    }

    #[test]
    fn one_thing_has_every_form() {
        let item = json!({ "id": "a", "at": "2026-11-21T09:00:00Z", "input": "x" });
        let text = |form| Single { item: &item, columns: COLUMNS, id: "id" }.text(&look(form));
        assert_eq!(text(Form::Table), "id   a\nage  1h\n");
        assert_eq!(text(Form::Wide), "id     a\nage    1h\ninput  x\n");
        assert_eq!(text(Form::Ids), "a\n");
        assert_eq!(serde_json::from_str::<Value>(&text(Form::Json)).unwrap(), item);
        assert_eq!(text(Form::Jsonl).lines().count(), 1);
    }

    #[test]
    fn no_form_has_control_characters_of_a_caller() {
        let document = json!({ "things": [{ "id": "a\u{1b}[31m\n", "at": null }] });
        let items = document["things"].as_array().unwrap();
        for form in [Form::Table, Form::Wide, Form::Json, Form::Jsonl, Form::Ids] {
            let text = List { document: &document, items, columns: COLUMNS, id: "id" }.text(&look(form));
            assert!(!text.contains('\u{1b}'), "{text:?}");
        }
    }
}
