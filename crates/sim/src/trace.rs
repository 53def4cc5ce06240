//! What happened, one line an event, and a number that depends on all of it.
//!
//! Not here: deciding what is worth a line. Two runs of one seed must have the same trace, byte for
//! byte; whatever breaks that is a bug of the simulator.

use std::fmt::{self, Write as _};

/// The lines of one run, kept or only counted and hashed.
#[derive(Debug)]
pub struct Trace {
    digest: u64,
    count: u64,
    kept: Option<String>,
}

impl Trace {
    /// A trace that keeps its lines, or forgets them as soon as they are hashed.
    pub fn new(keep: bool) -> Self {
        Self { digest: 0xcbf2_9ce4_8422_2325, count: 0, kept: keep.then(String::new) }
    }

    /// Adds a line.
    pub fn line(&mut self, line: fmt::Arguments<'_>) {
        self.count += 1;
        // Writing to memory does not fail.
        let _written = writeln!(self, "{line}");
    }

    /// Depends on every byte of every line.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// How many lines there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The lines, where they were kept.
    pub fn text(&self) -> &str {
        self.kept.as_deref().unwrap_or_default()
    }
}

impl fmt::Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        if let Some(kept) = &mut self.kept {
            kept.push_str(text);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_depends_on_every_line_whether_kept_or_not() {
        let (mut kept, mut hashed) = (Trace::new(true), Trace::new(false));
        for trace in [&mut kept, &mut hashed] {
            trace.line(format_args!("one {}", 1));
            trace.line(format_args!("two"));
        }
        assert_eq!(kept.digest(), hashed.digest());
        assert_eq!((kept.text(), hashed.text()), ("one 1\ntwo\n", ""));
        hashed.line(format_args!("three"));
        assert_ne!(kept.digest(), hashed.digest());
    }
}
