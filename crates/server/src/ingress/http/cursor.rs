//! Cursors of lists: opaque to callers, bound to the list that gave them.
//!
//! A cursor is hex: eight characters that stand for the list and its filter, then the place. A
//! cursor of another list is refused instead of silently skipping things.

use super::problem::Problem;
use crate::observe::codes;

/// Makes a cursor for a place in the list that `list` describes.
pub(super) fn write(list: &str, place: &str) -> String {
    let mut cursor = tag(list);
    for byte in place.bytes() {
        cursor.push_str(&format!("{byte:02x}"));
    }
    cursor
}

/// The place, if the cursor belongs to the list that `list` describes.
pub(super) fn read(list: &str, cursor: &str) -> Result<String, Problem> {
    let place = cursor.strip_prefix(tag(list).as_str()).and_then(unhex);
    place.ok_or_else(|| Problem::new(&codes::CURSOR_INVALID, "the cursor does not belong to this list"))
}

fn tag(list: &str) -> String {
    blake3::hash(list.as_bytes()).to_hex().chars().take(8).collect()
}

fn unhex(text: &str) -> Option<String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    String::from_utf8(pairs.collect::<Option<Vec<u8>>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_by_its_own_list_only() {
        let cursor = write("hub a", "3:注文");
        assert_eq!(read("hub a", &cursor), Ok("3:注文".to_owned()));
        assert!(read("hub b", &cursor).is_err());
        for broken in ["", "zz", &cursor[..cursor.len() - 1], "0123456789"] {
            assert!(read("hub a", broken).is_err(), "{broken}");
        }
    }
}
