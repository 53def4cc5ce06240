//! TLS between nodes: version 1.3 only, certificates of the cluster's own authority, both sides show one.
//!
//! The name in a certificate is not checked here but with the first words (`greeting`), where both sides
//! can be told what is wrong. Not here: the files (`identity`).

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use platform::Clock;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig,
    SignatureScheme,
};

use super::greeting::Trouble;
use crate::observe::codes;
use crate::peers::Refusal;
use crate::peers::identity::{Fingerprint, Identity, Unusable};

/// What a session is asked for with, in the words of ALPN.
pub(super) const SESSION: &[u8] = b"outlast-session";
/// What those ask for who are no node yet.
pub(in crate::peers) const JOIN: &[u8] = b"outlast-join";

/// The clock that certificates are measured by.
#[derive(Debug)]
struct Wall(Arc<dyn Clock>);

impl TimeProvider for Wall {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0.wall()))
    }
}

/// What the listener does. Whether there was a certificate is asked later: those who join have none.
pub(super) fn listening(identity: &Identity, clock: Arc<dyn Clock>) -> Result<Arc<ServerConfig>, Unusable> {
    let provider = Arc::new(ring::default_provider());
    let roots = Arc::new(roots(&identity.ca)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .map_err(|error| Unusable::Tls { what: "trust the authority", why: error.to_string() })?;
    let mut config = ServerConfig::builder_with_details(provider, Arc::new(Wall(clock)))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(Unusable::tls("speak TLS 1.3"))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(identity), identity.key.clone_key())
        .map_err(Unusable::tls("use the node's certificate"))?;
    config.alpn_protocols = vec![SESSION.to_vec(), JOIN.to_vec()];
    // A resumed connection would not show its certificate again.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// What a dialler does.
pub(super) fn dialling(identity: &Identity, clock: Arc<dyn Clock>) -> Result<Arc<ClientConfig>, Unusable> {
    let provider = Arc::new(ring::default_provider());
    let trust = Trust::Authority(roots(&identity.ca)?);
    let verifier = OfCluster { trust, algorithms: algorithms(&provider) };
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(Wall(clock)))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(Unusable::tls("speak TLS 1.3"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(chain(identity), identity.key.clone_key())
        .map_err(Unusable::tls("use the node's certificate"))?;
    config.alpn_protocols = vec![SESSION.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(Arc::new(config))
}

/// What somebody does who joins: he knows the authority by its fingerprint and has no certificate.
pub(in crate::peers) fn joining(
    fingerprint: Fingerprint,
    clock: Arc<dyn Clock>,
) -> Result<Arc<ClientConfig>, Unusable> {
    let provider = Arc::new(ring::default_provider());
    let verifier = OfCluster { trust: Trust::Fingerprint(fingerprint), algorithms: algorithms(&provider) };
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(Wall(clock)))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(Unusable::tls("speak TLS 1.3"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![JOIN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(Arc::new(config))
}

/// TLS wants a name even where none is checked.
pub(in crate::peers) fn any_name() -> ServerName<'static> {
    ServerName::try_from("node.outlast").expect("a name of two labels")
}

fn chain(identity: &Identity) -> Vec<CertificateDer<'static>> {
    vec![identity.certificate.clone(), identity.ca.clone()]
}

fn roots(ca: &CertificateDer<'static>) -> Result<RootCertStore, Unusable> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.clone()).map_err(Unusable::tls("trust the authority"))?;
    Ok(roots)
}

fn algorithms(provider: &CryptoProvider) -> WebPkiSupportedAlgorithms {
    provider.signature_verification_algorithms
}

/// Whoever has a certificate of the authority, under whatever name.
#[derive(Debug)]
struct OfCluster {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

/// How the authority is known.
#[derive(Debug)]
enum Trust {
    Authority(RootCertStore),
    Fingerprint(Fingerprint),
}

impl Trust {
    /// The authority, which is shown along with a node's certificate.
    fn roots(&self, shown: &[CertificateDer<'_>]) -> Result<Cow<'_, RootCertStore>, rustls::Error> {
        match self {
            Self::Authority(roots) => Ok(Cow::Borrowed(roots)),
            Self::Fingerprint(wanted) => {
                let authority = shown.iter().find(|shown| Fingerprint::of(shown) == *wanted);
                let authority = authority.ok_or(CertificateError::UnknownIssuer)?;
                let mut roots = RootCertStore::empty();
                roots.add(authority.clone().into_owned())?;
                Ok(Cow::Owned(roots))
            }
        }
    }
}

impl ServerCertVerifier for OfCluster {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        rustls::client::verify_server_cert_signed_by_trust_anchor(
            &parsed,
            self.trust.roots(intermediates)?.as_ref(),
            intermediates,
            now,
            self.algorithms.all,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What a failure of the stream means. One of TLS is a refusal, ours or theirs; with TLS 1.3 a dialler
/// hears that its certificate was refused only when it reads.
pub(in crate::peers) fn trouble(error: io::Error) -> Trouble {
    use rustls::Error as Tls;
    if error.kind() == io::ErrorKind::InvalidData && error.get_ref().is_some_and(|inner| !inner.is::<Tls>()) {
        return Trouble::Refused(Refusal::new(&codes::PEER_NONSENSE, error.to_string()));
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>()) {
        None => Trouble::Broken(error),
        Some(Tls::InvalidCertificate(why)) => Trouble::Refused(certificate_refused(why)),
        Some(Tls::NoCertificatesPresented) => Trouble::Refused(no_certificate()),
        Some(Tls::AlertReceived(alert)) => Trouble::RefusedBy(alerted(*alert)),
        Some(other) => Trouble::Refused(Refusal::new(&codes::PEER_NONSENSE, other.to_string())),
    }
}

/// The other side showed no certificate.
pub(super) fn no_certificate() -> Refusal {
    Refusal::new(&codes::PEER_NOT_TRUSTED, "the other side shows no certificate")
}

fn certificate_refused(why: &CertificateError) -> Refusal {
    match why {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Refusal::new(
            &codes::PEER_CLOCK,
            format!(
                "the certificate of the other side is not good at this time ({why}): check the clocks of both machines"
            ),
        ),
        other => Refusal::new(
            &codes::PEER_NOT_TRUSTED,
            format!("the certificate of the other side is not of this cluster's authority ({other})"),
        ),
    }
}

fn alerted(alert: AlertDescription) -> Refusal {
    match alert {
        AlertDescription::CertificateExpired => Refusal::new(
            &codes::PEER_CLOCK,
            "the other side says that this node's certificate is not good at this time: check the clocks of both machines",
        ),
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateRequired => Refusal::new(
            &codes::PEER_NOT_TRUSTED,
            format!("the other side does not trust this node's certificate ({alert:?})"),
        ),
        other => Refusal::new(&codes::PEER_NONSENSE, format!("the other side ended TLS ({other:?})")),
    }
}
