//! A cluster begins and nodes join it, over real sockets, with each file on a disk that can lose power.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::id::NodeId;
use platform::fault::{Restart, SimClock, SimDisk, SimEntropy};
use platform::{Disk, Mode};
use tokio::net::TcpListener;

use super::admitting::{Admits, Admitted, Asks, Joins};
use super::files::{Files, Kept};
use super::founding::found;
use super::joining::{Wanted, join};
use super::tokens::{JoinToken, make};
use crate::observe::codes::{self, Code};
use crate::peers::Refusal;
use crate::peers::net::testing::{Heard, NOW, SILENCE_MAX, clock};
use crate::peers::net::{Sessions, Settings, Start};

const DATA: &str = "/data";
const HOUR: Duration = Duration::from_secs(3_600);

/// Numbers from 2 on, the same for the same attempt; "taken" is taken.
#[derive(Debug, Default)]
struct Catalog(Mutex<Vec<Asks>>);

impl Admits for Catalog {
    fn admit(&self, asks: Asks) -> Admitted<'_> {
        Box::pin(async move {
            if asks.name == "taken" {
                return Err(Refusal::new(&codes::JOIN_REFUSED, "the name is taken"));
            }
            let mut all = self.0.lock().unwrap();
            let at = all.iter().position(|known| known.join == asks.join).unwrap_or_else(|| {
                all.push(asks);
                all.len() - 1
            });
            Ok(NodeId(u64::try_from(at).unwrap() + 2))
        })
    }
}

struct First {
    files: Files,
    kept: Kept,
    catalog: Arc<Catalog>,
    sessions: Arc<Sessions>,
}

fn files(disk: &SimDisk) -> Files {
    Files::new(Arc::new(disk.clone()), Path::new(DATA))
}

fn empty(seed: u64) -> (SimDisk, Files) {
    let disk = SimDisk::new(seed);
    let files = files(&disk);
    (disk, files)
}

async fn first(seed: u64) -> First {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (_, files) = empty(seed);
    let kept = found(&files, "a", &address, NOW, &SimEntropy::new(seed)).unwrap();
    let catalog = Arc::new(Catalog::default());
    let joins = Joins::new(files.clone(), kept.clone(), catalog.clone(), clock()).unwrap().map(Arc::new);
    let sessions = start(&files, &kept, listener, joins, Arc::new(Heard::default()));
    First { files, kept, catalog, sessions }
}

fn start(
    files: &Files,
    kept: &Kept,
    listener: TcpListener,
    joins: Option<Arc<Joins>>,
    hears: Arc<Heard>,
) -> Arc<Sessions> {
    let start = Start {
        identity: Arc::new(files.identity(kept).unwrap()),
        incarnation: kept.node.0,
        listener,
        hears,
        settings: Settings { silence_max: SILENCE_MAX },
        joins,
        clock: clock(),
        entropy: Arc::new(SimEntropy::new(kept.node.0)),
    };
    Sessions::start(start).unwrap()
}

fn token(first: &First, seed: u64) -> JoinToken {
    make(&first.files, HOUR, NOW, &SimEntropy::new(seed)).unwrap()
}

fn wanted(name: &str) -> Wanted {
    Wanted { name: name.to_owned(), address: "127.0.0.1:4003".to_owned(), ..Wanted::default() }
}

async fn check_refused(files: &Files, token: &JoinToken, name: &str, code: &Code) -> Refusal {
    let refusal = join(files, token, wanted(name), clock()).await.expect_err("refused");
    assert_eq!(refusal.code.id, code.id, "{refusal}");
    refusal
}

#[tokio::test]
async fn a_node_joins_with_a_token_and_has_a_session_at_once() {
    let first = first(1).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (disk, files) = empty(2);
    let text = token(&first, 7).encode();
    let wanted = Wanted { address: address.clone(), site: "s1".to_owned(), ..wanted("b") };
    let kept = join(&files, &JoinToken::parse(&text).unwrap(), wanted, clock()).await.unwrap();
    assert_eq!((kept.cluster, kept.node), (first.kept.cluster, NodeId(2)));
    assert_eq!(kept.nodes, [(NodeId(1), first.kept.address.clone())].into());
    assert_eq!(first.catalog.0.lock().unwrap()[0].site, "s1");
    disk.restart(Restart::PowerCut);
    assert_eq!(files.read().unwrap(), Some(kept.clone()), "all of it is on the disk");
    let heard = Arc::new(Heard::default());
    let sessions = start(&files, &kept, listener, None, heard.clone());
    sessions.know(kept.nodes.clone());
    heard.until(|all| !all.is_empty()).await;
    assert_eq!(sessions.peers()[0].node, NodeId(1));
    sessions.stop().await;
    first.sessions.stop().await;
}

