//! Whether a daemon runs on this machine: only then can its containers' addresses and published ports be reached
//! directly. A Unix socket alone proves nothing, since `ssh -L` forwards those of other hosts.

use bollard::models::SystemInfo;

/// What sets one machine apart from another, as far as both Docker and the kernel know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub hostname: String,
    /// `6.1.0-18-amd64`
    pub kernel: String,
    /// Bytes.
    pub memory: i64,
}

/// Daemons in a virtual machine that forwards its published ports to this one, by how their hostname begins.
const VIRTUAL: [&str; 5] = ["docker-desktop", "colima", "lima-", "rancher-desktop", "orbstack"];

/// What is known of the way to a daemon.
pub struct Evidence<'a> {
    pub address: &'a str,
    /// The program that listens on the socket; `None` where the kernel hides it.
    pub listener: Option<&'a str>,
    /// `None` when the daemon did not answer.
    pub daemon: Option<&'a Machine>,
    /// `None` on systems other than Linux, where the daemon always runs in a virtual machine.
    pub own: Option<&'a Machine>,
}

pub fn is_socket(address: &str) -> bool {
    address.starts_with("unix://") || address.starts_with("npipe://")
}

pub fn is_local(evidence: &Evidence<'_>) -> bool {
    if !is_socket(evidence.address) || evidence.listener == Some("ssh") {
        return false;
    }
    match (evidence.daemon, evidence.own) {
        (Some(daemon), Some(own)) => daemon == own || VIRTUAL.iter().any(|name| daemon.hostname.starts_with(name)),
        _ => true,
    }
}

pub fn daemon_machine(info: &SystemInfo) -> Option<Machine> {
    Some(Machine { hostname: info.name.clone()?, kernel: info.kernel_version.clone()?, memory: info.mem_total? })
}

/// This machine; `None` on systems without `/proc`.
pub fn own_machine() -> Option<Machine> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    Some(Machine {
        hostname: read("/proc/sys/kernel/hostname")?.trim().to_owned(),
        kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        memory: total_memory(&read("/proc/meminfo")?)?,
    })
}

/// `MemTotal:       24684092 kB`, in bytes.
fn total_memory(meminfo: &str) -> Option<i64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()?.checked_mul(1024)
}

/// The program that listens on a Unix socket, such as `dockerd`, `systemd` or `ssh`.
#[cfg(unix)]
pub async fn listener(address: &str) -> Option<String> {
    let path = address.strip_prefix("unix://")?;
    let stream = tokio::net::UnixStream::connect(path).await.ok()?;
    let process = stream.peer_cred().ok()?.pid()?;
    Some(std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?.trim().to_owned())
}

#[cfg(not(unix))]
pub async fn listener(_address: &str) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(hostname: &str, kernel: &str) -> Machine {
        Machine { hostname: hostname.into(), kernel: kernel.into(), memory: 1 << 30 }
    }

    fn local(address: &str, listener: Option<&str>, daemon: Option<&Machine>, own: Option<&Machine>) -> bool {
        is_local(&Evidence { address, listener, daemon, own })
    }

    const SOCKET: &str = "unix:///tmp/docker.sock";

    #[test]
    fn a_socket_of_this_machine_is_local() {
        let own = machine("web1", "6.1.0");
        assert!(local(SOCKET, Some("dockerd"), Some(&own.clone()), Some(&own)));
        assert!(local(SOCKET, Some("systemd"), Some(&own.clone()), Some(&own)));
        assert!(local(SOCKET, None, Some(&own.clone()), Some(&own)));
    }

    #[test]
    fn a_forwarded_socket_is_not_local_although_it_is_a_socket() {
        let own = machine("web1", "6.1.0");
        let other_memory = Machine { memory: 2 << 30, ..own.clone() };
        assert!(!local(SOCKET, None, Some(&machine("db1", "6.1.0")), Some(&own)), "another host name");
        assert!(!local(SOCKET, None, Some(&machine("web1", "5.10.0")), Some(&own)), "another kernel");
        assert!(!local(SOCKET, None, Some(&other_memory), Some(&own)), "other memory");
        assert!(!local(SOCKET, Some("ssh"), Some(&own.clone()), Some(&own)), "forwarded from a copy of this machine");
        assert!(!local(SOCKET, Some("ssh"), None, None));
    }

    #[test]
    fn a_virtual_machine_that_forwards_its_ports_is_local() {
        let own = machine("laptop", "6.1.0");
        assert!(local(SOCKET, None, Some(&machine("docker-desktop", "6.6.0-linuxkit")), Some(&own)));
        assert!(local(SOCKET, None, Some(&machine("docker-desktop", "6.6.0-linuxkit")), None));
        assert!(local("npipe:////./pipe/docker_engine", None, None, None));
    }

    #[test]
    fn an_address_on_the_network_is_never_local() {
        let own = machine("web1", "6.1.0");
        assert!(!local("tcp://127.0.0.1:2375", None, Some(&own.clone()), Some(&own)));
    }

    #[test]
    fn a_daemon_whose_host_is_unknown_is_local_by_its_socket() {
        assert!(local(SOCKET, None, None, Some(&machine("web1", "6.1.0"))));
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(total_memory("MemFree: 1 kB\nMemTotal:       24684092 kB\n"), Some(25_276_510_208));
        assert_eq!(total_memory("MemFree: 1 kB\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_listener_of_a_socket_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let _listening = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        let name = listener(&format!("unix://{}", path.display())).await.expect("this test");
        let own = std::fs::read_to_string("/proc/self/comm").expect("its name");
        assert!(!name.is_empty() && own.trim().starts_with(&name[..4]), "{name}");
        assert_eq!(listener("unix:///nonexistent/socket").await, None);
    }
}
