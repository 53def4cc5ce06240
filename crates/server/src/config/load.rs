//! Who wins: flag, then environment, then file, then default; and where each value came from.
//!
//! Everything wrong is collected and told at once. An unknown key is an error, because a misspelt
//! setting that is silently ignored is found out at the worst time.

use std::collections::BTreeMap;
use std::fmt;

use super::file;
use super::problem::{Problem, Problems};
use super::settings::{Profile, SETTINGS, Setting};
use super::subscriptions;
use super::typed::Config;
use super::value::Value;
use crate::observe::codes;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A file.
    File {
        /// Its name as it was given.
        name: String,
        /// Counted from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// A flag of the command.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A setting as `outlast config show` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// `section.name`.
    pub key: &'static str,
    /// The value in force.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// A configuration without problems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// For the node.
    pub config: Config,
    /// All settings in the order of the reference page.
    pub shown: Vec<Shown>,
}

/// A value as a source has it, or what is there instead.
type Text = Result<String, &'static str>;

/// Collects sources, then decides.
#[derive(Debug)]
pub struct Loader {
    profile: Profile,
    /// What each key is set to, one list per rank: file, environment, flag.
    ranks: [Vec<(String, Text, Origin)>; 3],
    problems: Vec<Problem>,
}

impl Loader {
    /// Begins with the defaults of a profile.
    pub fn new(profile: Profile) -> Self {
        Self { profile, ranks: Default::default(), problems: Vec::new() }
    }

    /// Adds a file's text; `name` is what errors call it.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Self {
        match file::parse(name, text) {
            Ok(lines) => self.ranks[0].extend(lines.into_iter().map(|line| {
                let origin = Origin::File { name: name.to_owned(), line: line.line };
                (line.key, line.text, origin)
            })),
            Err(problem) => self.problems.push(problem),
        }
        self
    }

    /// Adds the environment; variables that do not begin with `OUTLAST_` are ignored.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, text) in variables {
            let Some(rest) = name.strip_prefix("OUTLAST_") else { continue };
            // Without a section it belongs to the command line itself, like OUTLAST_CONFIG.
            if !rest.contains("__") {
                continue;
            }
            let key = rest.replace("__", ".").to_lowercase();
            self.ranks[1].push((key, Ok(text), Origin::Variable(name)));
        }
        self.ranks[1].sort_by(|a, b| a.0.cmp(&b.0));
        self
    }

    /// Adds a flag: its name as the user typed it, and the setting it sets.
    #[must_use]
    pub fn flag(mut self, name: &str, key: &str, text: &str) -> Self {
        self.ranks[2].push((key.to_owned(), Ok(text.to_owned()), Origin::Flag(name.to_owned())));
        self
    }

    /// Decides, or tells everything that is wrong.
    pub fn load(mut self) -> Result<Loaded, Problems> {
        let mut values: BTreeMap<&'static str, (Value, Origin)> = BTreeMap::new();
        for setting in SETTINGS {
            let value = Value::parse(setting.kind, setting.default_for(self.profile))
                .expect("a test checks that each default is within its bounds");
            values.insert(setting.key, (value, Origin::Default));
        }
        let mut subscriptions: BTreeMap<String, subscriptions::Fields> = BTreeMap::new();
        for (key, text, origin) in self.ranks.into_iter().flatten() {
            if let Some((name, field)) = subscriptions::split(&key) {
                let fields = subscriptions.entry(name.to_owned()).or_default();
                fields.insert(field.to_owned(), (text, origin));
                continue;
            }
            match set(&key, text, &origin) {
                Ok((key, value)) => {
                    values.insert(key, (value, origin));
                }
                Err(problem) => self.problems.push(problem),
            }
        }
        let shown = SETTINGS
            .iter()
            .filter_map(|setting| values.get(setting.key).map(|found| (setting.key, found)))
            .map(|(key, (value, origin))| Shown { key, value: value.to_string(), origin: origin.clone() })
            .collect();
        let mut config = Config::from_values(&values);
        config.events.subscriptions = subscriptions::build(subscriptions, &mut self.problems);
        self.problems.extend(config.check(|key| values[key].1.clone()));
        if self.problems.is_empty() { Ok(Loaded { config, shown }) } else { Err(Problems(self.problems)) }
    }
}

fn set(
    key: &str,
    text: Result<String, &'static str>,
    origin: &Origin,
) -> Result<(&'static str, Value), Problem> {
    let setting = Setting::find(key).ok_or_else(|| unknown(key, origin))?;
    let parsed = match text {
        Ok(text) => Value::parse(setting.kind, &text),
        Err(what) => Err(format!("{what} is no value for it")),
    };
    parsed.map(|value| (setting.key, value)).map_err(|detail| Problem {
        code: &codes::CONFIG_VALUE,
        place: origin.to_string(),
        detail: format!("{}: {detail}; allowed: {}", setting.key, setting.kind),
    })
}

