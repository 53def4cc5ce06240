//! The completion token: what a worker sends back to say which work item it has done.
//!
//! It carries all that the log does not know about a hand-out, so that nothing has to be logged
//! when work is handed out. The MAC makes what it says as trustworthy as our own memory; it is not
//! secret. Layout, golden vector and reasons: `docs/design/tokens.md`. Not here: whether the work
//! item is still current; only the partition's log can say that.

use engine::id::{EntityId, Epoch, HubId, InstanceId, LeaseEpoch, Lineage, PartitionId};
use engine::partition::command::{ActivityKey, TokenEpoch};
use engine::time::Timestamp;

use super::base64url;
use super::board::HandOutId;
use super::offer::Work;

const VERSION: u8 = 1;
const KIND_TURN: u8 = 1;
const KIND_ACTIVITY: u8 = 2;
const KIND_BATCH: u8 = 3;
const EXECUTION_HEX: u8 = 1;
const EXECUTION_TEXT: u8 = 0;
const MAC_BYTES: usize = 16;
/// Longer than any token we make: an instance id of 400 bytes and an execution id of 1 KiB.
const TEXT_BYTES_MAX: usize = 4_096;

/// The key that signs a hub's tokens, and its number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenKey {
    /// Which key: a token signed with another is of another hub, or older than a key change.
    pub id: u32,
    /// Random, kept in the catalog.
    pub secret: [u8; 32],
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenKey {{ id: {} }}", self.id)
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The hub that handed the work out.
    pub hub: HubId,
    /// The partition it belongs to.
    pub partition: PartitionId,
    /// The epoch it was handed out in.
    pub epoch: Epoch,
    /// The instance.
    pub instance: InstanceId,
    /// The execution.
    pub execution: String,
    /// Which work of it.
    pub task: Task,
    /// Which try, from 1.
    pub attempt: u32,
    /// Which delivery.
    pub hand_out: HandOutId,
}

/// Which work of an execution a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// An orchestrator turn.
    Turn {
        /// From 1.
        turn: u64,
        /// How many inbox events it was given.
        delivered: u32,
        /// The timestamp of its `OrchestratorStarted`.
        started_at: Timestamp,
    },
    /// An activity.
    Activity {
        /// The consensus term and index of the entry that scheduled it.
        scheduled_by: engine::id::LogId,
        /// Position among the activities of that entry.
        ordinal: u32,
        /// The orchestration's own number for it.
        task: i32,
    },
    /// An entity's batch. The token's instance is the entity, its execution the entity's life.
    Batch {
        /// From 1.
        turn: u64,
        /// How many operations it had.
        delivered: u32,
    },
}

/// Why a text is none of this hub's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// There is none: Microsoft's Go SDK leaves it out.
    #[error(
        "the completion token is missing: workers of this SDK do not send it back and are not supported; \
         the answer was not taken"
    )]
    Missing,
    /// Not in a form that any hub makes.
    #[error("the completion token is malformed")]
    Malformed,
    /// Signed with a key that this hub does not have.
    #[error("the completion token was signed with key {0}, which this task hub does not have")]
    WrongKey(u32),
    /// The signature does not fit: changed on its way, or made up.
    #[error("the completion token's signature is wrong")]
    WrongSignature,
    /// Of another task hub.
    #[error("the completion token is of another task hub (number {0})")]
    WrongHub(HubId),
}

impl Token {
    /// The work this token is for.
    pub fn work(&self) -> Work {
        match self.task {
            Task::Turn { .. } => Work::Turn { instance: self.instance.clone() },
            Task::Activity { scheduled_by, ordinal, .. } => Work::Activity {
                key: ActivityKey {
                    instance: self.instance.as_str().to_owned(),
                    term: scheduled_by.term,
                    index: scheduled_by.index,
                    ordinal,
                },
            },
            Task::Batch { .. } => Work::Batch { entity: self.entity() },
        }
    }

    /// The entity of a batch's token.
    fn entity(&self) -> EntityId {
        EntityId::parse(self.instance.as_str()).expect("a batch's token names an entity, or is not read")
    }

    /// The epoch as commands carry it.
    pub fn token_epoch(&self) -> TokenEpoch {
        TokenEpoch { lineage: self.epoch.lineage.0, lease: self.epoch.lease.0, term: self.epoch.term }
    }

    /// The token as text, signed.
    pub fn sign(&self, key: &TokenKey) -> String {
        let mut out = Vec::with_capacity(160);
        out.push(VERSION);
        out.extend_from_slice(&key.id.to_be_bytes());
        put(&mut out, u64::from(self.hub.0));
        put(&mut out, u64::from(self.partition.0));
        put(&mut out, self.epoch.lineage.0);
        put(&mut out, self.epoch.lease.0);
        put(&mut out, self.epoch.term);
        put_bytes(&mut out, self.instance.as_str().as_bytes());
        put_execution(&mut out, &self.execution);
        match self.task {
            Task::Turn { turn, delivered, started_at } => {
                out.push(KIND_TURN);
                put(&mut out, turn);
                put(&mut out, u64::from(delivered));
                out.extend_from_slice(&started_at.seconds().to_be_bytes());
                out.extend_from_slice(&started_at.nanos().to_be_bytes());
            }
            Task::Activity { scheduled_by, ordinal, task } => {
                out.push(KIND_ACTIVITY);
                put(&mut out, scheduled_by.term);
                put(&mut out, scheduled_by.index);
                put(&mut out, u64::from(ordinal));
                out.extend_from_slice(&task.to_be_bytes());
            }
            Task::Batch { turn, delivered } => {
                out.push(KIND_BATCH);
                put(&mut out, turn);
                put(&mut out, u64::from(delivered));
            }
        }
        put(&mut out, u64::from(self.attempt));
        put(&mut out, self.hand_out.0);
        let mac = mac(key, &out);
        out.extend_from_slice(&mac);
        base64url::encode(&out)
    }

