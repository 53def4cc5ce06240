//! Sessions over real sockets: order, loss and return, one for each pair, full lanes.

use std::time::Duration;

use bytes::Bytes;
use engine::id::NodeId;

use super::testing::{Node, Proxy, Said, Wire, World, rows};
use crate::peers::frame::{CatalogMoved, Frame, Kind};
use crate::peers::links::{Carrier as _, Lane};

fn moved(index: u64) -> Frame {
    Kind::CatalogMoved(CatalogMoved { index }).into()
}

fn send(from: &Node, to: &Node, index: u64) {
    assert!(from.sessions.send(to.peer.node, Lane::Urgent, moved(index)), "there is room");
}

fn heard_from(node: NodeId, all: &[Said]) -> Vec<u64> {
    let index = |said: &Said| match said {
        Said::Heard(from, Frame { kind: Some(Kind::CatalogMoved(moved)) }) if *from == node => {
            Some(moved.index)
        }
        Said::Heard(..) | Said::Connected(_) | Said::Lost(_) => None,
    };
    all.iter().filter_map(index).collect()
}

/// Two nodes that both know the other.
async fn pair(world: &World) -> (Node, Node) {
    let (a, b) = (world.node(1, 11).await, world.node(2, 22).await);
    a.know(&[(1, a.address), (2, b.address)]);
    b.know(&[(1, a.address), (2, b.address)]);
    a.connected(&b.peer, 1).await;
    b.connected(&a.peer, 1).await;
    (a, b)
}

#[tokio::test]
async fn frames_go_both_ways_in_order() {
    let world = World::new();
    let (a, b) = pair(&world).await;
    let all: Vec<u64> = (0..2_000).collect();
    for index in &all {
        send(&a, &b, *index);
        send(&b, &a, *index);
    }
    b.heard.until(|said| heard_from(a.peer.node, said) == all).await;
    a.heard.until(|said| heard_from(b.peer.node, said) == all).await;
    assert_eq!(a.heard.events(), [Said::Connected(b.peer.clone())], "one session, though both dial");
    assert_eq!(a.sessions.peers(), std::slice::from_ref(&b.peer));
    assert!(!a.sessions.send(NodeId(3), Lane::Urgent, moved(1)), "nobody has heard of node 3");
}

#[tokio::test]
async fn a_long_frame_arrives_whole() {
    let world = World::new();
    let (a, b) = pair(&world).await;
    let long = rows(5, 33 << 20);
    assert!(a.sessions.send(b.peer.node, Lane::Bulk, long.clone()));
    let wanted = Said::Heard(a.peer.node, long);
    b.heard.until(|all| all.contains(&wanted)).await;
}

#[tokio::test]
async fn either_node_alone_can_make_the_session() {
    let world = World::new();
    for knows in [1, 2] {
        let (a, b) = (world.node(1, 11).await, world.node(2, 22).await);
        if knows == 1 {
            a.know(&[(2, b.address)])
        } else {
            b.know(&[(1, a.address)])
        }
        a.connected(&b.peer, 1).await;
        b.connected(&a.peer, 1).await;
    }
}

#[tokio::test]
async fn a_session_whose_connection_is_cut_is_lost_and_comes_back() {
    let world = World::new();
    let (a, b) = (world.node(1, 11).await, world.node(2, 22).await);
    let proxy = Proxy::to(b.address).await;
    a.know(&[(2, proxy.address)]);
    a.connected(&b.peer, 1).await;
    b.connected(&a.peer, 1).await;
    for times in 2..5 {
        proxy.cut();
        a.connected(&b.peer, times).await;
        b.connected(&a.peer, times).await;
    }
    for (node, peer) in [(&a, &b.peer), (&b, &a.peer)] {
        for (at, said) in node.heard.events().iter().enumerate() {
            let is_begin = at % 2 == 0;
            let wanted = if is_begin { Said::Connected(peer.clone()) } else { Said::Lost(peer.clone()) };
            assert_eq!(*said, wanted, "begin and end take turns");
        }
    }
    send(&a, &b, 1);
    b.heard.until(|said| heard_from(a.peer.node, said) == [1]).await;
}

#[tokio::test]
async fn a_peer_that_falls_silent_is_lost_on_both_sides() {
    let world = World::new();
    let (a, b) = (world.node(1, 11).await, world.node(2, 22).await);
    let proxy = Proxy::to(b.address).await;
    a.know(&[(2, proxy.address)]);
    a.connected(&b.peer, 1).await;
    b.connected(&a.peer, 1).await;
    proxy.wire.send_replace(Wire::Mute);
    a.lost(&b.peer).await;
    b.lost(&a.peer).await;
    assert_eq!(b.sessions.peers(), []);
    proxy.wire.send_replace(Wire::Whole);
    a.connected(&b.peer, 2).await;
}

