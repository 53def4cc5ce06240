//! `outlast status`: one screen that says how the server is.
//!
//! Exit code 6 if it does not answer or is not ready, so that a script can ask with it.

use clap::Args;
use serde_json::Value;

use super::hub;
use crate::api::Api;
use crate::cli::{Form, Global};
use crate::failed::{Exit, Failed};
use crate::output::{self, List, Look, cell};

/// Arguments of `outlast status`.
#[derive(Debug, Args)]
pub(crate) struct Status {}

impl Status {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failed> {
        let status = Api::of(global).get("/api/v1/status").await?;
        let look = Look::of(global);
        output::print(&text(&status, &look))?;
        Ok(if status["ready"] == Value::Bool(true) { Exit::Done } else { Exit::Unavailable })
    }
}

fn text(status: &Value, look: &Look) -> String {
    let none = Vec::new();
    let hubs = status["hubs"].as_array().unwrap_or(&none);
    let list = List { document: status, items: hubs, columns: hub::COLUMNS, id: "name" }.text(look);
    match look.form {
        Form::Table | Form::Wide => format!("{}\n{list}", head(status, look)),
        Form::Jsonl => format!("{status}\n"),
        Form::Json | Form::Ids => list,
    }
}

fn head(status: &Value, look: &Look) -> String {
    let ready = if status["ready"] == Value::Bool(true) { "ready" } else { "NOT READY" };
    let mut text = format!(
        "outlast {} · {ready} · started {} · data in {}\ngrpc {} · http {}\n",
        cell::plain(&status["version"]),
        cell::time(&status["started_at"], look),
        cell::plain(&status["data_dir"]),
        joined(&status["grpc"]),
        joined(&status["http"]),
    );
    let warnings = status["warnings"].as_array().map(Vec::as_slice).unwrap_or_default();
    for warning in warnings {
        let part = |name: &str| cell::plain(&warning[name]);
        text += &format!("warning {}: {} · next: {}\n", part("code"), part("detail"), part("next"));
    }
    text
}

fn joined(addresses: &Value) -> String {
    let addresses = addresses.as_array().map(Vec::as_slice).unwrap_or_default();
    let addresses: Vec<String> = addresses.iter().map(cell::plain).collect();
    if addresses.is_empty() { "-".to_owned() } else { addresses.join(", ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn status_fits_a_screen_and_names_what_is_wrong() {
        let status = json!({
            "schema": 1, "version": "0.1.0", "ready": true, "data_dir": "/d", "as_of": "2026-11-21T10:00:00Z",
            "started_at": "2026-11-21T09:59:00Z", "grpc": ["127.0.0.1:4001", "127.0.0.1:8080"],
            "http": ["127.0.0.1:4002"],
            "warnings": [{ "code": "OL-1021", "detail": "open to others", "next": "close it" }],
            "hubs": [{ "name": "default", "state": "active", "partitions": 8, "mode": "conservative",
                       "instances": { "running": 2, "completed": 5 } }],
        });
        let look = Look { form: Form::Table, is_utc: false, now: "2026-11-21T10:00:00Z".parse().unwrap() };
        assert_eq!(
            text(&status, &look),
            "outlast 0.1.0 · ready · started 60s · data in /d\ngrpc 127.0.0.1:4001, 127.0.0.1:8080 · http \
             127.0.0.1:4002\nwarning OL-1021: open to others · next: close it\n\n\
             HUB      STATE   PARTITIONS  MODE          PENDING  RUNNING  SUSPENDED  COMPLETED  FAILED  \
             TERMINATED\n\
             default  active  8           conservative  -        2        -          5          -       \
             -\n"
        );
        assert_eq!(text(&status, &Look { form: Form::Jsonl, ..look }).lines().count(), 1);
        assert_eq!(text(&status, &Look { form: Form::Ids, ..look }), "default\n");
    }
}
