//! `outlast cluster plan`: which failures the layout survives.
//!
//! Not here: single nodes (`node`) and single partitions (`partition`).

use serde_json::Value;

use crate::api::{Api, note};
use crate::cli::{Form, Global};
use crate::failed::{Exit, Failed};
use crate::output::{self, Column, List, Look, cell, column, wide};

/// Replicas that cannot leave their node, told one by one.
const STUCK_MAX: usize = 5;

const LEVELS: &[Column] = &[
    column("LOSS OF", |level, _| cell::plain(&level["level"])),
    column("SURVIVED", |level, _| format!("{} of {}", level["survived"], items(level, "domains").len())),
    column("OF TWO", |level, _| format!("{} of {}", level["pairs_survived"], level["pairs"])),
    column("FATAL", |level, _| fatal(level)),
    column("NO ROOM ELSEWHERE", |level, _| crowded(level)),
    wide("FATAL TOGETHER", |level, _| fatal_pairs(level)),
];

const HUBS: &[Column] = &[
    column("HUB", |hub, _| hub_name(hub)),
    column("SURVIVE", |hub, _| cell::plain(&hub["survive"])),
    column("REPLICAS", |hub, _| cell::plain(&hub["replicas"])),
    column("STOPS AFTER", |hub, _| match hub["losses"].as_u64() {
        Some(0) => "stopped".to_owned(),
        Some(1) => "1 node".to_owned(),
        _ => format!("{} nodes", hub["losses"]),
    }),
];

const MOVES: &[Column] = &[
    column("HUB", |step, _| hub_name(step)),
    column("PARTITION", |step, _| cell::plain(&step["partition"])),
    column("TO NODES", |step, _| cell::plain(&step["nodes"])),
    column("WHY", |step, _| cell::plain(&step["why"])),
];

fn hub_name(of: &Value) -> String {
    // No hub can have this name.
    of["hub"].as_str().map_or_else(|| "(catalog)".to_owned(), str::to_owned)
}

fn items<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().map_or(&[][..], Vec::as_slice)
}

/// The names of those domains of a level for which `holds`, as many as a column can bear.
fn domains(level: &Value, holds: impl Fn(&Value) -> bool) -> String {
    let named = |domain: &Value| match domain["domain"].as_str() {
        Some("") => "(no name)".to_owned(),
        _ => cell::plain(&domain["domain"]),
    };
    let names: Vec<String> = items(level, "domains").iter().filter(|it| holds(it)).map(named).collect();
    cell::short(&Value::from(names.join(" ")), 60)
}

fn fatal(level: &Value) -> String {
    domains(level, |domain| domain["stops"].as_u64().is_some_and(|stops| stops > 0))
}

fn crowded(level: &Value) -> String {
    domains(level, |domain| domain["fits_elsewhere"].as_bool() == Some(false))
}

fn fatal_pairs(level: &Value) -> String {
    let pairs = items(level, "fatal_pairs").iter();
    let pairs = pairs.map(|pair| format!("{}+{}", cell::plain(&pair[0]), cell::plain(&pair[1])));
    cell::short(&Value::from(pairs.collect::<Vec<String>>().join(" ")), 60)
}

/// Asks the server and shows what it says; what is not as somebody wants it goes to standard error.
pub(crate) async fn run(global: &Global) -> Result<Exit, Failed> {
    let plan = Api::of(global).get("/api/v1/cluster/plan").await?;
    output::print(&text(&plan, &Look::of(global)))?;
    let blocked = items(&plan, "blocked");
    if !global.quiet {
        items(&plan, "warnings").iter().for_each(|warning| note(&cell::plain(warning)));
        blocked.iter().take(STUCK_MAX).for_each(|blocked| note(&stuck(blocked)));
        if blocked.len() > STUCK_MAX {
            note(&format!("so do {} others; all are in -o json", blocked.len() - STUCK_MAX));
        }
    }
    Ok(Exit::Done)
}

/// For people three tables, of which the last may be missing; else the document, or its levels.
fn text(plan: &Value, look: &Look) -> String {
    let table = |name, columns, id| List { document: plan, items: items(plan, name), columns, id }.text(look);
    let levels = table("levels", LEVELS, "level");
    if !matches!(look.form, Form::Table | Form::Wide) {
        return levels;
    }
    let mut text = format!("{levels}\n{}", table("hubs", HUBS, "hub"));
    if !items(plan, "moves").is_empty() {
        text.push_str(&format!("\n{}", table("moves", MOVES, "hub")));
    }
    text
}

fn stuck(blocked: &Value) -> String {
    let (partition, node, why) = (&blocked["partition"], &blocked["node"], cell::plain(&blocked["why"]));
    format!("partition {partition} of {} cannot leave node {node}: {why}", hub_name(blocked))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_is_three_tables() {
        let plan = json!({
            "levels": [
                { "level": "node", "survived": 2, "pairs": 3, "pairs_survived": 0, "fatal_pairs": [["b", "c"]],
                  "domains": [
                      { "domain": "a", "stops": 1, "fits_elsewhere": false },
                      { "domain": "b", "stops": 0, "fits_elsewhere": true },
                      { "domain": "", "stops": 0, "fits_elsewhere": true },
                  ] },
            ],
            "hubs": [{ "replicas": 1, "losses": 1 }, { "hub": "h", "survive": "zone", "replicas": 3, "losses": 2 }],
            "moves": [{ "partition": 0, "nodes": [1, 2], "why": "missing" }],
        });
        let look = |form| Look { form, is_utc: true, now: jiff::Timestamp::UNIX_EPOCH };
        let expected = "LOSS OF  SURVIVED  OF TWO  FATAL  NO ROOM ELSEWHERE\n\
                        node     2 of 3    0 of 3  a      a\n\n\
                        HUB        SURVIVE  REPLICAS  STOPS AFTER\n\
                        (catalog)  -        1         1 node\n\
                        h          zone     3         2 nodes\n\n\
                        HUB        PARTITION  TO NODES  WHY\n\
                        (catalog)  0          [1,2]     missing\n";
        assert_eq!(text(&plan, &look(Form::Table)), expected);
        assert_eq!(serde_json::from_str::<Value>(&text(&plan, &look(Form::Json))).unwrap(), plan);
    }
}
