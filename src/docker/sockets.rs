//! TCP connections of a container, as its own kernel lists them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::connect::Client;
use super::exec::exec;

/// A state of a socket.
const LISTEN: &str = "0A";

/// Connections that the container has opened itself, by where they lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outgoing {
    pub connected: Vec<(IpAddr, u16)>,
    /// Requested and not accepted yet.
    pub connecting: Vec<(IpAddr, u16)>,
}

/// `None` when the container does not run or has no `cat`.
pub async fn outgoing(client: &Client, container: &str) -> Option<Outgoing> {
    // Without IPv6 there is no second table; `cat` complains of it and prints the first.
    let command = ["cat", "/proc/net/tcp", "/proc/net/tcp6"];
    let tables = exec(client, container, &command, b"", |_, ended| ended).await.ok()?.stdout;
    let tables = String::from_utf8_lossy(&tables);
    tables.contains("local_address").then(|| parse_tables(&tables))
}

/// The addresses of this machine that a port is open on; `None` on systems without `/proc`.
pub fn listening(port: u16) -> Option<Vec<IpAddr>> {
    let mut tables = std::fs::read_to_string("/proc/net/tcp").ok()?;
    tables.extend(std::fs::read_to_string("/proc/net/tcp6"));
    Some(parse_listening(&tables, port))
}

fn parse_listening(text: &str, port: u16) -> Vec<IpAddr> {
    let rows = text.lines().map(|line| line.split_whitespace().take(4).collect::<Vec<&str>>());
    let local = rows.filter_map(|row| match row.as_slice() {
        [_, local, _, state] if *state == LISTEN => address(local),
        _ => None,
    });
    local.filter(|(_, open)| *open == port).map(|(ip, _)| ip).collect()
}

/// <https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html>
fn parse_tables(text: &str) -> Outgoing {
    const ESTABLISHED: &str = "01";
    const SYN_SENT: &str = "02";
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().take(4).collect()).collect();
    let rows: Vec<(u16, (IpAddr, u16), &str)> = rows
        .iter()
        .filter_map(|row| match row.as_slice() {
            [_, local, remote, state] => Some((address(local)?.1, address(remote)?, *state)),
            _ => None,
        })
        .collect();
    let listening: Vec<u16> = rows.iter().filter(|row| row.2 == LISTEN).map(|row| row.0).collect();
    let opened_here = |state: &str| {
        let own = rows.iter().filter(|row| row.2 == state && !listening.contains(&row.0) && !row.1.0.is_loopback());
        own.map(|row| row.1).collect()
    };
    Outgoing { connected: opened_here(ESTABLISHED), connecting: opened_here(SYN_SENT) }
}

/// `020015AC:2385`: words in the byte order of the machine, which is little-endian wherever Docker is common.
fn address(text: &str) -> Option<(IpAddr, u16)> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(ip.get(at..at + 8)?, 16).ok().map(u32::swap_bytes);
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let bits =
                [0, 8, 16, 24].into_iter().try_fold(0_u128, |bits, at| Some(bits << 32 | u128::from(word(at)?)))?;
            let ip = Ipv6Addr::from(bits);
            ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)
        }
        _ => return None,
    };
    Some((ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_were_opened_here_are_told_from_incoming_ones() {
        let found = parse_tables(
            "  sl  local_address rem_address   st
   0: 0B00007F:93AF 00000000:0000 0A
   1: 020015AC:A654 010015AC:4669 01
   2: 020015AC:A676 0A0015AC:01BB 02
   3: 0000000000000000FFFF0000020015AC:2385 0000000000000000FFFF0000010015AC:D432 01
   0: 00000000000000000000000000000000:2385 00000000000000000000000000000000:0000 0A\n",
        );
        assert_eq!(found.connected, [(IpAddr::from([172, 21, 0, 1]), 18025)]);
        assert_eq!(found.connecting, [(IpAddr::from([172, 21, 0, 10]), 443)]);
    }
    #[test]
    fn the_addresses_that_a_port_is_open_on_are_read() {
        let tables = "  sl  local_address rem_address   st
   0: 0100007F:1F90 00000000:0000 0A
   1: 0100007F:1F90 0100007F:D432 01
   2: 00000000:2385 00000000:0000 0A
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A\n";
        let any = IpAddr::from(Ipv6Addr::UNSPECIFIED);
        assert_eq!(parse_listening(tables, 8080), [IpAddr::from([127, 0, 0, 1]), any]);
        assert_eq!(parse_listening(tables, 9093), [IpAddr::from([0, 0, 0, 0])]);
        assert!(parse_listening(tables, 54_322).is_empty());
    }
}