    /// Reads a token that a worker sent back to `hub`. Everything must be as we would write it.
    pub fn parse(text: &str, hub: HubId, key: &TokenKey) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::Missing);
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(Invalid::Malformed);
        }
        let bytes = base64url::decode(text).ok_or(Invalid::Malformed)?;
        let (signed, signature) = bytes.split_last_chunk::<MAC_BYTES>().ok_or(Invalid::Malformed)?;
        let mut reader = Reader(signed);
        if reader.byte() != Some(VERSION) {
            return Err(Invalid::Malformed);
        }
        let key_id = reader.array().map(u32::from_be_bytes).ok_or(Invalid::Malformed)?;
        if key_id != key.id {
            return Err(Invalid::WrongKey(key_id));
        }
        if !same(&mac(key, signed), signature) {
            return Err(Invalid::WrongSignature);
        }
        let token = Self::read(&mut reader).ok_or(Invalid::Malformed)?;
        if !reader.0.is_empty() {
            return Err(Invalid::Malformed);
        }
        if token.hub != hub {
            return Err(Invalid::WrongHub(token.hub));
        }
        Ok(token)
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let token = Self::read_fields(from)?;
        let is_entity = EntityId::parse(token.instance.as_str()).is_ok();
        (is_entity == matches!(token.task, Task::Batch { .. })).then_some(token)
    }

    fn read_fields(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            hub: HubId(from.number_u32()?),
            partition: PartitionId(from.number_u32()?),
            epoch: Epoch {
                lineage: Lineage(from.number()?),
                lease: LeaseEpoch(from.number()?),
                term: from.number()?,
            },
            instance: InstanceId::parse(from.text()?).ok()?,
            execution: from.execution()?,
            task: match from.byte()? {
                KIND_TURN => Task::Turn {
                    turn: from.number()?,
                    delivered: from.number_u32()?,
                    started_at: Timestamp::new(
                        i64::from_be_bytes(from.array()?),
                        i32::from_be_bytes(from.array()?),
                    ),
                },
                KIND_ACTIVITY => Task::Activity {
                    scheduled_by: engine::id::LogId { term: from.number()?, index: from.number()? },
                    ordinal: from.number_u32()?,
                    task: i32::from_be_bytes(from.array()?),
                },
                KIND_BATCH => Task::Batch { turn: from.number()?, delivered: from.number_u32()? },
                _ => return None,
            },
            attempt: from.number_u32()?,
            hand_out: HandOutId(from.number()?),
        })
    }
}

fn mac(key: &TokenKey, signed: &[u8]) -> [u8; MAC_BYTES] {
    let hash = blake3::keyed_hash(&key.secret, signed);
    *hash.as_bytes().first_chunk().expect("a hash of 32 bytes has 16")
}

/// Compares without telling, by the time it takes, where two signatures begin to differ.
fn same(left: &[u8; MAC_BYTES], right: &[u8; MAC_BYTES]) -> bool {
    let differing = left.iter().zip(right).fold(0, |all, (left, right)| all | (left ^ right));
    std::hint::black_box(differing) == 0
}

/// A number in base 128, least significant group first.
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(low_bits(number) | 0x80);
        number >>= 7;
    }
    out.push(low_bits(number));
}

fn low_bits(number: u64) -> u8 {
    u8::try_from(number & 0x7f).expect("seven bits fit eight")
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(bytes);
}

/// Execution ids that we mint are 32 hex digits and take 16 bytes.
fn put_execution(out: &mut Vec<u8>, execution: &str) {
    match pack_hex(execution) {
        Some(packed) => {
            out.push(EXECUTION_HEX);
            out.extend_from_slice(&packed);
        }
        None => {
            out.push(EXECUTION_TEXT);
            put_bytes(out, execution.as_bytes());
        }
    }
}

fn pack_hex(text: &str) -> Option<[u8; 16]> {
    let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut packed = [0; 16];
    for (packed, pair) in packed.iter_mut().zip(digits.chunks_exact(2)) {
        *packed = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(packed)
}

fn unpack_hex(packed: [u8; 16]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    packed.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    /// A number in its shortest form; any other form is not ours.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let group = u64::from(byte & 0x7f);
            if (group << shift) >> shift != group || (byte == 0 && shift > 0) {
                return None;
            }
            number |= group << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn number_u32(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn execution(&mut self) -> Option<String> {
        match self.byte()? {
            EXECUTION_HEX => Some(unpack_hex(self.array()?)),
            EXECUTION_TEXT => self.text().filter(|text| pack_hex(text).is_none()).map(str::to_owned),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