#[tokio::test]
async fn a_token_is_for_one_node_which_may_ask_again() {
    let first = first(1).await;
    let token = token(&first, 7);
    let (disk, files) = empty(2);
    check_refused(&files, &token, "taken", &codes::JOIN_REFUSED).await;
    let kept = join(&files, &token, wanted("b"), clock()).await.expect("the same node, another name");
    // The answer was lost: the key is there, the identity is not.
    let identity = Path::new(DATA).join("cluster/identity.json");
    disk.remove(&identity).unwrap();
    assert_eq!(join(&files, &token, wanted("b"), clock()).await.unwrap().node, kept.node);
    let (_, other) = empty(3);
    let refusal = check_refused(&other, &token, "c", &codes::JOIN_TOKEN_INVALID).await;
    assert!(refusal.text.contains("another node"), "{refusal}");
    assert_eq!(join(&files, &token, wanted("b"), clock()).await.unwrap(), kept, "it is a node already");
}

#[tokio::test]
async fn tokens_that_are_wrong_or_over_are_refused_by_whoever_looks() {
    let first = first(1).await;
    let (_, files) = empty(2);
    let good = token(&first, 7);
    let text = good.encode();
    for spoilt in ["", "x", &text[1..], &text[..text.len() - 4], &text.replace('A', "B")] {
        let refusal = JoinToken::parse(spoilt).expect_err("no token");
        assert_eq!(refusal.code, &codes::JOIN_TOKEN_INVALID);
    }
    let guessed = JoinToken { secret: [1; 32], ..good.clone() };
    check_refused(&files, &guessed, "b", &codes::JOIN_TOKEN_INVALID).await;
    let late = Arc::new(SimClock::new(NOW + HOUR));
    let refusal = join(&files, &good, wanted("b"), late).await.expect_err("over");
    assert_eq!(refusal.code, &codes::JOIN_TOKEN_EXPIRED);
    assert!(refusal.text.contains("check the clock"), "{refusal}");
    // A clock that is behind, or somebody who changed the time in the token: the other side looks too.
    let over = make(&first.files, Duration::ZERO, NOW, &SimEntropy::new(8)).unwrap();
    let changed = JoinToken { expires: NOW + HOUR, ..over };
    check_refused(&files, &changed, "b", &codes::JOIN_TOKEN_EXPIRED).await;
    assert!(first.catalog.0.lock().unwrap().is_empty(), "the catalog was not asked");
    assert!(format!("{good:?}").len() < 80, "the secret is not logged by accident");
}

#[tokio::test]
async fn a_directory_that_belongs_elsewhere_does_not_join() {
    let (here, there) = (first(1).await, first(2).await);
    let refusal = check_refused(&here.files, &token(&there, 7), "b", &codes::IDENTITY_EXISTS).await;
    assert!(refusal.text.contains(&here.kept.cluster.to_string()), "{refusal}");
    let (disk, files) = empty(3);
    disk.create_dir_all(&Path::new(DATA).join("log")).unwrap();
    check_refused(&files, &token(&there, 8), "b", &codes::JOIN_DATA_EXISTS).await;
    let again = found(&here.files, "a", "h:1", NOW, &SimEntropy::new(1)).expect_err("once");
    assert_eq!(again.code, &codes::IDENTITY_EXISTS);
}

#[tokio::test]
async fn a_token_that_leads_to_another_cluster_is_refused_by_the_fingerprint() {
    let (here, there) = (first(1).await, first(2).await);
    let (_, files) = empty(3);
    let misled = JoinToken { address: here.kept.address.clone(), ..token(&there, 7) };
    check_refused(&files, &misled, "b", &codes::PEER_NOT_TRUSTED).await;
    let nobody = JoinToken { address: "127.0.0.1:1".to_owned(), ..token(&there, 8) };
    check_refused(&files, &nobody, "b", &codes::PEER_UNREACHABLE).await;
    for (name, address) in [("no name", "h:1"), ("b", "no address"), ("b", "h:0")] {
        let wanted = Wanted { address: address.to_owned(), ..wanted(name) };
        let refusal = join(&files, &token(&there, 9), wanted, clock()).await.expect_err("refused");
        assert_eq!(refusal.code, &codes::JOIN_REFUSED);
    }
}

