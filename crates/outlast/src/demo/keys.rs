//! The run with a keyboard: orders keep coming, `k` kills the server, `q` ends with a verdict.
//!
//! On a terminal a key works by itself; elsewhere a line does. The terminal is switched by `stty`, which
//! is on every system that has a terminal, and switched back when this ends.

use std::io::{IsTerminal, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::child::Ports;
use super::scene::Scene;
use super::verdict::Verdict;
use crate::api::note;
use crate::failed::Failed;

/// Orders a second.
const RATE: u32 = 10;
/// How often the counts are told.
const TELL: Duration = Duration::from_secs(2);

pub(super) async fn play(dir: &Path, is_quiet: bool) -> Result<Verdict, Failed> {
    let terminal = Terminal::single_keys();
    let mut scene = Scene::set(dir, Ports::Usual, is_quiet).await?;
    welcome(&scene, dir);
    let asking = tokio::spawn(scene.asking());
    let mut trickle = tokio::time::interval(Duration::from_secs(1) / RATE);
    // After an outage orders come at the old pace, not all at once.
    trickle.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tell = tokio::time::interval(TELL);
    let mut keys = pressed_keys();
    let mut number = 0;
    loop {
        tokio::select! {
            biased;
            key = keys.recv() => match key {
                Some('k') => scene.kill().await?,
                Some('q') | None => break,
                Some('?' | 'h') => help(),
                Some(_) => {}
            },
            place = next_order(&mut trickle, &scene) => {
                number += 1;
                scene.order(number, place);
            }
            _ = tell.tick() => counts(&scene),
        }
    }
    scene.tell("no more orders; waiting for the last ones");
    let verdict = scene.end().await;
    asking.abort();
    drop(terminal);
    verdict
}

async fn next_order(
    trickle: &mut tokio::time::Interval,
    scene: &Scene,
) -> Option<tokio::sync::OwnedSemaphorePermit> {
    trickle.tick().await;
    scene.place().await
}

fn welcome(scene: &Scene, dir: &Path) {
    let grpc: Vec<String> = scene.child.grpc_all().iter().map(ToString::to_string).collect();
    note(&format!("outlast {} demo · one node · data in {}", env!("CARGO_PKG_VERSION"), dir.display()));
    note(&format!("  SDKs   {}, hub \"default\"", grpc.join(" and ")));
    note(&format!("  API    {}/api/v1/docs", scene.child.http()));
    help();
}

fn help() {
    note("  keys   k kill the server   q end with a verdict   ? this");
}

fn counts(scene: &Scene) {
    let (accepted, finished, lost) = scene.counts();
    let flying = accepted.saturating_sub(finished).saturating_sub(lost);
    let twice = scene.charged_twice();
    scene
        .tell(&format!("{finished} orders finished, {flying} in flight, {lost} lost, {twice} charged twice"));
}

/// Keys as they are pressed; line ends are none. The thread that reads them ends with the process,
/// because reading a terminal cannot be called off.
fn pressed_keys() -> mpsc::Receiver<char> {
    let (pressed, keys) = mpsc::channel(16);
    std::thread::spawn(move || {
        for byte in std::io::stdin().lock().bytes() {
            let Ok(byte) = byte else { break };
            let key = char::from(byte).to_ascii_lowercase();
            if !matches!(key, '\n' | '\r') && pressed.blocking_send(key).is_err() {
                break;
            }
        }
    });
    keys
}

/// A terminal that gives keys as they are pressed, until this is dropped.
struct Terminal {
    before: Option<String>,
}

impl Terminal {
    fn single_keys() -> Self {
        let before = std::io::stdin().is_terminal().then(|| stty(&["-g"])).flatten();
        if before.is_some() {
            stty(&["-icanon", "-echo", "min", "1"]);
        }
        Self { before }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            stty(&[before]);
        }
    }
}

fn stty(arguments: &[&str]) -> Option<String> {
    let done =
        Command::new("stty").args(arguments).stdin(Stdio::inherit()).stderr(Stdio::null()).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}
