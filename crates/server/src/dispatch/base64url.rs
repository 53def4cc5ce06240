//! Base 64 in the URL alphabet without padding (RFC 4648, section 5), as tokens and cursors use it.
//!
//! The decoder takes only what the encoder writes: one text for each sequence of bytes.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What each byte stands for; 0xff: nothing.
const VALUES: [u8; 256] = {
    let mut values = [0xff; 256];
    let mut value: u8 = 0;
    while value < 64 {
        values[ALPHABET[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// Bytes as text.
pub fn encode(bytes: &[u8]) -> String {
    let digit = |value: u32| char::from(ALPHABET[usize::try_from(value & 63).unwrap_or(0)]);
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |position: usize| u32::from(chunk.get(position).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..=chunk.len() {
            text.push(digit(group >> (18 - 6 * position)));
        }
    }
    text
}

/// Text as bytes; `None` where no bytes are written like that.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.as_bytes().chunks(4) {
        let mut group = 0u32;
        for digit in chunk {
            let value = VALUES[usize::from(*digit)];
            if value == 0xff {
                return None;
            }
            group = group << 6 | u32::from(value);
        }
        group <<= 6 * (4 - chunk.len());
        let [_, first, second, third] = group.to_be_bytes();
        let whole: &[u8] = &[first, second, third];
        let length = chunk.len() - 1;
        if length == 0 || whole[length..].iter().any(|rest| *rest != 0) {
            return None;
        }
        bytes.extend_from_slice(&whole[..length]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_texts_are_written_and_read() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(encode(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn what_the_encoder_would_not_write_is_refused() {
        for text in ["Z", "Zg=", "Zg==", "Zh", "Zm9", "Zm9vY", "+/8", "Zg\n", "Zgé"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
