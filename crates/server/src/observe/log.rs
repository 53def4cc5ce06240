//! Log lines: for people on a terminal, one JSON object a line otherwise, always to standard error.
//!
//! Each warning and error carries a `code` of the register. Control characters never reach the
//! terminal: names and messages of callers appear in lines. Fields of the spans around an event
//! (hub, partition, instance) are part of its line.
//!
//! Not here: deciding what is worth a line. A fault is logged where it is handled; a refusal is an
//! answer, not an error.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::Duration;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{Color, Format, Log};
use crate::observe::rfc3339;

/// Where standard error goes, as the binary sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// A file or another program.
    Piped,
    /// A terminal.
    Terminal,
    /// A terminal of somebody who set `NO_COLOR`.
    TerminalWithoutColor,
}

/// The wall clock since 1970, for the time on each line.
pub type WallClock = Box<dyn Fn() -> Duration + Send + Sync>;

/// A filter that cannot be read, or a second call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `log.level` is not a filter.
    #[error("log.level: `{0}` is no level and no filter")]
    Level(String),
    /// Lines already go somewhere.
    #[error("the log is set up already")]
    Twice,
}

/// Sets up the lines of the whole process; once.
pub fn install(config: &Log, output: Output, clock: WallClock) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&config.level).map_err(|_| Error::Level(config.level.clone()))?;
    let lines = Lines { style: style(config, output), clock, output: std::io::stderr };
    let subscriber = Registry::default().with(filter).with(lines);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| Error::Twice)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Json,
    Plain,
    Colored,
}

fn style(config: &Log, output: Output) -> Style {
    let human = match config.format {
        Format::Auto => output != Output::Piped,
        Format::Human => true,
        Format::Json => false,
    };
    let colored = match config.color {
        Color::Auto => output == Output::Terminal,
        Color::Always => true,
        Color::Never => false,
    };
    match (human, colored) {
        (false, _) => Style::Json,
        (true, false) => Style::Plain,
        (true, true) => Style::Colored,
    }
}

/// Turns events into lines.
struct Lines<W> {
    style: Style,
    clock: WallClock,
    output: W,
}

/// Fields of a span, kept with it.
struct SpanFields(Fields);

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<SpanFields>()
        {
            values.record(&mut fields.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<SpanFields>() {
                fields.fill(&outer.0);
            }
        }
        event.record(&mut fields);
        let line = self.line(*event.metadata().level(), event.metadata().target(), fields);
        // A log that cannot be written must not stop the work that it tells about.
        let _unwritten = self.output.make_writer().write_all(line.as_bytes());
    }
}

impl<W> Lines<W> {
    fn line(&self, level: Level, target: &str, mut fields: Fields) -> String {
        let time = rfc3339::since_1970((self.clock)());
        let code = fields.take("code");
        let message = fields.take("message");
        match self.style {
            Style::Json => json_line(&time, level, target, [("code", code), ("msg", message)], fields),
            Style::Plain => human_line(&time, level, false, [code, message], &fields),
            Style::Colored => human_line(&time, level, true, [code, message], &fields),
        }
    }
}

fn json_line(time: &str, level: Level, target: &str, first: [(&str, Value); 2], fields: Fields) -> String {
    let mut object = Map::new();
    object.insert("ts".to_owned(), Value::from(time));
    object.insert("level".to_owned(), Value::from(level.as_str().to_lowercase()));
    for (name, value) in first {
        if !value.is_null() {
            object.insert(name.to_owned(), value);
        }
    }
    object.insert("target".to_owned(), Value::from(target));
    for (name, value) in fields.0 {
        object.entry(name).or_insert(value);
    }
    let mut line = Value::Object(object).to_string();
    line.push('\n');
    line
}