#[tokio::test]
async fn only_where_the_authoritys_key_is_tokens_are_made_and_nodes_let_in() {
    let first = first(1).await;
    let (_, files) = empty(2);
    let kept = join(&files, &token(&first, 7), wanted("b"), clock()).await.unwrap();
    let none = make(&files, HOUR, NOW, &SimEntropy::new(1)).expect_err("no key");
    assert_eq!(none.code, &codes::NO_IDENTITY);
    let (_, empty) = empty(3);
    let none = make(&empty, HOUR, NOW, &SimEntropy::new(1)).expect_err("no identity");
    assert_eq!(none.code, &codes::NO_IDENTITY);
    assert!(Joins::new(files.clone(), kept.clone(), first.catalog.clone(), clock()).unwrap().is_none());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let sessions = start(&files, &kept, listener, None, Arc::new(Heard::default()));
    check_refused(&empty, &JoinToken { address, ..token(&first, 8) }, "c", &codes::PEER_UNREACHABLE).await;
    sessions.stop().await;
}

#[test]
fn tokens_whose_time_is_over_go_when_another_is_made() {
    let (disk, files) = empty(1);
    found(&files, "a", "h:1", NOW, &SimEntropy::new(1)).unwrap();
    let tokens = || disk.list(&Path::new(DATA).join("cluster/tokens")).unwrap().len();
    make(&files, HOUR, NOW, &SimEntropy::new(2)).unwrap();
    make(&files, HOUR, NOW, &SimEntropy::new(3)).unwrap();
    assert_eq!(tokens(), 2);
    make(&files, HOUR, NOW + HOUR, &SimEntropy::new(4)).unwrap();
    assert_eq!(tokens(), 1);
}

#[test]
fn a_power_cut_while_a_cluster_begins_leaves_none_or_all_of_it() {
    let mut outcomes = [0; 2];
    for io in 1..80 {
        let disk = SimDisk::new(io);
        disk.crash_at_io(io);
        let begun = found(&files(&disk), "a", "h:1", NOW, &SimEntropy::new(1));
        disk.restart(Restart::PowerCut);
        let files = files(&disk);
        match files.read().unwrap() {
            Some(kept) => {
                files.identity(&kept).expect("all that goes with it is there");
                assert!(files.authority(&kept).unwrap().is_some());
                outcomes[1] += 1;
            }
            None => {
                assert!(begun.is_err(), "what was told to be done is there");
                found(&files, "a", "h:1", NOW, &SimEntropy::new(2)).expect("it can be done again");
                outcomes[0] += 1;
            }
        }
    }
    assert!(outcomes.iter().all(|count| *count > 0), "{outcomes:?}");
}

#[test]
fn an_identity_whose_log_was_wiped_is_refused() {
    let (disk, files) = empty(1);
    let kept = found(&files, "a", "h:1", NOW, &SimEntropy::new(1)).unwrap();
    files.check_data(&kept).expect("it has not run yet");
    let log = Path::new(DATA).join("log");
    disk.create_dir_all(&log).unwrap();
    files.check_data(&kept).expect("there is a log");
    files.has_run().unwrap();
    files.has_run().expect("and again");
    disk.restart(Restart::ProcessKilled);
    files.check_data(&kept).expect("there is a log");
    let (disk, wiped) = empty(2);
    found(&wiped, "a", "h:1", NOW, &SimEntropy::new(1)).unwrap();
    wiped.has_run().unwrap();
    disk.restart(Restart::PowerCut);
    assert_eq!(wiped.check_data(&kept).expect_err("gone").code, &codes::DATA_GONE);
}

#[test]
fn files_that_are_spoilt_or_missing_are_named() {
    for (name, text) in [
        ("identity.json", "{"),
        ("identity.json", "{}"),
        ("ca.pem", "x"),
        ("node.pem", ""),
        ("node.key", "x"),
    ] {
        let (disk, files) = empty(1);
        found(&files, "a", "h:1", NOW, &SimEntropy::new(1)).unwrap();
        let path = Path::new(DATA).join("cluster").join(name);
        disk.remove(&path).unwrap();
        disk.open(&path, Mode::Create).unwrap().write_at(text.as_bytes(), 0).unwrap();
        let read = files.read().and_then(|kept| files.identity(&kept.expect("an identity")));
        let refusal = read.expect_err(name);
        assert_eq!(refusal.code, &codes::IDENTITY_UNUSABLE);
        assert!(refusal.text.contains("/data/cluster"), "{refusal}");
    }
}
