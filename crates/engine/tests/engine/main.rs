//! The engine's black-box tests: transcripts, random histories, stored formats.
//!
//! Not here: tests of one file's inside, which stand in that file.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by stopping")]

mod feed;
mod formats;
mod random;
mod scenarios;
mod script;
#[cfg(feature = "mutants")]
mod seeded_bugs;
mod support;
mod words;
