//! What was asked for on the command line.
//!
//! Not here: doing it. Small enough to be read without a library.

use sim::mutants::{self, Mutant};

/// Shown when the arguments make no sense.
pub(crate) const USAGE: &str = "usage: cargo sim [--seeds N] [--from S] [--seed S] [--voters 1|3] [--trace]
                 [--mutant NAME] [--mutants]
  --seeds N    how many seeds to run (200)
  --from S     the first of them (0)
  --seed S     this one only
  --voters V   replicas of each partition; both 1 and 3 where it is left out
  --trace      print every line of what happens to stdout
  --mutant M   with this seeded bug (needs --features mutants)
  --mutants    switch each seeded bug on in turn; fails if one is not found within the seeds";

/// See the file's header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) from: u64,
    pub(crate) seeds: u64,
    pub(crate) voters: Vec<u64>,
    pub(crate) trace: bool,
    pub(crate) mutants: Mutants,
}

/// Which seeded bugs to switch on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mutants {
    None,
    One(Mutant),
    Each,
}

impl Arguments {
    /// Enough seeds of both kinds that every rare situation must come up.
    pub(crate) fn is_full(&self) -> bool {
        self.seeds >= 1_000 && self.voters.len() > 1
    }

    /// Reads them, or says what is wrong.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments =
            Self { from: 0, seeds: 200, voters: vec![1, 3], trace: false, mutants: Mutants::None };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--seeds" => arguments.seeds = number(&word, words.next())?,
                "--from" => arguments.from = number(&word, words.next())?,
                "--seed" => (arguments.from, arguments.seeds) = (number(&word, words.next())?, 1),
                "--voters" => arguments.voters = vec![number(&word, words.next())?],
                "--trace" => arguments.trace = true,
                "--mutant" => arguments.mutants = Mutants::One(mutant(&words.next().unwrap_or_default())?),
                "--mutants" => arguments.mutants = Mutants::Each,
                other => return Err(format!("unknown argument {other}")),
            }
        }
        if arguments.voters.iter().any(|voters| ![1, 3].contains(voters)) {
            return Err(format!("voters must be 1 or 3, not {:?}", arguments.voters));
        }
        Ok(arguments)
    }
}

fn mutant(name: &str) -> Result<Mutant, String> {
    let known = mutants::all();
    let found = known.iter().find(|mutant| mutant.name == name);
    found.copied().ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|mutant| mutant.name).collect();
        format!("no seeded bug {name:?}; there are {}", names.join(", "))
    })
}

fn number(option: &str, word: Option<String>) -> Result<u64, String> {
    let word = word.ok_or_else(|| format!("{option} needs a number"))?;
    word.parse().map_err(|_| format!("{option} needs a number, not {word}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn one_seed_is_one_seed() {
        let arguments = parse("--seed 7 --voters 3").unwrap();
        assert_eq!((arguments.from, arguments.seeds, arguments.voters), (7, 1, vec![3]));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(parse("--voters 2").is_err());
        assert!(parse("--seeds many").is_err());
        assert!(parse("--what").is_err());
    }
}
