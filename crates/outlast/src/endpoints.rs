//! Where a server on this machine listens: written by the server, read by commands.
//!
//! `DIR/endpoints.json` is how tests and the demo find a server that chose its ports itself. It is
//! replaced whole, so a reader sees an old one or a new one, never half of one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::Global;

/// Where `dev` keeps its data unless told otherwise.
pub(crate) const DATA_DIR_DEFAULT: &str = "./.outlast";
/// Where a server listens for HTTP unless told otherwise.
const SERVER_DEFAULT: &str = "http://127.0.0.1:4002";
const FILE: &str = "endpoints.json";

/// The contents of `endpoints.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Endpoints {
    /// The version of this shape.
    pub(crate) schema: u32,
    /// The server's process.
    pub(crate) pid: u32,
    /// Where workers and clients reach it.
    pub(crate) grpc: Vec<SocketAddr>,
    /// Where commands and browsers reach it.
    pub(crate) http: Vec<SocketAddr>,
}

impl Endpoints {
    pub(crate) fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    pub(crate) fn write(&self, data_dir: &Path) -> std::io::Result<()> {
        let new = data_dir.join(format!("{FILE}.{}.new", self.pid));
        let text = serde_json::to_string(self).map_err(std::io::Error::other)?;
        std::fs::write(&new, text + "\n")?;
        std::fs::rename(&new, Self::path(data_dir))
    }

    pub(crate) fn read(data_dir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(Self::path(data_dir)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Takes the file away if it is still this server's.
    pub(crate) fn remove(&self, data_dir: &Path) {
        if Self::read(data_dir).as_ref() == Some(self) {
            // A file that stays is stale, which readers must expect anyhow: servers get killed.
            let _ = std::fs::remove_file(Self::path(data_dir));
        }
    }
}

/// The server that a command is for: the flag or variable, else the one of this directory, else the
/// default.
pub(crate) fn server(global: &Global) -> String {
    if let Some(server) = &global.server {
        let server = server.trim_end_matches('/');
        return if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    }
    let here = Endpoints::read(Path::new(DATA_DIR_DEFAULT)).and_then(|here| here.http.first().copied());
    here.map_or_else(|| SERVER_DEFAULT.to_owned(), |address| format!("http://{address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_as_they_were_written_and_removed_only_by_their_writer() {
        let dir = std::env::temp_dir().join(format!("outlast-endpoints-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let address = "127.0.0.1:4001".parse().unwrap();
        let mine = Endpoints { schema: 1, pid: 7, grpc: vec![address], http: vec![] };
        mine.write(&dir).unwrap();
        assert_eq!(Endpoints::read(&dir), Some(mine.clone()));
        Endpoints { pid: 8, ..mine.clone() }.remove(&dir);
        assert_eq!(Endpoints::read(&dir), Some(mine.clone()));
        mine.remove(&dir);
        assert_eq!(Endpoints::read(&dir), None);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
