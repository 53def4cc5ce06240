//! Where an identity is kept: `DATA_DIR/cluster`.
//!
//! | file | what | who has it |
//! |---|---|---|
//! | `identity.json` | cluster, number, name, own address, the nodes known last | each node |
//! | `ca.pem` | the authority's certificate | each node |
//! | `node.pem`, `node.key` | the node's certificate and private key | each node |
//! | `ca.key` | the authority's private key | nodes that let others join |
//! | `tokens/` | join tokens that were made here (`tokens`) | the same |
//! | `has-run` | there is a node log that belongs to the identity | nodes that have run |
//!
//! Files are replaced whole; `identity.json` comes last, so without it there is no identity. Private keys
//! can be read by the owner of the process alone.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::id::NodeId;
use platform::{Disk, Mode};
use serde::{Deserialize, Serialize};

use super::authority::{Authority, NewKey, new_key};
use super::{ClusterId, Identity, Proof, Unusable};
use crate::observe::codes;
use crate::peers::Refusal;

const IDENTITY: &str = "identity.json";
const CA: &str = "ca.pem";
const CA_KEY: &str = "ca.key";
const NODE: &str = "node.pem";
const NODE_KEY: &str = "node.key";
const HAS_RUN: &str = "has-run";
/// A longer file is none of these.
const FILE_BYTES_MAX: u64 = 1 << 20;
const SCHEMA: u32 = 1;

/// What a node knows of itself and of the others, without the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Which cluster.
    pub cluster: ClusterId,
    /// Which node.
    pub node: NodeId,
    /// What people call it.
    pub name: String,
    /// Where others reach it, `HOST:PORT`.
    pub address: String,
    /// Where the others were reached when it last heard of them.
    pub nodes: BTreeMap<NodeId, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    schema: u32,
    cluster: String,
    node: u64,
    name: String,
    address: String,
    nodes: BTreeMap<u64, String>,
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    All,
    OwnerAlone,
}

/// See the file's header.
#[derive(Debug, Clone)]
pub struct Files {
    disk: Arc<dyn Disk>,
    data_dir: PathBuf,
    dir: PathBuf,
}

impl Files {
    /// Those of a data directory, which need not exist.
    pub fn new(disk: Arc<dyn Disk>, data_dir: &Path) -> Self {
        Self { disk, dir: data_dir.join("cluster"), data_dir: data_dir.to_owned() }
    }

    /// Whose they are; `None`: there is no identity.
    pub fn read(&self) -> Result<Option<Kept>, Refusal> {
        let Some(text) = self.read_file(IDENTITY)? else { return Ok(None) };
        let written: Written =
            serde_json::from_str(&text).map_err(|error| self.spoilt(IDENTITY, &error.to_string()))?;
        if written.schema != SCHEMA {
            return Err(self.spoilt(IDENTITY, &format!("it has schema {}, not {SCHEMA}", written.schema)));
        }
        let cluster = ClusterId::parse(&written.cluster);
        Ok(Some(Kept {
            cluster: cluster.ok_or_else(|| self.spoilt(IDENTITY, "its cluster is none"))?,
            node: NodeId(written.node),
            name: written.name,
            address: written.address,
            nodes: written.nodes.into_iter().map(|(node, address)| (NodeId(node), address)).collect(),
        }))
    }

    /// The proof that goes with it.
    pub fn identity(&self, kept: &Kept) -> Result<Identity, Refusal> {
        let proof = Proof {
            ca: self.read_needed(CA)?,
            certificate: self.read_needed(NODE)?,
            key: self.read_needed(NODE_KEY)?,
        };
        let identity = Identity::new(kept.cluster, kept.node, kept.name.clone(), &proof);
        identity.map_err(|error| self.unusable(&error))
    }

    /// The authority, where this node may let others join.
    pub fn authority(&self, kept: &Kept) -> Result<Option<Authority>, Refusal> {
        let Some(key) = self.read_file(CA_KEY)? else { return Ok(None) };
        let authority = Authority::load(kept.cluster, self.read_needed(CA)?, &key);
        authority.map(Some).map_err(|error| self.unusable(&error))
    }

    /// Keeps the authority's key: before the identity that rests on it.
    pub(super) fn keep_authority(&self, authority: &Authority) -> Result<(), Refusal> {
        self.write_file(CA_KEY, &authority.key_pem(), Readers::OwnerAlone)
    }

    /// Keeps an identity, last of all that makes a node part of a cluster.
    pub(super) fn keep(&self, kept: &Kept, proof: &Proof) -> Result<(), Refusal> {
        self.write_file(NODE_KEY, &proof.key, Readers::OwnerAlone)?;
        self.write_file(CA, &proof.ca, Readers::All)?;
        self.write_file(NODE, &proof.certificate, Readers::All)?;
        self.remember(kept)
    }

    /// Keeps what is known now: the node's name and address, and where the others are.
    pub fn remember(&self, kept: &Kept) -> Result<(), Refusal> {
        let written = Written {
            schema: SCHEMA,
            cluster: kept.cluster.to_string(),
            node: kept.node.0,
            name: kept.name.clone(),
            address: kept.address.clone(),
            nodes: kept.nodes.iter().map(|(node, address)| (node.0, address.clone())).collect(),
        };
        let text = serde_json::to_string_pretty(&written)
            .map_err(|error| self.spoilt(IDENTITY, &error.to_string()))?;
        self.write_file(IDENTITY, &(text + "\n"), Readers::All)
    }

