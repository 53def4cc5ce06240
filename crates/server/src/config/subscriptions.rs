//! Who is told of lifecycle events: `[events.NAME]` of the file, or variables
//! `OUTLAST_EVENTS__NAME__SECRET` and the like.
//!
//! Not here: the settings of `[events]` itself (`settings`). Everything wrong is told at once, with
//! its place.

use std::collections::BTreeMap;

use engine::partition::feed::Lifecycle;
use http::Uri;

use super::load::Origin;
use super::problem::Problem;
use crate::events::envelope::{self, Format};
use crate::events::signature::Secret;
use crate::observe::codes;

/// Subscriptions of one file: each is a courier for every partition of its hub.
const SUBSCRIPTIONS_MAX: usize = 16;

/// One receiver of a hub's lifecycle events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its name, under which its progress is kept.
    pub name: String,
    /// The task hub.
    pub hub: String,
    /// Where events are posted.
    pub url: Uri,
    /// Signs them.
    pub secret: Secret,
    /// Events that are wanted; none named: all.
    pub wanted: Vec<Lifecycle>,
    /// How they look.
    pub format: Format,
    /// How many go into one post.
    pub batch: usize,
}

/// What a source says: texts by field.
pub(super) type Fields = BTreeMap<String, (Result<String, &'static str>, Origin)>;

const FIELDS: [&str; 6] = ["hub", "url", "secret", "types", "format", "batch"];

/// Whether a key belongs to a subscription, and to which field.
pub(super) fn split(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix("events.")?.split_once('.')
}

/// Builds the subscriptions, or says what is wrong with each.
pub(super) fn build(sources: BTreeMap<String, Fields>, problems: &mut Vec<Problem>) -> Vec<Subscription> {
    let mut subscriptions = Vec::new();
    for (count, (name, fields)) in sources.into_iter().enumerate() {
        let place = fields.values().next().map_or_else(String::new, |(_, origin)| origin.to_string());
        let mut wrong = |field: &str, detail: String| {
            let at = fields.get(field).map_or(&place, |_| &place).clone();
            let at = fields.get(field).map_or(at, |(_, origin)| origin.to_string());
            let detail = format!("events.{name}.{field}: {detail}");
            problems.push(Problem { code: &codes::CONFIG_VALUE, place: at, detail });
        };
        if count >= SUBSCRIPTIONS_MAX || !is_name(&name) {
            wrong(
                "hub",
                format!(
                    "at most {SUBSCRIPTIONS_MAX} subscriptions, named with 1 to 64 letters, digits, `-` or `_`"
                ),
            );
            continue;
        }
        subscriptions.extend(one(&name, &fields, &mut wrong));
    }
    subscriptions
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn one(name: &str, fields: &Fields, wrong: &mut impl FnMut(&str, String)) -> Option<Subscription> {
    for field in fields.keys().filter(|field| !FIELDS.contains(&field.as_str())) {
        wrong(field, format!("there is no such setting; allowed: {}", FIELDS.join(", ")));
    }
    let mut text = |field: &str| match fields.get(field) {
        Some((Ok(text), _)) => Some(text.clone()),
        Some((Err(what), _)) => {
            wrong(field, format!("{what} is no value for it"));
            None
        }
        None => None,
    };
    let (hub, url, secret) = (text("hub"), text("url"), text("secret"));
    let (types, format, batch) = (text("types"), text("format"), text("batch"));
    let mut check = |field: &str, found: Result<(), &str>| {
        if let Err(detail) = found {
            wrong(field, detail.to_owned());
        }
    };
    let url = url.as_deref().map_or(Err("is missing: where events are posted"), parse_url);
    let secret = secret.as_deref().map_or(Err(SECRET), |text| Secret::parse(text).ok_or(SECRET));
    let wanted = types.as_deref().map_or(Ok(Vec::new()), parse_types);
    let format = format.as_deref().map_or(Ok(Format::CloudEvents), parse_format);
    let batch = batch.as_deref().map_or(Ok(1), parse_batch);
    check("url", url.as_ref().map(drop).map_err(|why| *why));
    check("secret", secret.as_ref().map(drop).map_err(|why| *why));
    check("types", wanted.as_ref().map(drop).map_err(|why| *why));
    check("format", format.map(drop));
    check("batch", batch.map(drop));
    Some(Subscription {
        name: name.to_owned(),
        hub: hub.unwrap_or_else(|| "default".to_owned()),
        url: url.ok()?,
        secret: secret.ok()?,
        wanted: wanted.ok()?,
        format: format.ok()?,
        batch: batch.ok()?,
    })
}

const SECRET: &str =
    "must be `whsec_` and 24 to 64 bytes in base 64; make one with `openssl rand -base64 32`";

/// Plain HTTP to this machine only: events would leave it readable and forgeable otherwise.
fn parse_url(text: &str) -> Result<Uri, &'static str> {
    let url: Uri = text.parse().map_err(|_| "is no URL")?;
    match url.scheme_str() {
        Some("http") => {}
        Some("https") => {
            return Err(
                "https is not supported yet; post to a proxy on this machine (http://127.0.0.1:PORT) that speaks TLS",
            );
        }
        Some(_) | None => return Err("must begin with http://"),
    }
    let host = url.host().unwrap_or("").trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_loopback {
        Ok(url)
    } else {
        Err("plain http may go to this machine only: localhost or a loopback address")
    }
}

fn parse_types(text: &str) -> Result<Vec<Lifecycle>, &'static str> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let found: Option<Vec<Lifecycle>> = words.map(envelope::parse).collect();
    found.ok_or("allowed: started, suspended, resumed, stuck, completed, failed, terminated, purged, rewound")
}

