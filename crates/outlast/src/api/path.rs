//! Paths and queries of the API, with every caller's text encoded.
//!
//! An instance's id may hold any character, so nothing is ever put into a path as it is.

/// A path made of a hub and an instance.
pub(crate) fn instance(hub: &str, id: &str) -> String {
    format!("{}/{}", instances(hub), encoded(id))
}

/// A path made of a hub.
pub(crate) fn instances(hub: &str) -> String {
    format!("{}/instances", self::hub(hub))
}

/// A path made of a hub and an entity.
pub(crate) fn entity(hub: &str, id: &str) -> String {
    format!("{}/{}", entities(hub), encoded(id))
}

/// The path of a hub's entities.
pub(crate) fn entities(hub: &str) -> String {
    format!("{}/entities", self::hub(hub))
}

/// The path of a hub.
pub(crate) fn hub(name: &str) -> String {
    format!("/api/v1/hubs/{}", encoded(name))
}

/// A query of those parameters that have a value.
pub(crate) fn query(parameters: &[(&str, Option<String>)]) -> String {
    let set = parameters.iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, value)));
    let pairs: Vec<String> = set.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// Percent-encodes all but the letters that never need it.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_id_fits_into_a_path() {
        assert_eq!(instance("default", "a/b ü?"), "/api/v1/hubs/default/instances/a%2Fb%20%C3%BC%3F");
        assert_eq!(instance("h", ".."), "/api/v1/hubs/h/instances/..");
    }

    #[test]
    fn query_holds_only_what_is_set() {
        assert_eq!(query(&[("a", None)]), "");
        assert_eq!(
            query(&[("a", Some("1&2".to_owned())), ("b", None), ("c", Some("x".to_owned()))]),
            "?a=1%262&c=x"
        );
    }
}