#[tokio::test]
async fn a_process_that_is_started_again_is_another_peer() {
    let world = World::new();
    let (a, b) = pair(&world).await;
    b.sessions.stop().await;
    assert_eq!(b.heard.events().last(), Some(&Said::Lost(a.peer.clone())), "told before stop returns");
    a.lost(&b.peer).await;
    let again = world.node(2, 23).await;
    a.know(&[(2, again.address)]);
    a.connected(&again.peer, 1).await;
    again.connected(&a.peer, 1).await;
}

#[tokio::test]
async fn what_was_sent_before_a_stop_arrives() {
    let world = World::new();
    let (a, b) = pair(&world).await;
    for index in 0..50 {
        assert!(a.sessions.send(b.peer.node, Lane::Bulk, rows(index, 100 << 10)));
    }
    send(&a, &b, 1);
    a.sessions.stop().await;
    assert!(!a.sessions.send(b.peer.node, Lane::Urgent, moved(2)), "no session any more");
    b.lost(&a.peer).await;
    let parts = b.heard.until(|_| true).await;
    let is_part = |said: &&Said| matches!(said, Said::Heard(_, Frame { kind: Some(Kind::Rows(_)) }));
    assert_eq!(parts.iter().filter(is_part).count(), 50);
}

#[tokio::test]
async fn a_node_that_is_known_no_more_has_no_session() {
    let world = World::new();
    let (a, b) = pair(&world).await;
    b.know(&[]);
    a.know(&[]);
    a.lost(&b.peer).await;
    b.lost(&a.peer).await;
    assert_eq!((a.sessions.peers(), b.sessions.peers()), (vec![], vec![]));
}

#[tokio::test]
async fn a_node_that_was_removed_is_kept_out() {
    let world = World::new();
    let (a, b) = pair(&world).await;
    a.sessions.expel(b.peer.node);
    a.lost(&b.peer).await;
    b.lost(&a.peer).await;
    let c = world.node(3, 33).await;
    c.know(&[(1, a.address), (2, b.address)]);
    a.connected(&c.peer, 1).await;
    b.connected(&c.peer, 1).await;
    assert_eq!(a.sessions.peers(), std::slice::from_ref(&c.peer), "the others go on");
    assert_eq!(a.heard.events().iter().filter(|said| **said == Said::Connected(b.peer.clone())).count(), 1);
}

#[tokio::test]
async fn a_receiver_that_takes_nothing_fills_its_lane_and_delays_nobody() {
    let world = World::new();
    let (a, b) = pair(&world).await;
    let c = world.node(3, 33).await;
    let proxy = Proxy::to(c.address).await;
    a.know(&[(2, b.address), (3, proxy.address)]);
    a.connected(&c.peer, 1).await;
    proxy.wire.send_replace(Wire::Mute);
    let long = Bytes::from(vec![1; 1 << 20]);
    let row = crate::peers::frame::Work { worker: 1, item: long };
    let fits = (0..1_000)
        .take_while(|_| a.sessions.send(c.peer.node, Lane::Urgent, Kind::Work(row.clone()).into()))
        .count();
    assert!((60..200).contains(&fits), "{fits} frames of 1 MiB were taken");
    send(&a, &b, 1);
    b.heard.until(|said| heard_from(a.peer.node, said) == [1]).await;
    a.lost(&c.peer).await;
    assert_eq!(a.sessions.peers(), std::slice::from_ref(&b.peer));
}

#[tokio::test]
async fn many_nodes_have_one_session_with_each_other() {
    let world = World::new();
    let mut nodes = Vec::new();
    for node in 1..=5 {
        nodes.push(world.node(node, node).await);
    }
    let all: Vec<_> = nodes.iter().map(|node| (node.peer.node.0, node.address)).collect();
    nodes.iter().for_each(|node| node.know(&all));
    for node in &nodes {
        for other in nodes.iter().filter(|other| other.peer != node.peer) {
            node.connected(&other.peer, 1).await;
        }
        assert_eq!(node.sessions.peers().len(), 4);
    }
    let stopping = nodes.iter().map(|node| node.sessions.stop());
    let stopped = futures_util::future::join_all(stopping);
    tokio::time::timeout(Duration::from_secs(10), stopped).await.expect("they stop");
}