fn human_line(time: &str, level: Level, colored: bool, first: [Value; 2], fields: &Fields) -> String {
    let (on, off) = match (colored, level) {
        (false, _) => ("", ""),
        (true, Level::ERROR) => ("\x1b[31m", "\x1b[0m"),
        (true, Level::WARN) => ("\x1b[33m", "\x1b[0m"),
        (true, Level::INFO) => ("\x1b[32m", "\x1b[0m"),
        (true, _) => ("\x1b[2m", "\x1b[0m"),
    };
    let mut line = format!("{time} {on}{level:>5}{off}");
    for value in first {
        if let Some(text) = as_text(&value) {
            push_safely(&mut line, &text);
        }
    }
    for (name, value) in &fields.0 {
        let text = as_text(value).unwrap_or_default();
        let quoted = text.is_empty() || text.contains([' ', '"', '=']);
        push_safely(&mut line, &if quoted { format!("{name}={text:?}") } else { format!("{name}={text}") });
    }
    line.push('\n');
    line
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Some(value.to_string()),
    }
}

/// Adds a word after a space, control characters escaped: an instance id must not move the cursor.
fn push_safely(line: &mut String, text: &str) {
    line.push(' ');
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
}

/// An event's or span's fields, ordered by name.
#[derive(Debug, Clone, Default)]
struct Fields(std::collections::BTreeMap<String, Value>);

impl Fields {
    fn take(&mut self, name: &str) -> Value {
        self.0.remove(name).unwrap_or(Value::Null)
    }

    /// Adds an outer span's fields where an inner one has not set them.
    fn fill(&mut self, outer: &Self) {
        for (name, value) in &outer.0 {
            self.0.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }

    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            let _infallible = write!(text, ": {error}");
            cause = error.source();
        }
        self.put(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::observe::codes;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("nobody panics while writing").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn captured(style: Style, log: impl FnOnce()) -> String {
        let output = Captured::default();
        let writer = output.clone();
        let clock: WallClock = Box::new(|| Duration::from_millis(1_700_000_000_123));
        let lines = Lines { style, clock, output: move || writer.clone() };
        tracing::subscriber::with_default(Registry::default().with(lines), log);
        let bytes = output.0.lock().expect("nobody panics while writing").clone();
        String::from_utf8(bytes).expect("lines are text")
    }

    #[test]
    fn a_json_line_has_time_level_code_and_the_fields_around_it() {
        let line = captured(Style::Json, || {
            let _outer = tracing::info_span!("hub", hub = "orders", partition = 3_u64).entered();
            tracing::warn!(code = codes::PORT_SKIPPED.id, partition = 4_u64, "port taken");
        });
        let found: Value = serde_json::from_str(&line).expect("a line is one JSON object");
        assert_eq!(found["ts"], "2023-11-14T22:13:20.123Z");
        assert_eq!(found["level"], "warn");
        assert_eq!(found["code"], "OL-1020");
        assert_eq!(found["msg"], "port taken");
        assert_eq!(found["hub"], "orders");
        assert_eq!(found["partition"], 4);
    }

    #[test]
    fn a_line_for_people_has_no_escape_a_caller_chose() {
        let line = captured(Style::Plain, || {
            tracing::info!(instance = "a\x1b[2Jb", name = "two words", "started {}", "x\ny");
        });
        assert_eq!(
            line,
            "2023-11-14T22:13:20.123Z  INFO started x\\ny instance=a\\u{1b}[2Jb name=\"two words\"\n"
        );
    }

    #[test]
    fn colours_are_for_terminals_only() {
        let config = Log { format: Format::Auto, level: "info".to_owned(), color: Color::Auto };
        assert_eq!(style(&config, Output::Terminal), Style::Colored);
        assert_eq!(style(&config, Output::TerminalWithoutColor), Style::Plain);
        assert_eq!(style(&config, Output::Piped), Style::Json);
        let human = Log { format: Format::Human, ..config.clone() };
        assert_eq!(style(&human, Output::Piped), Style::Plain);
    }
}
