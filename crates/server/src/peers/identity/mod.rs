//! Who a node is, and how it proves it to the others.
//!
//! A cluster has an id and a private authority; each node has a number, a key and a certificate of that
//! authority for the name `node-NUMBER.CLUSTER.outlast`. [`authority`] makes certificates, [`files`] keeps
//! all of it in the data directory, [`founding`] begins a cluster, [`tokens`] let others join, [`admitting`]
//! lets them in and [`joining`] asks for it. Not here: the connection that the certificate is shown on
//! (`net`).

pub mod admitting;
pub mod authority;
pub mod files;
pub mod founding;
pub mod joining;
pub mod tokens;

use std::fmt;

use engine::id::NodeId;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sha2::{Digest as _, Sha256};

/// Which cluster: drawn once, when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(pub [u8; 16]);

impl ClusterId {
    /// From the 32 digits that it is shown as.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        let is_plain =
            text.len() == 32 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        if !is_plain {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What an authority is recognised by: the SHA-256 of its certificate, as other tools show it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

/// The name in a node's certificate.
pub fn host_of(cluster: ClusterId, node: NodeId) -> String {
    format!("node-{node}.{cluster}.outlast")
}

/// The proof of an identity, as its files hold it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    /// The authority's certificate, PEM.
    pub ca: String,
    /// The node's certificate, PEM.
    pub certificate: String,
    /// The node's private key, PEM (PKCS 8).
    pub key: String,
}

impl fmt::Debug for Proof {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Why an identity cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A text is not what it should be.
    #[error("{what}: {why}")]
    Text {
        /// Which.
        what: &'static str,
        /// What the reader says.
        why: String,
    },
    /// The certificate is for another node or another cluster.
    #[error("the certificate is not for {host}")]
    OtherNode {
        /// Whom it should be for.
        host: String,
    },
    /// Keys, certificates or settings do not fit together.
    #[error("{what}: {why}")]
    Tls {
        /// What was made.
        what: &'static str,
        /// What the library says.
        why: String,
    },
}

impl Unusable {
    pub(super) fn tls(what: &'static str) -> impl FnOnce(rustls::Error) -> Self {
        move |error| Self::Tls { what, why: error.to_string() }
    }
}

/// Who this node is.
#[derive(Debug)]
pub struct Identity {
    /// Which cluster it belongs to.
    pub cluster: ClusterId,
    /// Its number in the catalog.
    pub node: NodeId,
    /// What people call it.
    pub name: String,
    pub(super) ca: CertificateDer<'static>,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads the proof and checks that the certificate is this node's. Whether it is good now is up
    /// to those it is shown to.
    pub fn new(cluster: ClusterId, node: NodeId, name: String, proof: &Proof) -> Result<Self, Unusable> {
        let ca = certificate("the authority's certificate", &proof.ca)?;
        let own = certificate("the node's certificate", &proof.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(proof.key.as_bytes())
            .map_err(|error| Unusable::Text { what: "the node's key", why: error.to_string() })?;
        if !is_for(&own, cluster, node) {
            return Err(Unusable::OtherNode { host: host_of(cluster, node) });
        }
        Ok(Self { cluster, node, name, ca, certificate: own, key })
    }

    /// What the cluster's authority is recognised by.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.ca)
    }
}

fn certificate(what: &'static str, pem: &str) -> Result<CertificateDer<'static>, Unusable> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| Unusable::Text { what, why: error.to_string() })
}

/// Whether a certificate names this node of this cluster. Not whether the authority signed it.
pub(super) fn is_for(certificate: &CertificateDer<'_>, cluster: ClusterId, node: NodeId) -> bool {
    let Ok(host) = ServerName::try_from(host_of(cluster, node)) else { return false };
    rustls::server::ParsedCertificate::try_from(certificate)
        .is_ok_and(|parsed| rustls::client::verify_server_name(&parsed, &host).is_ok())
}

#[cfg(test)]
mod joining_tests;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::authority::{Authority, new_key};
    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    #[test]
    fn a_clusters_id_is_read_as_it_is_shown() {
        let cluster = ClusterId([0xa1; 16]);
        assert_eq!(ClusterId::parse(&cluster.to_string()), Some(cluster));
        for text in ["", "a1", &"A1".repeat(16), &"g1".repeat(16), &"é1".repeat(11)] {
            assert_eq!(ClusterId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_certificate_is_for_one_node_of_one_cluster() {
        let cluster = ClusterId([1; 16]);
        let authority = Authority::found(cluster, NOW).unwrap();
        let key = new_key().unwrap();
        let proof = Proof {
            ca: authority.certificate_pem().to_owned(),
            certificate: authority.sign(NodeId(12), &key.public, NOW).unwrap(),
            key: key.pem,
        };
        let identity = |cluster, node| Identity::new(cluster, NodeId(node), "a".to_owned(), &proof);
        assert!(identity(cluster, 12).is_ok());
        for (cluster, node) in [(cluster, 1), (cluster, 2), (ClusterId([2; 16]), 12)] {
            assert!(matches!(identity(cluster, node), Err(Unusable::OtherNode { .. })), "{node}");
        }
        assert!(!format!("{proof:?}").contains(&proof.key), "a key is not logged by accident");
        let spoilt = Proof { key: "no key".to_owned(), ..proof.clone() };
        let refused = Identity::new(cluster, NodeId(12), String::new(), &spoilt);
        assert!(matches!(refused, Err(Unusable::Text { what: "the node's key", .. })));
    }
}
