//! The catalog's rows (version 1 of the format): tags and numbers are never used again.
//!
//! Not here: what changes them (the catalog's door).

use bytes::Bytes;

use crate::catalog::{HubView, Mode};
use crate::id::HubId;
use crate::partition::command::Moment;
use crate::rows::{Key, KeyBuilder, Row};

pub(crate) const META: u8 = 0xc1;
pub(crate) const HUB: u8 = 0xc2;

/// The catalog's own row.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct CatalogRow {
    /// The last hub number given. Invariant: never falls, so no number is given twice.
    #[prost(uint32, tag = "1")]
    pub(crate) hubs: u32,
    #[prost(uint64, tag = "2")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) index: u64,
    #[prost(message, optional, tag = "4")]
    pub(crate) at: Option<Moment>,
    /// Invariant: the wrapping sum of `row_digest` over all other rows.
    #[prost(uint64, tag = "5")]
    pub(crate) digest: u64,
}

impl Row for CatalogRow {}

/// One hub; its key is the name.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct HubRow {
    #[prost(uint32, tag = "1")]
    pub(crate) number: u32,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(uint32, tag = "3")]
    pub(crate) partitions: u32,
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) key: Bytes,
    #[prost(message, required, tag = "5")]
    pub(crate) created: Moment,
    #[prost(message, optional, tag = "6")]
    pub(crate) deleted: Option<Moment>,
    #[prost(enumeration = "Mode", tag = "7")]
    pub(crate) mode: i32,
}

impl Row for HubRow {}

impl HubRow {
    pub(crate) fn view(&self) -> HubView {
        HubView {
            id: HubId(self.number),
            name: self.name.clone(),
            partitions: self.partitions,
            key: self.key.clone(),
            created: self.created.into(),
            deleted: self.deleted.map(Into::into),
            mode: self.mode(),
        }
    }
}

pub(crate) fn meta_key() -> Key {
    KeyBuilder::room(META).key()
}

pub(crate) fn hub_key(name: &str) -> Key {
    KeyBuilder::room(HUB).text(name).key()
}
