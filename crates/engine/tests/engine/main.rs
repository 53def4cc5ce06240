//! The engine's black-box tests: transcripts, random histories, stored formats.
//!
//! Not here: tests of one file's inside, which stand in that file.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by stopping")]

mod catalog;
mod entities;
mod entity_words;
mod feed;
mod formats;
mod payloads;
mod placement;
mod random;
mod random_entities;
mod scenarios;
mod schedules;
mod script;
#[cfg(feature = "mutants")]
mod seeded_bugs;
mod support;
mod words;
