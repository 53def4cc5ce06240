//! User values as they travel: JSON text, or nothing at all.
//!
//! An unset value and the JSON text `null` are different on the wire and alike to user code, so that
//! `()` and `Option` read both.

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) fn write<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string(value)
}

pub(crate) fn read<T: DeserializeOwned>(text: Option<&str>) -> Result<T, serde_json::Error> {
    // Some SDKs send an empty string where they mean nothing.
    match text {
        None | Some("") => serde_json::from_str("null"),
        Some(text) => serde_json::from_str(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unset_reads_as_nothing() {
        assert_eq!(read::<Option<u32>>(None).unwrap(), None);
        assert_eq!(read::<Option<u32>>(Some("null")).unwrap(), None);
        read::<()>(None).unwrap();
        assert!(read::<u32>(None).is_err());
        assert_eq!(read::<u32>(Some("7")).unwrap(), 7);
    }
}
