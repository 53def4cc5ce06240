//! Which process listens on an address: for the message about a port in use.
//!
//! Read from `/proc`; elsewhere, and where the rights are missing, nobody is named. Not here:
//! deciding anything by it, since the process may be another one a moment later.

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// The process that listens on an address, as `name (pid 123)`.
pub fn listener_of(address: SocketAddr) -> Option<String> {
    let sockets =
        ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().filter_map(|table| fs::read_to_string(table).ok());
    let inode = sockets.collect::<String>().lines().find_map(|line| listening_inode(line, address))?;
    let wanted = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let pid = processes
        .filter_map(|entry| entry.file_name().into_string().ok())
        .find(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()) && has_open(pid, &wanted))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(format!("{} (pid {pid})", name.trim()))
}

fn has_open(pid: &str, wanted: &str) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut targets = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
    targets.any(|target| target.as_os_str() == wanted)
}

/// The inode in a line of `/proc/net/tcp` that is a listener on the port, at the address or at all.
fn listening_inode(line: &str, address: SocketAddr) -> Option<u64> {
    let mut words = line.split_whitespace();
    let (host, port) = words.nth(1)?.split_once(':')?;
    let state = words.nth(1)?;
    let same_port = u16::from_str_radix(port, 16).ok()? == address.port();
    let any = host.bytes().all(|byte| byte == b'0');
    let listens = state == "0A";
    let inode = words.nth(5)?.parse().ok()?;
    (listens && same_port && (any || same_host(host, address.ip()))).then_some(inode)
}

/// Whether the kernel's form of a host, words of native order in hex, is this address.
fn same_host(host: &str, ip: IpAddr) -> bool {
    let octets = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let native = octets.chunks(4).map(|word| {
        let word: [u8; 4] = word.try_into().unwrap_or_default();
        format!("{:08X}", u32::from_ne_bytes(word))
    });
    native.collect::<String>() == host
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn this_process_is_found_where_it_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let pid = format!("(pid {})", std::process::id());
        if cfg!(target_os = "linux") {
            assert!(listener_of(address).is_some_and(|found| found.ends_with(&pid)));
        }
    }

    #[test]
    fn lines_of_other_states_and_ports_do_not_match() {
        let line = "   0: 0100007F:0FA1 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100";
        let at = |text: &str| text.parse().expect("an address");
        if cfg!(target_endian = "little") {
            assert_eq!(listening_inode(line, at("127.0.0.1:4001")), Some(4242));
            assert_eq!(listening_inode(line, at("127.0.0.2:4001")), None);
        }
        assert_eq!(listening_inode(line, at("127.0.0.1:4002")), None);
        assert_eq!(listening_inode(&line.replace(" 0A ", " 01 "), at("127.0.0.1:4001")), None);
        assert_eq!(listening_inode("  sl  local_address rem_address", at("127.0.0.1:4001")), None);
    }
}
