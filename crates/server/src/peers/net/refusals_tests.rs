//! Whom a node does not speak with, over real sockets, as both sides are told.

use std::sync::Arc;
use std::time::Duration;

use engine::id::NodeId;
use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::greeting::{Own, Trouble};
use super::table::{Place, Table};
use super::testing::{NOW, World, clock};
use super::tls;
use super::wire::{GREETING_BYTES_MAX, Hello, Incoming, Verdict, say};
use crate::observe::codes::{self, Code};
use crate::peers::identity::{ClusterId, Identity};

fn own(identity: Identity, incarnation: u64) -> Own {
    Own { identity: Arc::new(identity), incarnation }
}

type Ends = (client::TlsStream<TcpStream>, server::TlsStream<TcpStream>);

async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

async fn tls(dialler: &Own, listener: &Own) -> Ends {
    let (near, far) = sockets().await;
    let connector = TlsConnector::from(tls::dialling(&dialler.identity, clock()).unwrap());
    let acceptor = TlsAcceptor::from(tls::listening(&listener.identity, clock()).unwrap());
    let (near, far) = tokio::join!(connector.connect(tls::any_name(), near), acceptor.accept(far));
    (near.unwrap(), far.unwrap())
}

fn shown(chain: Option<&[CertificateDer<'static>]>) -> Option<CertificateDer<'static>> {
    chain.and_then(|chain| chain.first()).cloned()
}

/// What becomes of a connection: on the dialler's side and on the listener's.
async fn meet(
    (dialler, theirs): (&Own, &Arc<Table>),
    (listener, ours): (&Own, &Arc<Table>),
    wanted: NodeId,
) -> (Result<Place, Trouble>, Result<Place, Trouble>) {
    let (near, far) = tls(dialler, listener).await;
    let near_shown = shown(near.get_ref().1.peer_certificates());
    let far_shown = shown(far.get_ref().1.peer_certificates());
    let (near, far) = tokio::join!(
        dialler.greet(near, near_shown, Some(wanted), theirs),
        listener.greet(far, far_shown, None, ours)
    );
    (near.map(|greeted| greeted.place), far.map(|greeted| greeted.place))
}

fn refused(trouble: &Result<Place, Trouble>) -> &'static Code {
    match trouble {
        Err(Trouble::Refused(refusal) | Trouble::RefusedBy(refusal)) => refusal.code,
        other => panic!("not refused: {other:?}"),
    }
}

/// Both sides are told the same code.
async fn check_refused(dialler: &Own, listener: &Own, wanted: u64, code: &Code) {
    let (ours, theirs) = (Table::new(), Table::new());
    let (near, far) = meet((dialler, &theirs), (listener, &ours), NodeId(wanted)).await;
    assert_eq!((refused(&near).id, refused(&far).id), (code.id, code.id), "{near:?} {far:?}");
    assert_eq!((ours.peers(), theirs.peers()), (vec![], vec![]));
}

#[tokio::test]
async fn a_node_of_another_cluster_is_refused() {
    let world = World::new();
    let mut stranger = world.identity(2);
    stranger.cluster = ClusterId([8; 16]);
    let (stranger, node) = (own(stranger, 1), own(world.identity(1), 1));
    check_refused(&stranger, &node, 1, &codes::PEER_OTHER_CLUSTER).await;
    check_refused(&node, &stranger, 2, &codes::PEER_OTHER_CLUSTER).await;
}

#[tokio::test]
async fn a_node_with_the_certificate_of_another_is_refused() {
    let world = World::new();
    let mut liar = world.identity(3);
    liar.node = NodeId(2);
    let (liar, node) = (own(liar, 1), own(world.identity(1), 1));
    check_refused(&liar, &node, 1, &codes::PEER_OTHER_NODE).await;
    check_refused(&node, &liar, 2, &codes::PEER_OTHER_NODE).await;
}

#[tokio::test]
async fn another_node_at_the_address_is_refused() {
    let world = World::new();
    let (one, two) = (own(world.identity(1), 1), own(world.identity(2), 1));
    check_refused(&one, &two, 3, &codes::PEER_OTHER_NODE).await;
    check_refused(&two, &one, 3, &codes::PEER_OTHER_NODE).await;
}

#[tokio::test]
async fn two_processes_of_one_node_are_refused_by_whoever_meets_both() {
    let world = World::new();
    for (here, there) in [(1, 2), (2, 1)] {
        let node = own(world.identity(here), 1);
        let (first, second) = (own(world.identity(there), 7), own(world.identity(there), 8));
        let (table, firsts, seconds) = (Table::new(), Table::new(), Table::new());
        let held = meet((&first, &firsts), (&node, &table), NodeId(here)).await;
        assert!(held.0.is_ok() && held.1.is_ok());
        let (near, far) = meet((&second, &seconds), (&node, &table), NodeId(here)).await;
        assert_eq!((refused(&near), refused(&far)), (&codes::PEER_TWICE, &codes::PEER_TWICE));
        drop(held);
        let (near, far) = meet((&second, &seconds), (&node, &table), NodeId(here)).await;
        assert!(near.is_ok() && far.is_ok(), "once the first is gone, the second is welcome");
    }
    let (one, other) = (own(world.identity(1), 1), own(world.identity(1), 2));
    check_refused(&one, &other, 1, &codes::PEER_TWICE).await;
    check_refused(&one, &one, 1, &codes::PEER_TWICE).await;
}

#[tokio::test]
async fn a_second_connection_is_spare_or_takes_over_as_the_lower_number_says() {
    let world = World::new();
    let (low, high) = (own(world.identity(1), 1), own(world.identity(2), 1));
    let (lows, highs) = (Table::new(), Table::new());
    let (at_low, at_high) = meet((&low, &lows), (&high, &highs), NodeId(2)).await;
    let (at_low, at_high) = (at_low.unwrap(), at_high.unwrap());
    let (near, far) = meet((&high, &highs), (&low, &lows), NodeId(1)).await;
    assert!(matches!((near, far), (Err(Trouble::Spare), Err(Trouble::Spare))));
    // The lower one has lost it, the higher one has not noticed yet.
    drop(at_low);
    let ended = async {
        at_high.lanes.cut().await;
        drop(at_high);
    };
    let (again, ()) = tokio::join!(meet((&high, &highs), (&low, &lows), NodeId(1)), ended);
    assert!(again.0.is_ok() && again.1.is_ok());
}

#[tokio::test]
async fn a_version_that_is_not_understood_is_refused_and_told_so() {
    let world = World::new();
    let (low, high) = (own(world.identity(1), 1), own(world.identity(2), 1));
    for (node, other) in [(&low, &high), (&high, &low)] {
        let (mut near, far) = tls(other, node).await;
        let certificate = shown(far.get_ref().1.peer_certificates());
        let table = Table::new();
        let later = async {
            let hello = Hello {
                protocol: 9,
                protocol_oldest: 8,
                cluster: world.cluster.0.to_vec(),
                node: other.identity.node.0,
                ..Hello::default()
            };
            say(&mut near, &hello).await.unwrap();
            let mut incoming = Incoming::new(GREETING_BYTES_MAX);
            let _theirs: Hello = incoming.hear(&mut near).await.unwrap();
            let verdict: Verdict = incoming.hear(&mut near).await.unwrap();
            drop(near);
            verdict
        };
        let (verdict, found) = tokio::join!(later, node.greet(far, certificate, None, &table));
        assert_eq!(verdict.code, codes::PEER_VERSION.id);
        assert!(verdict.text.contains("8 to 9"), "{}", verdict.text);
        assert_eq!(refused(&found.map(|greeted| greeted.place)), &codes::PEER_VERSION);
    }
}

/// What TLS alone refuses: at the latest with the first word that is heard.
async fn check_tls(dialler: &Own, listener: &Own, late: Duration, code: &Code) {
    let (near, far) = sockets().await;
    let late_clock = clock();
    late_clock.jump_wall(late);
    let connector = TlsConnector::from(tls::dialling(&dialler.identity, late_clock).unwrap());
    let acceptor = TlsAcceptor::from(tls::listening(&listener.identity, clock()).unwrap());
    let near = async {
        let mut stream = connector.connect(tls::any_name(), near).await.map_err(tls::trouble)?;
        Incoming::new(GREETING_BYTES_MAX).hear::<Hello>(&mut stream).await.map_err(tls::trouble)
    };
    let far = async { acceptor.accept(far).await.map_err(tls::trouble) };
    let (near, far) = tokio::join!(near, far);
    for found in [near.map(drop), far.map(drop)] {
        match found {
            Err(Trouble::Refused(refusal) | Trouble::RefusedBy(refusal)) => {
                assert_eq!(refusal.code.id, code.id, "{refusal}");
            }
            other => panic!("not refused: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_node_of_another_authority_is_refused() {
    let (world, other) = (World::new(), World::new());
    let (node, stranger) = (own(world.identity(1), 1), own(other.identity(2), 1));
    check_tls(&node, &stranger, NOW, &codes::PEER_NOT_TRUSTED).await;
    check_tls(&stranger, &node, NOW, &codes::PEER_NOT_TRUSTED).await;
}

#[tokio::test]
async fn a_clock_that_is_hours_off_is_named() {
    let world = World::new();
    let (one, two) = (own(world.identity(1), 1), own(world.identity(2), 1));
    let hours = Duration::from_secs(2 * 3_600);
    check_tls(&one, &two, NOW - hours, &codes::PEER_CLOCK).await;
    check_tls(&one, &two, NOW * 2, &codes::PEER_CLOCK).await;
}
