//! What somebody at the other end can do who is no node, or one gone mad: nothing that others notice.

use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use engine::id::NodeId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::greeting::{Greeted, Own};
use super::table::Table;
use super::testing::{Node, Said, World, clock};
use super::tls;
use super::wire::FRAME_BYTES_MAX;

async fn dial(world: &World, own: u64, to: &Node) -> TlsStream<TcpStream> {
    let identity = world.identity(own);
    let connector = TlsConnector::from(tls::dialling(&identity, clock()).unwrap());
    let stream = TcpStream::connect(to.address).await.unwrap();
    connector.connect(tls::any_name(), stream).await.unwrap()
}

/// A session whose other end is in the test's hand.
async fn session(world: &World, to: &Node) -> Greeted<TlsStream<TcpStream>> {
    let own = Own { identity: Arc::new(world.identity(2)), incarnation: 5 };
    let stream = dial(world, 2, to).await;
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).cloned();
    own.greet(stream, certificate, Some(NodeId(1)), &Table::new()).await.unwrap()
}

/// Another node is served as if nothing had been.
async fn check_alive(world: &World, node: &Node) {
    let other = world.node(9, 99).await;
    other.know(&[(1, node.address)]);
    node.connected(&other.peer, 1).await;
}

#[tokio::test]
async fn garbage_instead_of_tls_ends_the_connection() {
    let world = World::new();
    let node = world.node(1, 11).await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 1_000], &[0x16, 3, 1, 0xff, 0xff, 1, 2, 3], &[]] {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        // An alert or a reset, but an end.
        drop(stream.read_to_end(&mut rest).await);
    }
    check_alive(&world, &node).await;
    assert_eq!(node.heard.events().len(), 1, "only the real one was announced");
}

#[tokio::test]
async fn garbage_instead_of_a_hello_ends_the_connection() {
    let world = World::new();
    let node = world.node(1, 11).await;
    for garbage in [&[0xff; 100][..], &[0, 0, 0, 3, 0xff, 0xff, 0xff], &[0, 1, 0, 0, 7], &[0, 0, 0, 0]] {
        let mut stream = dial(&world, 2, &node).await;
        stream.write_all(garbage).await.unwrap();
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest).await);
    }
    check_alive(&world, &node).await;
    assert_eq!(node.heard.events().len(), 1);
}

#[tokio::test]
async fn a_frame_that_is_too_long_or_no_frame_ends_the_session() {
    let world = World::new();
    let node = world.node(1, 11).await;
    let mut too_long = BytesMut::new();
    too_long.put_u32(u32::try_from(FRAME_BYTES_MAX).unwrap() + 1);
    for garbage in [&too_long[..], &[0, 0, 0, 2, 0x0a, 0xff]] {
        let mut greeted = session(&world, &node).await;
        greeted.stream.write_all(garbage).await.unwrap();
        greeted.stream.flush().await.unwrap();
        let mut rest = Vec::new();
        drop(greeted.stream.read_to_end(&mut rest).await);
    }
    check_alive(&world, &node).await;
    let events = node.heard.events();
    assert_eq!(events.len(), 5, "{events:?}");
    assert!(matches!(events[..4], [Said::Connected(_), Said::Lost(_), Said::Connected(_), Said::Lost(_)]));
}

#[tokio::test]
async fn a_frame_of_a_later_version_is_passed_over() {
    let world = World::new();
    let node = world.node(1, 11).await;
    let mut greeted = session(&world, &node).await;
    // Field 99, one byte long; then that the catalog has moved to 5.
    let bytes = [0, 0, 0, 4, 0x9a, 0x06, 1, 0, 0, 0, 0, 4, 0x72, 2, 0x08, 5];
    greeted.stream.write_all(&bytes).await.unwrap();
    greeted.stream.flush().await.unwrap();
    let all = node.heard.until(|all| all.len() >= 2).await;
    assert!(matches!(all[1], Said::Heard(NodeId(2), _)), "{all:?}");
}

#[tokio::test]
async fn connections_that_say_nothing_keep_nobody_out_for_long() {
    let world = World::new();
    let node = world.node(1, 11).await;
    let mut idle = Vec::new();
    for _ in 0..140 {
        idle.push(TcpStream::connect(node.address).await.unwrap());
    }
    check_alive(&world, &node).await;
}
