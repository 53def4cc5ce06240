//! Join tokens: a text that lets one node into the cluster, until its time is over.
//!
//! It holds where to ask, what the authority is recognised by, a random secret and its time, and a few
//! digits that show when it was copied badly. The node that made it keeps only a hash of the secret, in
//! `cluster/tokens/HASH.json`. The first key that is shown with it is its only one: the same node may ask
//! again when an answer was lost, another one may not. Not here: asking (`joining`).

use std::time::Duration;

use platform::Entropy;
use prost::Message as _;
use serde::{Deserialize, Serialize};

use super::Fingerprint;
use super::files::{Files, Readers};
use crate::dispatch::base64url;
use crate::observe::codes;
use crate::peers::Refusal;

const SECRET_BYTES: usize = 32;
const CHECK_BYTES: usize = 4;
/// Tokens that are good at once: nobody adds more nodes in a day.
const TOKENS_MAX: usize = 1_000;
const DIR: &str = "tokens";

/// A token as it is passed on.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// Where to ask, `HOST:PORT`.
    pub address: String,
    /// The cluster's authority.
    pub fingerprint: Fingerprint,
    /// When it is over, by the wall clock.
    pub expires: Duration,
    pub(super) secret: [u8; SECRET_BYTES],
}

impl std::fmt::Debug for JoinToken {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinToken").field("address", &self.address).finish_non_exhaustive()
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct Passed {
    #[prost(string, tag = "1")]
    address: String,
    #[prost(bytes = "vec", tag = "2")]
    fingerprint: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    secret: Vec<u8>,
    /// Seconds since 1970.
    #[prost(uint64, tag = "4")]
    expires: u64,
}

impl JoinToken {
    /// The text that is passed on.
    pub fn encode(&self) -> String {
        let passed = Passed {
            address: self.address.clone(),
            fingerprint: self.fingerprint.0.to_vec(),
            secret: self.secret.to_vec(),
            expires: self.expires.as_secs(),
        };
        let mut bytes = passed.encode_to_vec();
        bytes.extend_from_slice(&check(&bytes));
        base64url::encode(&bytes)
    }

    /// From the text.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let parsed = || {
            let bytes = base64url::decode(text.trim())?;
            let (body, digits) = bytes.split_at_checked(bytes.len().checked_sub(CHECK_BYTES)?)?;
            let passed = Passed::decode(body).ok().filter(|_| check(body) == digits)?;
            Some(Self {
                address: passed.address,
                fingerprint: Fingerprint(passed.fingerprint.try_into().ok()?),
                secret: passed.secret.try_into().ok()?,
                expires: Duration::from_secs(passed.expires),
            })
        };
        parsed().ok_or_else(|| {
            Refusal::new(&codes::JOIN_TOKEN_INVALID, "this is no join token, or not all of it")
        })
    }

    /// Whether its time is over; a clock that is wrong may be the reason.
    pub(super) fn check_time(&self, now: Duration) -> Result<(), Refusal> {
        check_time(self.expires.as_secs(), now)
    }
}

fn check(body: &[u8]) -> [u8; CHECK_BYTES] {
    let [a, b, c, d, ..] = *blake3::hash(body).as_bytes();
    [a, b, c, d]
}

fn check_time(expires: u64, now: Duration) -> Result<(), Refusal> {
    if now.as_secs() < expires {
        return Ok(());
    }
    let ago = now.as_secs() - expires;
    let text = format!(
        "the token's time is over since {ago} seconds, by this clock: make a new one, or check the clock"
    );
    Err(Refusal::new(&codes::JOIN_TOKEN_EXPIRED, text))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    schema: u32,
    /// Seconds since 1970.
    expires: u64,
    /// A hash of the public key that it was used with.
    used_by: Option<String>,
}

fn file_of(secret: &[u8]) -> String {
    format!("{DIR}/{}.json", blake3::hash(secret).to_hex())
}

fn store(files: &Files, name: &str, stored: &Stored) -> Result<(), Refusal> {
    let text = serde_json::to_string(stored).expect("numbers and texts are JSON");
    files.write_file(name, &(text + "\n"), Readers::OwnerAlone)
}

fn load(files: &Files, name: &str) -> Result<Option<Stored>, Refusal> {
    let Some(text) = files.read_file(name)? else { return Ok(None) };
    let spoilt = |error| Refusal::new(&codes::IDENTITY_UNUSABLE, format!("cluster/{name}: {error}"));
    serde_json::from_str(&text).map(Some).map_err(spoilt)
}

/// Makes a token that is good for `valid` from `now` on, in a directory that has the authority's key.
/// Those whose time is over go.
pub fn make(
    files: &Files,
    valid: Duration,
    now: Duration,
    entropy: &dyn Entropy,
) -> Result<JoinToken, Refusal> {
    let none = |text: &str| Refusal::new(&codes::NO_IDENTITY, text);
    let kept = files.read()?.ok_or_else(|| none("there is no identity of a node here"))?;
    files.authority(&kept)?.ok_or_else(|| none("the authority's key (ca.key) is not here"))?;
    let mut live = 0;
    for name in files.list(DIR)? {
        let name = format!("{DIR}/{name}");
        // What is no token any more, or half of one, goes too.
        match load(files, &name) {
            Ok(Some(stored)) if now.as_secs() < stored.expires => live += 1,
            Ok(_) | Err(_) => files.remove_file(&name)?,
        }
    }
    if live >= TOKENS_MAX {
        return Err(Refusal::new(&codes::JOIN_REFUSED, format!("{live} tokens are good already")));
    }
    let mut secret = [0; SECRET_BYTES];
    entropy.fill(&mut secret);
    let fingerprint = files.identity(&kept)?.fingerprint();
    let token = JoinToken { address: kept.address, fingerprint, secret, expires: now + valid };
    let stored = Stored { schema: 1, expires: token.expires.as_secs(), used_by: None };
    store(files, &file_of(&secret), &stored)?;
    Ok(token)
}

/// Binds a token to the key of the node that shows it. The caller lets one in at a time.
pub(super) fn use_up(files: &Files, secret: &[u8], public_key: &[u8], now: Duration) -> Result<(), Refusal> {
    let name = file_of(secret);
    let invalid = |text: &str| Refusal::new(&codes::JOIN_TOKEN_INVALID, text);
    let mut stored = load(files, &name)?.ok_or_else(|| invalid("no such token was made here"))?;
    check_time(stored.expires, now)?;
    let key = blake3::hash(public_key).to_hex().to_string();
    match &stored.used_by {
        Some(used_by) if *used_by == key => Ok(()),
        Some(_) => Err(invalid("another node has joined with this token")),
        None => {
            stored.used_by = Some(key);
            store(files, &name, &stored)
        }
    }
}
