//! A list that the server gives page by page, read up to a limit, so that no page size shows.
//!
//! Not here: what is in it, and what its columns are.

use serde_json::{Value, json};

use crate::api::{Api, note, path};
use crate::failed::Failed;
use crate::output::{self, Column, List, Look};

/// The most that one request may ask for.
const PAGE_MAX: usize = 1000;

/// See the file's header.
#[derive(Debug)]
pub(crate) struct Pages<'a> {
    pub(crate) api: &'a Api,
    pub(crate) path: String,
    /// The field of a page that has the items.
    pub(crate) name: &'static str,
    pub(crate) query: &'a [(&'static str, Option<String>)],
}

impl Pages<'_> {
    /// Reads up to the limit and prints what came; where there are more, a note says so.
    pub(crate) async fn print(
        &self,
        limit: usize,
        columns: &[Column],
        (look, is_quiet): (&Look, bool),
    ) -> Result<(), Failed> {
        let (items, next) = self.read(limit).await?;
        let mut document = json!({ "schema": 1 });
        document[self.name] = items.into();
        if let Some(next) = next {
            document["next"] = next;
            if !is_quiet {
                note(&format!("there are more than {limit}; see them with --all or --limit"));
            }
        }
        let items = document[self.name].as_array().map(Vec::as_slice).unwrap_or_default();
        output::print(&List { document: &document, items, columns, id: "id" }.text(look))
    }

    /// Reads up to the limit; the second part says where the rest begins.
    pub(crate) async fn read(&self, limit: usize) -> Result<(Vec<Value>, Option<Value>), Failed> {
        let mut items = Vec::new();
        let mut cursor = None;
        loop {
            let mut query = self.query.to_vec();
            query.push(("limit", Some((limit - items.len()).clamp(1, PAGE_MAX).to_string())));
            query.push(("cursor", cursor.take()));
            let mut page = self.api.get(&(self.path.clone() + &path::query(&query))).await?;
            if let Value::Array(more) = page[self.name].take() {
                items.extend(more);
            }
            match page["next"].as_str() {
                Some(next) if items.len() < limit => cursor = Some(next.to_owned()),
                next => return Ok((items, next.map(Value::from))),
            }
        }
    }
}