fn unknown(key: &str, origin: &Origin) -> Problem {
    let near = nearest(key).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    Problem {
        code: &codes::CONFIG_UNKNOWN,
        place: origin.to_string(),
        detail: format!("there is no setting `{key}`{near}"),
    }
}

/// The setting whose name needs the fewest single-letter edits, if that is few.
fn nearest(key: &str) -> Option<&'static str> {
    SETTINGS
        .iter()
        .map(|setting| (edits(key, setting.key), setting.key))
        .min()
        .filter(|(edits, near)| *edits <= near.len() / 3)
        .map(|(_, near)| near)
}

fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn problems(loader: Loader) -> Vec<String> {
        loader.load().expect_err("it is wrong").0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_flag_beats_a_variable_beats_a_file_beats_the_default() {
        let file = "[work]\ntermination_wait = \"1s\"\nredeliveries_max = 3\n[hubs]\npartitions = 2\n";
        let loaded = Loader::new(Profile::Serve)
            .flag("--partitions", "hubs.partitions", "4")
            .environment([("OUTLAST_WORK__REDELIVERIES_MAX".to_owned(), "5".to_owned())])
            .file("outlast.toml", file)
            .load()
            .expect("it loads");
        assert_eq!(loaded.config.hubs.partitions, 4);
        assert_eq!(loaded.config.work.redeliveries_max, 5);
        assert_eq!(loaded.config.work.termination_wait, Duration::from_secs(1));
        let origin = |key: &str| {
            let shown = loaded.shown.iter().find(|shown| shown.key == key).expect("each is shown");
            shown.origin.to_string()
        };
        assert_eq!(origin("hubs.partitions"), "--partitions");
        assert_eq!(origin("work.redeliveries_max"), "OUTLAST_WORK__REDELIVERIES_MAX");
        assert_eq!(origin("work.termination_wait"), "outlast.toml:2");
        assert_eq!(origin("log.level"), "default");
    }

    #[test]
    fn unknown_settings_and_bad_values_are_all_told_with_file_line_key_and_range() {
        let file = "[http]\nlistn = \"127.0.0.1:1\"\n\n[hubs]\npartitions = 0\ncreate_on_use = 1.5\n";
        assert_eq!(
            problems(Loader::new(Profile::Serve).file("o.toml", file)),
            [
                "OL-1012: o.toml:2: there is no setting `http.listn`; did you mean `http.listen`?",
                "OL-1013: o.toml:5: hubs.partitions: `0` is too small; allowed: 1 to 1024",
                "OL-1013: o.toml:6: hubs.create_on_use: a number with a decimal point is no value for it; \
                 allowed: true or false",
            ]
        );
    }

    #[test]
    fn a_misspelt_variable_is_an_error() {
        let loader = Loader::new(Profile::Serve).environment([
            ("OUTLAST_HTTP__LISTENN".to_owned(), String::new()),
            ("OUTLAST_URL".to_owned(), "http://localhost:4002".to_owned()),
        ]);
        assert_eq!(
            problems(loader),
            [
                "OL-1012: OUTLAST_HTTP__LISTENN: there is no setting `http.listenn`; did you mean `http.listen`?"
            ]
        );
    }

    #[test]
    fn a_file_that_is_not_toml_is_told_with_its_line() {
        let found = problems(Loader::new(Profile::Serve).file("o.toml", "[http]\nlisten =\n"));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("OL-1011: o.toml:2: "), "{found:?}");
    }

    #[test]
    fn an_address_that_others_can_reach_needs_the_insecure_setting() {
        let open = || Loader::new(Profile::Serve).flag("--grpc", "grpc.listen", "0.0.0.0:4001");
        let found = problems(open());
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("OL-1002: --grpc: refusing to listen on 0.0.0.0:4001"), "{found:?}");
        assert!(open().flag("--insecure", "security.insecure", "true").load().is_ok());
    }

    #[test]
    fn dev_also_listens_where_the_emulator_does_and_creates_hubs() {
        let dev = Loader::new(Profile::Dev).load().expect("defaults load").config;
        assert_eq!(dev.grpc.listen_if_free, ["127.0.0.1:8080".parse().expect("an address")]);
        assert!(dev.hubs.create_on_use);
        let serve = Loader::new(Profile::Serve).load().expect("defaults load").config;
        assert!(serve.grpc.listen_if_free.is_empty() && !serve.hubs.create_on_use);
    }
}
