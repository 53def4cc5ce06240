//! A disk that is full, and a disk that gives back other bytes than it was given.
//!
//! Not here: power cuts and torn writes, which the simulation makes by the thousand. These tests show
//! that the real server, on a real file system, says what is wrong and keeps what it has.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Program, python};
use crate::scratch::Scratch;
use crate::server::{Server, dev, outlast};

const ANY_PORT: &str = "127.0.0.1:0";
/// A check that ran and did not pass.
const NOT_PASSED: i32 = 8;

/// Flips one bit of a file.
fn flip(path: &Path, position: u64) {
    let mut file = OpenOptions::new().read(true).write(true).open(path).expect("the log can be opened");
    let mut byte = [0];
    file.seek(SeekFrom::Start(position)).expect("the log can be read");
    file.read_exact(&mut byte).expect("the position is inside the file");
    file.seek(SeekFrom::Start(position)).expect("the log can be written");
    file.write_all(&[byte[0] ^ 1]).expect("the log can be written");
}

/// The log's file that holds most, and where its last byte that is not zero is: segments are
/// reserved ahead, so what follows is not yet written.
fn fullest_segment(data: &Path) -> (PathBuf, u64) {
    let mut fullest = (PathBuf::new(), 0);
    for entry in std::fs::read_dir(data.join("log")).expect("there is a log") {
        let path = entry.expect("the log's folder can be listed").path();
        let bytes = std::fs::read(&path).expect("a segment can be read");
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or_default() as u64;
        if used > fullest.1 {
            fullest = (path, used);
        }
    }
    fullest
}

fn start_and_finish_some(server: &Server) {
    Program::start(python("scenarios.py").args([server.grpc().as_str(), "sequence"])).succeeded();
}

#[test]
fn a_flipped_bit_in_the_log_is_refused_with_file_and_position() {
    let scratch = Scratch::new();
    let data = scratch.join("data");
    let server = Server::start(&data);
    start_and_finish_some(&server);
    server.kill();
    let (segment, used) = fullest_segment(&data);
    flip(&segment, used / 2);
    let name = segment.file_name().expect("a segment has a name").to_string_lossy().into_owned();
    let said = Program::start(&mut dev(&data, ANY_PORT, ANY_PORT)).failed_with(1);
    assert!(said.contains(&name) && said.contains("outlast doctor"), "{said}");
    let advice = Program::start(outlast().args(["doctor", "--data"]).arg(&data)).failed_with(NOT_PASSED);
    assert!(advice.contains(&name) && advice.contains("position"), "{advice}");
    // Looking changes nothing: the bit flipped back, all is well.
    flip(&segment, used / 2);
    Server::start(&data).ask(&["status"]);
}

#[test]
fn a_torn_last_write_is_no_corruption() {
    let scratch = Scratch::new();
    let data = scratch.join("data");
    let server = Server::start(&data);
    start_and_finish_some(&server);
    server.kill();
    let (segment, used) = fullest_segment(&data);
    let file = OpenOptions::new().write(true).open(&segment).expect("the log can be opened");
    let length = file.metadata().expect("a segment has a length").len();
    // Half a frame that was never acknowledged: what a power cut leaves of a write in flight.
    let mut at = &file;
    at.seek(SeekFrom::Start(used + 1)).expect("the log can be written");
    let room = usize::try_from(length - used - 1).unwrap_or(usize::MAX);
    at.write_all(&vec![0xa5; room.min(100)]).expect("the log can be written");
    drop(file);
    Server::start(&data).ask(&["status"]);
}

#[test]
fn a_full_disk_stops_acceptance_loses_nothing_and_heals_when_there_is_room() {
    let scratch = Scratch::new();
    let (mount, data) = (scratch.join("mount"), scratch.join("mount/data"));
    std::fs::create_dir_all(&mount).expect("the scratch directory can be written to");
    // A file system of its own size, seen by the server alone and gone with it.
    let server = dev(&data, ANY_PORT, ANY_PORT);
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c"]);
    command.arg("mount -t tmpfs -o size=512m none \"$1\" && shift && exec \"$@\"").arg("sh").arg(&mount);
    command.arg(server.get_program()).args(server.get_args());
    let program = Program::start(&mut command);
    let seen = PathBuf::from(format!("/proc/{}/root{}", program.id(), data.display()));
    let server = Server::ready(&seen, program);
    start_and_finish_some(&server);
    let ballast = seen.parent().expect("data is inside the mount").join("ballast");
    fill(&ballast);
    let accepted = scratch.join("accepted");
    let refused =
        Program::start(python("disk_full.py").args([&server.grpc(), "until-refused"]).arg(&accepted))
            .succeeded();
    assert!(refused.contains("refused"), "{refused}");
    std::fs::remove_file(&ballast).expect("our own file can be removed");
    Program::start(python("disk_full.py").args([&server.grpc(), "until-accepted"]).arg(&accepted))
        .succeeded();
}

/// Writes a file until there is no room.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("there is room for a name");
    let block = vec![0xff; 1 << 16];
    while file.write_all(&block).is_ok() {}
    let mut last = || file.write_all(&[0xff]);
    while last().is_ok() {}
}
