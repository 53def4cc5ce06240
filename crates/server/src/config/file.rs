//! A configuration file as a list of keys with their text and line.
//!
//! Values become the text that a variable would hold, so that one parser serves all sources.
//! Not here: what the keys mean (`load`).

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use crate::observe::codes;

/// One `key = value` of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// `section.name`.
    pub key: String,
    /// As it would stand in a variable, or what is there instead of a value.
    pub text: Result<String, &'static str>,
    /// Counted from 1.
    pub line: usize,
}

/// Reads a file's text.
pub(super) fn parse(name: &str, text: &str) -> Result<Vec<Line>, Problem> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        Problem {
            code: &codes::CONFIG_SYNTAX,
            place: format!("{name}:{line}"),
            detail: error.message().replace('\n', ", "),
        }
    })?;
    let mut lines = Vec::new();
    for (section, value) in table.get_ref() {
        let DeValue::Table(inner) = value.get_ref() else {
            lines.push(line(text, section.get_ref().to_string(), section, value));
            continue;
        };
        for (key, value) in inner {
            let name = format!("{}.{}", section.get_ref(), key.get_ref());
            match value.get_ref() {
                // Only subscriptions are nested; a name that is none is told as an unknown setting.
                DeValue::Table(fields) => {
                    lines.extend(fields.iter().map(|(field, value)| {
                        line(text, format!("{name}.{}", field.get_ref()), field, value)
                    }))
                }
                _ => lines.push(line(text, name, key, value)),
            }
        }
    }
    lines.sort_by_key(|line| line.line);
    Ok(lines)
}

fn line<K>(text: &str, key: String, name: &Spanned<K>, value: &Spanned<DeValue<'_>>) -> Line {
    Line { key, text: as_text(value.get_ref()), line: line_of(text, name.span().start) }
}

fn as_text(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().replace('_', "")),
        DeValue::Integer(_) => Err("a number that is not decimal"),
        DeValue::Boolean(flag) => Ok(flag.to_string()),
        DeValue::Array(items) => {
            let items: Result<Vec<String>, _> = items.iter().map(|item| as_text(item.get_ref())).collect();
            Ok(items?.join(","))
        }
        DeValue::Float(_) => Err("a number with a decimal point"),
        DeValue::Datetime(_) => Err("a date"),
        DeValue::Table(_) => Err("a table"),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}
