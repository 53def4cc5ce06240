//! Makes values readable: one line, no control characters, times as ages or as they are.
//!
//! Names and values are callers' text; nothing of it may steer a terminal.

use serde_json::Value;

use super::Look;

/// What stands for nothing.
const NOTHING: &str = "-";

/// A value as it is: strings without quotes, everything else as JSON.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::String(text) if text.is_empty() => NOTHING.to_owned(),
        Value::String(text) => visible(text),
        other => visible(&other.to_string()),
    }
}

/// A value cut to what a column can bear.
pub(crate) fn short(value: &Value, letters_max: usize) -> String {
    let text = plain(value);
    if text.chars().count() <= letters_max {
        return text;
    }
    text.chars().take(letters_max.saturating_sub(1)).chain(['…']).collect()
}

/// A time: how long ago, or when.
pub(crate) fn time(value: &Value, look: &Look) -> String {
    let Some(text) = value.as_str() else { return NOTHING.to_owned() };
    match text.parse::<jiff::Timestamp>() {
        Ok(time) if !look.is_utc => age(look.now.as_second() - time.as_second()),
        Ok(_) | Err(_) => visible(text),
    }
}

/// A span of seconds in its greatest unit; the future has a sign.
fn age(seconds: i64) -> String {
    let sign = if seconds < 0 { "in " } else { "" };
    let span = seconds.unsigned_abs();
    let (count, unit) = match span {
        0..120 => (span, "s"),
        120..3_600 => (span / 60, "m"),
        3_600..172_800 => (span / 3_600, "h"),
        _ => (span / 86_400, "d"),
    };
    format!("{sign}{count}{unit}")
}

fn visible(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_one_unit() {
        let ages = [(5, "5s"), (119, "119s"), (120, "2m"), (3_600, "1h"), (172_800, "2d"), (-30, "in 30s")];
        for (seconds, expected) in ages {
            assert_eq!(age(seconds), expected);
        }
    }

    #[test]
    fn long_values_are_cut_by_letters() {
        assert_eq!(short(&Value::from("äöüäöü"), 4), "äöü…");
        assert_eq!(short(&Value::from("abcd"), 4), "abcd");
    }
}
