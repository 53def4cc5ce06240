//! Lays out tables: columns two spaces apart, no lines, nothing cut, nothing at the end of a line.
//!
//! The same on a terminal and off it, so that what one sees is what `grep` and `awk` see.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::Value;

use super::{Column, Look};
use crate::cli::Form;

/// A table with a row for each item.
pub(super) fn rows(items: &[Value], columns: &[Column], look: &Look) -> String {
    let columns = shown(columns, look);
    let mut table = empty();
    table.set_header(columns.iter().map(|column| column.title));
    for item in items {
        table.add_row(columns.iter().map(|column| (column.cell)(item, look)));
    }
    laid_out(&mut table)
}

/// A table with a line for each field of one item.
pub(super) fn fields(item: &Value, columns: &[Column], look: &Look) -> String {
    let mut table = empty();
    for column in shown(columns, look) {
        table.add_row([column.title.to_lowercase(), (column.cell)(item, look)]);
    }
    laid_out(&mut table)
}

fn shown<'a>(columns: &'a [Column], look: &Look) -> Vec<&'a Column> {
    columns.iter().filter(|column| !column.is_wide || look.form == Form::Wide).collect()
}

fn empty() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn laid_out(table: &mut Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}
