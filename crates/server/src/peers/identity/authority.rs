//! A cluster's private authority: the key that says which node is which.
//!
//! Its certificates are good from an hour before they are made, so that a clock that is a little behind
//! does no harm, and for ten years; the authority's own for twenty. Not here: where the key is kept
//! (`files`), and who may have a certificate (`join`).

use std::time::Duration;

use engine::id::NodeId;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::{ClusterId, Unusable, host_of};

/// How much a clock may be behind the authority's.
const BACKDATED: Duration = Duration::from_secs(3_600);
const YEAR: Duration = Duration::from_secs(365 * 86_400);
/// How long a node's certificate is good.
const NODE_YEARS: u32 = 10;
/// How long the authority's own is.
const AUTHORITY_YEARS: u32 = 20;
/// A point of the curve P-256: one byte of form and two coordinates.
const PUBLIC_KEY_BYTES: usize = 65;

/// A key of a node, just made.
pub struct NewKey {
    /// The private key, PEM (PKCS 8).
    pub pem: String,
    /// The public key: an uncompressed point of P-256.
    pub public: Vec<u8>,
}

impl NewKey {
    /// From its private half.
    pub(super) fn load(pem: String) -> Result<Self, Unusable> {
        let key = KeyPair::from_pem(&pem).map_err(failed("read the node's key"))?;
        Ok(Self { pem, public: key.public_key_raw().to_vec() })
    }
}

impl std::fmt::Debug for NewKey {
    /// Without the private key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// Draws a key. The library takes it from the system's randomness.
pub fn new_key() -> Result<NewKey, Unusable> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed("draw a key"))?;
    Ok(NewKey { pem: key.serialize_pem(), public: key.public_key_raw().to_vec() })
}

/// See the file's header.
#[derive(Debug)]
pub struct Authority {
    cluster: ClusterId,
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// A new one, at the wall clock's `now`.
    pub fn found(cluster: ClusterId, now: Duration) -> Result<Self, Unusable> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed("draw a key"))?;
        let mut params = authority_params(cluster)?;
        set_validity(&mut params, now, AUTHORITY_YEARS);
        let certificate = params.self_signed(&key).map_err(failed("sign the authority's certificate"))?.pem();
        Ok(Self { cluster, issuer: Issuer::new(params, key), certificate })
    }

    /// From its files.
    pub fn load(cluster: ClusterId, certificate: String, key: &str) -> Result<Self, Unusable> {
        let key = KeyPair::from_pem(key).map_err(failed("read the authority's key"))?;
        let parsed = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|error| {
            Unusable::Text { what: "the authority's certificate", why: error.to_string() }
        })?;
        // What it signs would be worth nothing if the certificate were another's.
        let public = key.public_key_raw();
        if !parsed.windows(public.len()).any(|window| window == public) {
            let why = "it does not belong to the authority's certificate".to_owned();
            return Err(Unusable::Text { what: "the authority's key", why });
        }
        Ok(Self { cluster, issuer: Issuer::new(authority_params(cluster)?, key), certificate })
    }

    /// Its certificate, PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// Its private key, PEM (PKCS 8).
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate, PEM, that says that whoever has the private half of `public_key` is this node.
    /// A key that is no uncompressed point of P-256 is refused.
    pub fn sign(&self, node: NodeId, public_key: &[u8], now: Duration) -> Result<String, Unusable> {
        if public_key.len() != PUBLIC_KEY_BYTES || public_key.first() != Some(&4) {
            let why = format!("{} bytes are no point of P-256", public_key.len());
            return Err(Unusable::Text { what: "the node's public key", why });
        }
        let host = host_of(self.cluster, node);
        let mut params = CertificateParams::new([host.clone()]).map_err(failed("name a certificate"))?;
        params.distinguished_name.push(DnType::CommonName, host);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, now, NODE_YEARS);
        let signed = params.signed_by(&Point(public_key), &self.issuer);
        Ok(signed.map_err(failed("sign a node's certificate"))?.pem())
    }
}

fn authority_params(cluster: ClusterId) -> Result<CertificateParams, Unusable> {
    let mut params = CertificateParams::new([]).map_err(failed("name a certificate"))?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("authority of {cluster}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn set_validity(params: &mut CertificateParams, now: Duration, years: u32) {
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now.saturating_sub(BACKDATED);
    params.not_after = epoch + now + YEAR * years;
}

fn failed(what: &'static str) -> impl FnOnce(rcgen::Error) -> Unusable {
    move |error| Unusable::Tls { what, why: error.to_string() }
}

/// A public key whose private half is elsewhere.
struct Point<'a>(&'a [u8]);

impl PublicKeyData for Point<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    #[test]
    fn an_authority_comes_back_from_its_files() {
        let cluster = ClusterId([7; 16]);
        let authority = Authority::found(cluster, NOW).unwrap();
        let certificate = authority.certificate_pem().to_owned();
        let again = Authority::load(cluster, certificate.clone(), &authority.key_pem()).unwrap();
        assert_eq!(again.certificate_pem(), certificate);
        let other = Authority::found(cluster, NOW).unwrap();
        let mixed = Authority::load(cluster, certificate, &other.key_pem()).unwrap_err();
        assert!(mixed.to_string().contains("does not belong"), "{mixed}");
    }

    #[test]
    fn what_is_no_public_key_is_not_signed() {
        let authority = Authority::found(ClusterId([7; 16]), NOW).unwrap();
        for key in [&[][..], &[4; 64], &[2; 65], &[4; 66]] {
            assert!(authority.sign(NodeId(2), key, NOW).is_err(), "{} bytes", key.len());
        }
    }
}
