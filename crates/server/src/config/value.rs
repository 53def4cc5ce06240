//! What a setting's value can be, parsed from text and shown again in the same form.
//!
//! A duration and a size always carry their unit in text (`5s`, `64MiB`), so that nobody has to
//! guess. Parsing checks the bounds: a [`Value`] is always one that its setting allows.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// The kind of a setting, with its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// Texts, separated by commas in a variable, an array in the file.
    Texts,
    /// A path of the file system.
    Path,
    /// Addresses `HOST:PORT` with numeric hosts or `localhost`; separated by commas in a variable.
    Addresses,
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A plain number.
    Count {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A size in bytes, written with a unit.
    Bytes {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A length of time, written with a unit; bounds in milliseconds.
    Duration {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
}

const BYTE_UNITS: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const TIME_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("ms", 1), ("m", 60_000), ("s", 1_000)];

impl fmt::Display for Kind {
    /// The allowed range, as an error and the reference page name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Texts => f.write_str("texts"),
            Self::Path => f.write_str("path"),
            Self::Addresses => f.write_str("addresses IP:PORT"),
            Self::Flag => f.write_str("true or false"),
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::Count { min, max } => write!(f, "{min} to {max}"),
            Self::Bytes { min, max } => write!(f, "{} to {}", show_bytes(*min), show_bytes(*max)),
            Self::Duration { min, max } => write!(f, "{} to {}", show_millis(*min), show_millis(*max)),
        }
    }
}

/// A value within its setting's bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Of [`Kind::Text`], [`Kind::Path`] and [`Kind::Choice`].
    Text(String),
    /// Of [`Kind::Texts`].
    Texts(Vec<String>),
    /// Of [`Kind::Addresses`].
    Addresses(Vec<SocketAddr>),
    /// Of [`Kind::Flag`].
    Flag(bool),
    /// Of [`Kind::Count`].
    Count(u64),
    /// Of [`Kind::Bytes`].
    Bytes(u64),
    /// Of [`Kind::Duration`].
    Duration(Duration),
}

impl Value {
    /// Reads a value as it stands in a variable or a flag. The error says what is wrong with it,
    /// without the allowed range.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, String> {
        let text = text.trim();
        match kind {
            Kind::Text | Kind::Path if text.is_empty() => Err("it is empty".to_owned()),
            Kind::Text | Kind::Path => Ok(Self::Text(text.to_owned())),
            Kind::Texts => Ok(Self::Texts(items(text).map(str::to_owned).collect())),
            Kind::Addresses => items(text).map(parse_address).collect::<Result<_, _>>().map(Self::Addresses),
            Kind::Flag => match text {
                "true" => Ok(Self::Flag(true)),
                "false" => Ok(Self::Flag(false)),
                other => Err(format!("`{other}` is neither")),
            },
            Kind::Choice(words) if words.contains(&text) => Ok(Self::Text(text.to_owned())),
            Kind::Choice(_) => Err(format!("`{text}` is none of them")),
            Kind::Count { min, max } => {
                let count = text.parse().map_err(|_| format!("`{text}` is not a whole number"))?;
                within(count, min, max, text).map(Self::Count)
            }
            Kind::Bytes { min, max } => {
                within(parse_unit(text, &BYTE_UNITS, "64MiB")?, min, max, text).map(Self::Bytes)
            }
            Kind::Duration { min, max } => {
                let millis = within(parse_unit(text, &TIME_UNITS, "5s")?, min, max, text)?;
                Ok(Self::Duration(Duration::from_millis(millis)))
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Texts(texts) => f.write_str(&texts.join(",")),
            Self::Addresses(list) => {
                let list: Vec<String> = list.iter().map(ToString::to_string).collect();
                f.write_str(&list.join(","))
            }
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Bytes(bytes) => f.write_str(&show_bytes(*bytes)),
            Self::Duration(duration) => {
                f.write_str(&show_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
            }
        }
    }
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let numeric = numeric.as_deref().unwrap_or(text);
    numeric.parse().map_err(|_| format!("`{text}` is no address like 127.0.0.1:4001"))
}

fn within(number: u64, min: u64, max: u64, text: &str) -> Result<u64, String> {
    if number < min {
        return Err(format!("`{text}` is too small"));
    }
    if number > max {
        return Err(format!("`{text}` is too large"));
    }
    Ok(number)
}

fn parse_unit(text: &str, units: &[(&str, u64)], example: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit.trim()).map(|(_, factor)| *factor);
    match (number.parse::<u64>(), factor) {
        // Zero is the same in every unit.
        (Ok(0), _) if unit.is_empty() => Ok(0),
        (Ok(number), Some(factor)) => {
            number.checked_mul(factor).ok_or_else(|| format!("`{text}` is too large"))
        }
        _ => Err(format!("`{text}` is not a number with a unit, like `{example}`")),
    }
}

fn show_bytes(bytes: u64) -> String {
    show_unit(bytes, &BYTE_UNITS)
}

fn show_millis(millis: u64) -> String {
    let mut by_size = TIME_UNITS;
    by_size.sort_by_key(|(_, factor)| std::cmp::Reverse(*factor));
    show_unit(millis, &by_size)
}

/// In the largest unit that shows the number exactly.
fn show_unit(number: u64, units: &[(&str, u64)]) -> String {
    let exact = units.iter().find(|(_, factor)| number > 0 && number.is_multiple_of(*factor));
    match exact {
        Some((unit, factor)) => format!("{}{unit}", number / factor),
        None => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Kind = Kind::Duration { min: 1_000, max: 3_600_000 };

    #[test]
    fn values_are_shown_as_they_are_written() {
        let bytes = Kind::Bytes { min: 0, max: u64::MAX };
        let cases = [(SPAN, "90s"), (SPAN, "5m"), (bytes, "17MiB"), (bytes, "1GiB"), (bytes, "0")];
        for (kind, text) in cases {
            assert_eq!(Value::parse(kind, text).map(|value| value.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        let error = Value::parse(SPAN, "5").expect_err("no unit");
        assert_eq!(error, "`5` is not a number with a unit, like `5s`");
    }

    #[test]
    fn values_outside_their_bounds_are_refused() {
        assert_eq!(Value::parse(SPAN, "999ms"), Err("`999ms` is too small".to_owned()));
        assert_eq!(Value::parse(SPAN, "2h"), Err("`2h` is too large".to_owned()));
        let bytes = Kind::Bytes { min: 0, max: u64::MAX };
        assert!(Value::parse(bytes, "99999999999TiB").is_err());
        assert_eq!(SPAN.to_string(), "1s to 1h");
    }

    #[test]
    fn localhost_is_the_loopback_address() {
        let parsed = Value::parse(Kind::Addresses, "localhost:4001, [::1]:4001").expect("both parse");
        assert_eq!(parsed.to_string(), "127.0.0.1:4001,[::1]:4001");
        assert!(Value::parse(Kind::Addresses, "example.org:4001").is_err());
    }
}
