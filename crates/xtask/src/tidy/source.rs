//! Rust source seen without its comments and strings, and where its functions and tests are.
//!
//! Not here: parsing. Blanking out what is not code, then matching braces, is enough for rules about
//! size and words, and it cannot fail on code that compiles.

use std::ops::Range;

/// What a byte of the source belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Code,
    Comment,
    Text,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// Lines of its body that hold code.
    pub(super) lines: usize,
}

/// Gives back `source` with everything but `keep` blanked out; lines stay where they are.
pub(super) fn only(source: &str, keep: Kind) -> String {
    let mut out = String::with_capacity(source.len());
    for (range, kind) in pieces(source) {
        if kind == keep {
            out.push_str(&source[range]);
        } else {
            out.extend(source[range].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
    }
    out
}

/// The functions of a source whose comments and strings are blanked out.
pub(super) fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let name: String = code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let starts_a_word = code[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
        if name.is_empty() || !starts_a_word {
            continue;
        }
        let Some(open) = body_start(&code[at..]).map(|offset| at + offset) else { continue };
        let close = matching_brace(code, open);
        let lines = code[open + 1..close].lines().filter(|line| !line.trim().is_empty()).count();
        found.push(Function { name, lines });
    }
    found
}

/// The byte ranges of `#[cfg(test)]` modules of a source whose comments and strings are blanked out.
pub(super) fn test_modules(code: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in code.match_indices("#[cfg(test)]") {
        if found.last().is_some_and(|last| last.contains(&at)) {
            continue;
        }
        let rest = &code[at..];
        let (brace, semicolon) = (rest.find('{'), rest.find(';').unwrap_or(rest.len()));
        match brace {
            Some(open) if open < semicolon => found.push(at..matching_brace(code, at + open) + 1),
            _ => found.push(at..at + semicolon),
        }
    }
    found
}

/// Where a function's body opens, unless a semicolon ends its declaration first. A semicolon inside
/// brackets belongs to an array type.
fn body_start(code: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn matching_brace(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// The source cut into code, comments and strings, in order and without gaps.
fn pieces(source: &str) -> Vec<(Range<usize>, Kind)> {
    let bytes = source.as_bytes();
    let mut pieces = Vec::new();
    let (mut at, mut code_from) = (0, 0);
    while at < bytes.len() {
        let rest = &source[at..];
        let Some((length, kind)) = opening(rest, source[..at].chars().next_back()) else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        if code_from < at {
            pieces.push((code_from..at, Kind::Code));
        }
        pieces.push((at..at + length, kind));
        at += length;
        code_from = at;
    }
    if code_from < bytes.len() {
        pieces.push((code_from..bytes.len(), Kind::Code));
    }
    pieces
}

/// The length and kind of the comment or string that `rest` begins with, if it does.
fn opening(rest: &str, before: Option<char>) -> Option<(usize, Kind)> {
    if rest.starts_with("//") {
        return Some((rest.find('\n').unwrap_or(rest.len()), Kind::Comment));
    }
    if rest.starts_with("/*") {
        return Some((rest.find("*/").map_or(rest.len(), |end| end + 2), Kind::Comment));
    }
    if rest.starts_with('"') {
        return Some((quoted(rest, b'"'), Kind::Text));
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !in_word && rest.starts_with(['r', 'b', 'c']) {
        return raw(rest).map(|length| (length, Kind::Text));
    }
    // A lifetime has no closing quote after one character.
    let mut characters = rest.strip_prefix('\'')?.chars();
    match (characters.next()?, characters.next()?) {
        ('\\', _) => Some((quoted(rest, b'\''), Kind::Text)),
        (character, '\'') => Some((2 + character.len_utf8(), Kind::Text)),
        _ => None,
    }
}

/// The length of a raw string `r#"…"#` with any prefix and number of hashes.
fn raw(rest: &str) -> Option<usize> {
    let prefix = rest.find(|c: char| !matches!(c, 'r' | 'b' | 'c'))?;
    if !rest[..prefix].contains('r') {
        return None;
    }
    let hashes = rest[prefix..].find(|c| c != '#')?;
    if !rest[prefix + hashes..].starts_with('"') {
        return None;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let from = prefix + hashes + 1;
    Some(rest[from..].find(&close).map_or(rest.len(), |end| from + end + close.len()))
}

/// The length of a quoted piece, escapes respected.
fn quoted(rest: &str, quote: u8) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b if b == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &str) -> String {
        only(source, Kind::Code)
    }

    #[test]
    fn comments_and_strings_are_not_code() {
        assert_eq!(code("a // b\nc \"d\\\" e\" f"), "a     \nc         f");
        assert_eq!(code("r#\"x \" y\"# 'q' b\"z\""), "               b   ");
        assert_eq!(only("a // b\n", Kind::Comment), "  // b\n");
    }

    #[test]
    fn a_lifetime_is_code() {
        assert_eq!(code("&'a str, 'x', '\\'', b'y'"), "&'a str,    ,     , b   ");
    }

    #[test]
    fn lines_of_a_function_are_those_with_code() {
        let source = "fn two() -> [u8; 2] {\n    // why\n    a();\n\n    if b { c() }\n}\nfn declared();\n";
        assert_eq!(functions(&code(source)), [Function { name: "two".into(), lines: 2 }]);
    }

    #[test]
    fn test_modules_are_found_whether_in_the_file_or_beside_it() {
        let source =
            "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod more;\n";
        let found = test_modules(source);
        assert_eq!(found.len(), 2);
        assert!(source[found[0].clone()].ends_with('}') && !source[found[0].clone()].contains("fn c"));
    }
}
