//! One session: what is heard goes up, what waits is written, silence ends it.
//!
//! Each direction has a task of its own: in one, the busier could starve the other. Not here: how it came about
//! (`greeting`), and what happens afterwards (`dialler`).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::greeting::Greeted;
use super::lanes::{Lanes, Phase};
use super::table::Place;
use super::wire::{FRAME_BYTES_MAX, Incoming, put_sign_of_life};
use crate::peers::frame::Frame;
use crate::peers::links::{Hears, Peer};

/// Signs of life within the time after which silence is the end.
const BEATS: u32 = 4;
/// A peer that shows life and takes nothing gets so many times that long.
const STALLED: u32 = 5;
/// A buffer that has grown beyond it for a long frame is given back.
const BUFFER_KEPT_MAX: usize = 1 << 20;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Why {
    /// Nothing was heard for too long.
    #[error("it said nothing for {0:?}")]
    Silent(Duration),
    /// It takes nothing.
    #[error("it took nothing for {0:?}")]
    Stalled(Duration),
    /// The other side ended it.
    #[error("the other side ended the connection")]
    Ended,
    /// This side did.
    #[error("this side ended the connection")]
    Closed,
    /// The stream broke.
    #[error("{0}")]
    Broken(#[from] io::Error),
    /// A frame cannot be read.
    #[error("a frame cannot be read: {0}")]
    Nonsense(#[from] prost::DecodeError),
}

/// Says that the session is lost when it goes, however it goes; its place is free only after that.
struct Announced<'a> {
    hears: &'a dyn Hears,
    place: Place,
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        self.hears.lost(self.place.peer.clone());
    }
}

/// Runs a session to its end.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Send + 'static>(
    greeted: Greeted<S>,
    hears: Arc<dyn Hears>,
    silence_max: Duration,
) -> Why {
    let Greeted { stream, mut incoming, place, name: _ } = greeted;
    incoming.set_bytes_max(FRAME_BYTES_MAX);
    let lanes = Arc::clone(&place.lanes);
    let peer = place.peer.clone();
    hears.connected(peer.clone());
    let announced = Announced { hears: &*hears, place };
    let (reading, writing) = tokio::io::split(stream);
    // Ends with this one.
    let mut talking = JoinSet::new();
    talking.spawn(talk(writing, Arc::clone(&lanes), silence_max));
    let why = tokio::select! {
        biased;
        () = lanes.cut() => Why::Closed,
        Some(Ok(why)) = talking.join_next() => why,
        why = listen(reading, incoming, &*hears, &peer, silence_max) => why,
    };
    talking.shutdown().await;
    drop(announced);
    why
}

async fn listen<S: AsyncRead>(
    mut reading: ReadHalf<S>,
    mut incoming: Incoming,
    hears: &dyn Hears,
    peer: &Peer,
    silence_max: Duration,
) -> Why {
    loop {
        if let Err(why) = hear_all(&mut incoming, hears, peer) {
            return why;
        }
        match timeout(silence_max, incoming.fill(&mut reading)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Why::Ended,
            Ok(Err(error)) => return Why::Broken(error),
            Err(_) => return Why::Silent(silence_max),
        }
    }
}

fn hear_all(incoming: &mut Incoming, hears: &dyn Hears, peer: &Peer) -> Result<(), Why> {
    while let Some(bytes) = incoming.take()? {
        let frame = Frame::decode(bytes)?;
        // A sign of life, or something that a later version says.
        if frame.kind.is_some() {
            hears.heard(peer.node, frame);
        }
    }
    Ok(())
}

async fn talk<S: AsyncWrite>(mut writing: WriteHalf<S>, lanes: Arc<Lanes>, silence_max: Duration) -> Why {
    let mut batch = BytesMut::new();
    loop {
        let phase = match timeout(silence_max / BEATS, lanes.next(&mut batch)).await {
            Ok(phase) => phase,
            Err(_) => {
                put_sign_of_life(&mut batch);
                Phase::Open
            }
        };
        if let Err(why) = write(&mut writing, &batch, silence_max * STALLED).await {
            return why;
        }
        if phase != Phase::Open {
            // It is closed anyway; the other side need not hear it in the words of TLS.
            drop(timeout(silence_max, writing.shutdown()).await);
            return Why::Closed;
        }
        batch.clear();
        if batch.capacity() > BUFFER_KEPT_MAX {
            batch = BytesMut::new();
        }
    }
}

/// Writes everything, as long as it gets on.
async fn write<S: AsyncWrite>(
    writing: &mut WriteHalf<S>,
    mut rest: &[u8],
    stalled_max: Duration,
) -> Result<(), Why> {
    let stalled = |_| Why::Stalled(stalled_max);
    while !rest.is_empty() {
        let written = timeout(stalled_max, writing.write(rest)).await.map_err(stalled)??;
        if written == 0 {
            return Err(Why::Ended);
        }
        rest = rest.get(written..).unwrap_or_default();
    }
    Ok(timeout(stalled_max, writing.flush()).await.map_err(stalled)??)
}