fn parse_format(text: &str) -> Result<Format, &'static str> {
    match text {
        "cloudevents" => Ok(Format::CloudEvents),
        "event-grid" => Ok(Format::EventGrid),
        _ => Err("allowed: cloudevents, event-grid"),
    }
}

fn parse_batch(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|batch| (1..=100).contains(batch)).ok_or("allowed: 1 to 100")
}

#[cfg(test)]
mod tests {
    use crate::config::{Loader, Profile};

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn a_subscription_is_read_from_file_and_variables() {
        let file = "[events.mail]\nhub = \"orders\"\nurl = \"http://127.0.0.1:9/hook\"\ntypes = [\"completed\", \"failed\"]\nformat = \"event-grid\"\nbatch = 10\n";
        let secret = ("OUTLAST_EVENTS__MAIL__SECRET".to_owned(), SECRET.to_owned());
        let loader = Loader::new(Profile::Serve).file("o.toml", file).environment([secret]);
        let found = loader.load().expect("it loads").config.events.subscriptions;
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].hub.as_str(), found[0].batch), ("mail", "orders", 10));
        assert_eq!(found[0].wanted, [Lifecycle::Completed, Lifecycle::Failed]);
        assert_eq!(found[0].format, Format::EventGrid);
    }

    #[test]
    fn everything_wrong_with_a_subscription_is_told_with_its_place() {
        let file = "[events.mail]\nurl = \"https://example.com\"\ntypes = \"ended\"\nsecrte = \"x\"\n";
        let found = Loader::new(Profile::Serve).file("o.toml", file).load().expect_err("it is wrong").0;
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(
            found[0].starts_with("OL-1013: o.toml:4: events.mail.secrte: there is no such setting"),
            "{found:?}"
        );
        assert!(found[1].contains("o.toml:2: events.mail.url: https is not supported yet"), "{found:?}");
        assert!(found[2].contains("events.mail.secret: must be `whsec_`"), "{found:?}");
        assert!(found[3].contains("events.mail.types: allowed: started"), "{found:?}");
        let outside = "[events.mail]\nurl = \"http://10.0.0.1/\"\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n";
        let found = Loader::new(Profile::Serve).file("o.toml", outside).load().expect_err("it is wrong").0;
        assert!(found[0].detail.contains("plain http may go to this machine only"), "{found:?}");
    }
}
