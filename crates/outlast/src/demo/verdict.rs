//! The verdict: what was measured against what was promised, as a table or as JSON lines.
//!
//! The marks are set before anything is killed. A demo that measured nothing has not passed.

use std::time::Duration;

use serde_json::{Value, json};

use super::verify::Findings;
use crate::cli::Form;
use crate::failed::Exit;

/// How long nobody may be answered after a kill.
const OUTAGE_MAX: Duration = Duration::from_secs(10);

/// Everything the verdict is made of.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) findings: Findings,
    pub(super) charged_twice: usize,
    pub(super) repeated: u32,
    pub(super) kills: usize,
    pub(super) outages: Vec<Duration>,
    pub(super) took: Duration,
}

/// One line of the verdict.
#[derive(Debug)]
struct Mark {
    name: String,
    target: String,
    measured: String,
    number: Value,
    /// `None`: told, not judged.
    passed: Option<bool>,
}

impl Verdict {
    pub(super) fn exit(&self) -> Exit {
        let passed = self.marks().iter().all(|mark| mark.passed != Some(false));
        if passed { Exit::Done } else { Exit::NotPassed }
    }

    pub(super) fn text(&self, form: Form) -> String {
        match form {
            Form::Table | Form::Wide => self.table(),
            Form::Json | Form::Jsonl => self.lines(),
            Form::Ids => self.findings.all().map(|what| format!("{what}\n")).collect(),
        }
    }

    fn marks(&self) -> Vec<Mark> {
        let Findings { orders, finished, lost, not_accepted, wrong, charge_not_once } = &self.findings;
        let none = |name: &str, count: usize| Mark {
            name: name.to_owned(),
            target: "0".to_owned(),
            measured: count.to_string(),
            number: count.into(),
            passed: Some(count == 0),
        };
        let mut marks = vec![
            Mark {
                name: "orders finished".to_owned(),
                target: orders.to_string(),
                measured: finished.to_string(),
                number: (*finished).into(),
                passed: Some(finished == orders && *orders > 0),
            },
            none("acknowledged orders lost", lost.len()),
            none("orders never accepted", not_accepted.len()),
            none("results not as they must be", wrong.len()),
            none("charges not once in history", charge_not_once.len()),
            none("orders charged twice", self.charged_twice),
            Mark {
                name: "outages seen and ended".to_owned(),
                target: self.kills.to_string(),
                measured: self.outages.len().to_string(),
                number: self.outages.len().into(),
                passed: Some(self.outages.len() == self.kills),
            },
        ];
        marks.extend(self.outages.iter().zip(1..).map(|(outage, kill): (_, u32)| Mark {
            name: format!("outage after kill {kill}"),
            target: format!("≤ {} s", OUTAGE_MAX.as_secs()),
            measured: format!("{:.2} s", outage.as_secs_f64()),
            number: (outage.as_secs_f64() * 1000.0).round().into(),
            passed: Some(*outage <= OUTAGE_MAX),
        }));
        marks.push(Mark {
            name: "activities run again".to_owned(),
            target: "any".to_owned(),
            measured: self.repeated.to_string(),
            number: self.repeated.into(),
            passed: None,
        });
        marks
    }

    fn table(&self) -> String {
        let mut text = format!("  {:<32}{:>8}{:>11}\n", "marks (set before the kills)", "target", "measured");
        for Mark { name, target, measured, passed, .. } in self.marks() {
            let word = passed.map_or("", |passed| if passed { "   PASS" } else { "   FAIL" });
            text += &format!("  {name:<32}{target:>8}{measured:>11}{word}\n");
        }
        for what in self.findings.all().take(20) {
            text += &format!("  ! {what}\n");
        }
        let word = if self.exit() == Exit::Done { "PASS" } else { "FAIL" };
        let (kills, took) = (self.kills, self.took.as_secs_f64());
        text += &format!("  verdict: {word} · the server was killed {kills} times in {took:.1} s\n");
        text += "  activities are at-least-once, orders are not: outlast explain AT-LEAST-ONCE\n";
        text
    }

    fn lines(&self) -> String {
        let marks = self.marks();
        let mut lines: Vec<Value> = marks
            .iter()
            .map(|mark| {
                json!({ "schema": 1, "mark": mark.name, "target": mark.target, "measured": mark.number,
                        "shown": mark.measured, "passed": mark.passed })
            })
            .collect();
        let milliseconds = |time: &Duration| (time.as_secs_f64() * 1000.0).round();
        lines.push(json!({
            "schema": 1,
            "verdict": if self.exit() == Exit::Done { "pass" } else { "fail" },
            "orders": self.findings.orders,
            "finished": self.findings.finished,
            "lost": self.findings.lost.len(),
            "duplicated": self.charged_twice.max(self.findings.charge_not_once.len()),
            "wrong": self.findings.wrong.len(),
            "kills": self.kills,
            "outage_ms": self.outages.iter().map(milliseconds).collect::<Vec<_>>(),
            "activities_repeated": self.repeated,
            "took_ms": milliseconds(&self.took),
            "problems": self.findings.all().take(100).collect::<Vec<_>>(),
        }));
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict() -> Verdict {
        Verdict {
            findings: Findings { orders: 100, finished: 100, ..Findings::default() },
            charged_twice: 0,
            repeated: 3,
            kills: 2,
            outages: vec![Duration::from_millis(410), Duration::from_millis(380)],
            took: Duration::from_millis(12_300),
        }
    }

    #[test]
    fn all_finished_and_nothing_twice_passes() {
        assert_eq!(verdict().exit(), Exit::Done);
        let table = verdict().text(Form::Table);
        assert!(table.contains("orders finished                      100        100   PASS\n"), "{table}");
        assert!(table.contains("outage after kill 1               ≤ 10 s     0.41 s   PASS\n"), "{table}");
        assert!(table.contains("verdict: PASS"));
    }

    #[test]
    fn one_lost_order_does_not_pass_and_is_named() {
        let mut verdict = verdict();
        verdict.findings.finished = 99;
        verdict.findings.lost.push("order-0007: no answer".to_owned());
        assert_eq!(verdict.exit(), Exit::NotPassed);
        assert!(verdict.text(Form::Table).contains("! order-0007: no answer"));
    }

    #[test]
    fn a_run_without_orders_or_with_an_endless_outage_does_not_pass() {
        let nothing = Verdict { findings: Findings::default(), ..verdict() };
        assert_eq!(nothing.exit(), Exit::NotPassed);
        let dead = Verdict { outages: vec![Duration::from_millis(410)], ..verdict() };
        assert_eq!(dead.exit(), Exit::NotPassed);
    }

    #[test]
    fn json_is_one_object_a_line_and_ends_with_the_verdict() {
        let text = verdict().text(Form::Json);
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let last = lines.last().unwrap();
        assert_eq!(
            (&last["verdict"], &last["lost"], &last["duplicated"]),
            (&json!("pass"), &json!(0), &json!(0))
        );
        assert_eq!(last["outage_ms"], json!([410.0, 380.0]));
        assert!(lines.len() > 5);
    }
}
