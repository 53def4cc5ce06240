//! Whom an event is from: the signature of Standard Webhooks, HMAC-SHA256 over id, time and body.
//!
//! A receiver checks it with any of the libraries of <https://www.standardwebhooks.com>; the time in
//! it keeps old posts from being played again.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::dispatch::base64url;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A key that receiver and sender share.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// Reads `whsec_` and 24 to 64 bytes in base 64.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?.trim_end_matches('=');
        let url: String = digits
            .chars()
            .map(|digit| match digit {
                '+' => '-',
                '/' => '_',
                other => other,
            })
            .collect();
        base64url::decode(&url).filter(|bytes| BYTES.contains(&bytes.len())).map(Self)
    }

    /// The value of `webhook-signature`.
    pub fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length will do");
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body.as_bytes());
        format!("v1,{}", base64(&mac.finalize().into_bytes()))
    }
}

/// Base 64 with padding, as other programs write it.
fn base64(bytes: &[u8]) -> String {
    let mut text: String = base64url::encode(bytes)
        .chars()
        .map(|digit| match digit {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_published_example() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_short_or_no_base_64_is_no_secret() {
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!!"] {
            assert_eq!(Secret::parse(text), None, "{text}");
        }
        assert_eq!(
            format!("{:?}", Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")),
            "Some(Secret(..))"
        );
    }
}