    /// A key to join with: the same one for each attempt, so that a repeat is known as one.
    pub(super) fn joining_key(&self) -> Result<NewKey, Refusal> {
        if let Some(pem) = self.read_file(NODE_KEY)? {
            return NewKey::load(pem).map_err(|error| self.unusable(&error));
        }
        let key = new_key().map_err(|error| self.unusable(&error))?;
        self.write_file(NODE_KEY, &key.pem, Readers::OwnerAlone)?;
        Ok(key)
    }

    /// Before the node log is opened: an identity whose log is gone is refused. Its replicas have promised
    /// votes and entries that nobody here remembers; a new log would let them promise otherwise.
    pub fn check_data(&self, kept: &Kept) -> Result<(), Refusal> {
        if self.read_file(HAS_RUN)?.is_none() || self.has_data()? {
            return Ok(());
        }
        let Kept { node, cluster, .. } = kept;
        let log = self.data_dir.join("log");
        let text = format!("node {node} of cluster {cluster} has run here, and {} is gone", log.display());
        Err(Refusal::new(&codes::DATA_GONE, text))
    }

    /// Whether a node has run with this identity.
    pub fn ran_before(&self) -> Result<bool, Refusal> {
        Ok(self.read_file(HAS_RUN)?.is_some())
    }

    /// After the node log was opened and before anything is said to other nodes: from now on the identity
    /// is worth nothing without it.
    pub fn has_run(&self) -> Result<(), Refusal> {
        match self.read_file(HAS_RUN)? {
            Some(_) => Ok(()),
            None => self.write_file(HAS_RUN, "", Readers::All),
        }
    }

    /// Whether a node has run in the data directory.
    pub(super) fn has_data(&self) -> Result<bool, Refusal> {
        let log = self.data_dir.join("log");
        self.disk.exists(&log).map_err(|error| self.failed("look for", &log, &error))
    }

    /// The files in a directory beside them, by name; none where there is no directory.
    pub(super) fn list(&self, dir: &str) -> Result<Vec<String>, Refusal> {
        let path = self.dir.join(dir);
        match self.disk.list(&path) {
            Ok(paths) => {
                let name = |path: &PathBuf| Some(path.file_name()?.to_str()?.to_owned());
                Ok(paths.iter().filter_map(name).collect())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.failed("list", &path, &error)),
        }
    }

    pub(super) fn remove_file(&self, name: &str) -> Result<(), Refusal> {
        let path = self.dir.join(name);
        self.disk.remove(&path).map_err(|error| self.failed("remove", &path, &error))
    }

    /// A file's text; `None`: it is not there.
    pub(super) fn read_file(&self, name: &str) -> Result<Option<String>, Refusal> {
        let path = self.dir.join(name);
        let failed = |error: io::Error| self.failed("read", &path, &error);
        let file = match self.disk.open(&path, Mode::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let length = file.len().map_err(failed)?;
        if length > FILE_BYTES_MAX {
            return Err(self.spoilt(name, &format!("it has {length} bytes")));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_at(&mut bytes, 0).map_err(failed)?;
        String::from_utf8(bytes).map(Some).map_err(|_| self.spoilt(name, "it is no text"))
    }

    fn read_needed(&self, name: &str) -> Result<String, Refusal> {
        self.read_file(name)?.ok_or_else(|| self.spoilt(name, "it is not there"))
    }

    /// Replaces a file, durably: after a crash there is the old one or the new one.
    pub(super) fn write_file(&self, name: &str, text: &str, readers: Readers) -> Result<(), Refusal> {
        let path = self.dir.join(name);
        let unfinished = self.dir.join(format!("{name}.new"));
        let dir = path.parent().unwrap_or(&self.dir).to_owned();
        let mode = match readers {
            Readers::All => Mode::Create,
            Readers::OwnerAlone => Mode::CreatePrivate,
        };
        let write = || {
            self.disk.create_dir_all(&dir)?;
            // What a crash left may be readable by others.
            if self.disk.exists(&unfinished)? {
                self.disk.remove(&unfinished)?;
            }
            let file = self.disk.open(&unfinished, mode)?;
            file.write_at(text.as_bytes(), 0)?;
            file.sync_all()?;
            self.disk.rename(&unfinished, &path)?;
            // The names of new directories too, up to the one that holds the data directory.
            let above = dir.ancestors().take_while(|above| above.starts_with(&self.data_dir));
            let beside = self.data_dir.parent().filter(|parent| !parent.as_os_str().is_empty());
            above.chain(beside).try_for_each(|dir| self.disk.sync_dir(dir))
        };
        write().map_err(|error: io::Error| self.failed("write", &path, &error))
    }

    fn failed(&self, what: &str, path: &Path, error: &io::Error) -> Refusal {
        Refusal::new(&codes::IDENTITY_UNUSABLE, format!("{what} {}: {error}", path.display()))
    }

    fn spoilt(&self, name: &str, why: &str) -> Refusal {
        Refusal::new(&codes::IDENTITY_UNUSABLE, format!("{}: {why}", self.dir.join(name).display()))
    }

    fn unusable(&self, error: &Unusable) -> Refusal {
        Refusal::new(&codes::IDENTITY_UNUSABLE, format!("{}: {error}", self.dir.display()))
    }
}
