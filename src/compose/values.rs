//! Values that Compose packs into texts: ports, mounts, sizes, durations.

use std::time::Duration;

/// Source of the mount that carries a service's files; the service's name follows.
pub const FILES_PREFIX: &str = "./files/";
/// Where a service's files are inside its container; on a Docker host, a symbolic link to the present ones.
pub const FILES_TARGET: &str = "/etc/watchpost/current";
/// Where a service's secrets are, each a file by its name.
pub const SECRETS_TARGET: &str = "/run/secrets";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    pub ip: String,
    pub host: u16,
    pub container: u16,
    /// `tcp` or `udp`
    pub protocol: String,
}

impl Port {
    /// `IP:HOST:CONTAINER[/udp]`; other forms of Compose are refused, because they open the port to everybody.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is not a valid port: write `127.0.0.1:HOST:CONTAINER`");
        let (address, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        if !matches!(protocol, "tcp" | "udp") {
            return Err(format!("`{protocol}` is not a protocol of a port: use `tcp` or `udp`"));
        }
        let mut parts = address.rsplitn(3, ':');
        let mut number = || parts.next().and_then(|part| part.parse::<u16>().ok()).filter(|port| *port > 0);
        let (container, host) = (number().ok_or_else(form)?, number().ok_or_else(form)?);
        let ip = parts.next().ok_or_else(form)?.trim_matches(['[', ']']);
        ip.parse::<std::net::IpAddr>().map_err(|_| form())?;
        Ok(Self { ip: ip.into(), host, container, protocol: protocol.into() })
    }

    /// Can both be published on one host?
    pub fn clashes(&self, ip: &str, port: u16, protocol: &str) -> bool {
        let any = |ip: &str| matches!(ip, "0.0.0.0" | "::" | "");
        self.host == port && self.protocol == protocol && (self.ip == ip || any(&self.ip) || any(ip))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// Our files of this service.
    Files {
        service: String,
        target: String,
    },
    HostPath {
        source: String,
        target: String,
        read_only: bool,
        propagation: Option<String>,
    },
    /// A volume by its key.
    Volume {
        key: String,
        target: String,
        read_only: bool,
    },
}

impl Mount {
    /// `SOURCE:TARGET[:OPTIONS]`
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, options) = match parts[..] {
            [source, target] => (source, target, ""),
            [source, target, options] => (source, target, options),
            _ => return Err(format!("`{text}` is not a valid mount: write `SOURCE:TARGET` or `SOURCE:TARGET:ro`")),
        };
        if !target.starts_with('/') {
            return Err(format!("the target of `{text}` must be an absolute path"));
        }
        let mut read_only = false;
        let mut propagation = None;
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option {
                "ro" => read_only = true,
                "rw" => read_only = false,
                "rslave" | "rprivate" | "rshared" | "slave" | "private" | "shared" => {
                    propagation = Some(option.to_owned())
                }
                other => return Err(format!("`{other}` in `{text}` is not a known option of a mount")),
            }
        }
        let target = target.to_owned();
        if let Some(service) = source.strip_prefix(FILES_PREFIX) {
            if target != FILES_TARGET || !read_only {
                return Err(format!("files are mounted as `{source}:{FILES_TARGET}:ro`, not `{text}`"));
            }
            return Ok(Self::Files { service: service.trim_end_matches('/').into(), target });
        }
        if source.starts_with('/') {
            return Ok(Self::HostPath { source: source.into(), target, read_only, propagation });
        }
        if source.is_empty() || source.starts_with('.') || source.starts_with('~') {
            return Err(format!(
                "`{source}` in `{text}` would be a path of this machine; only `{FILES_PREFIX}…` travels to the host"
            ));
        }
        Ok(Self::Volume { key: source.into(), target, read_only })
    }

    pub fn target(&self) -> &str {
        match self {
            Self::Files { target, .. } | Self::HostPath { target, .. } | Self::Volume { target, .. } => target,
        }
    }
}

/// Compose's durations: `1m30s`, `500ms`, `0s`.
pub fn duration(text: &str) -> Option<Duration> {
    crate::units::parse_duration(text).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// Bytes of `512m`, `1g`.
pub fn bytes(text: &str) -> Option<u64> {
    crate::units::parse_size(text)
}

/// `uid[:gid]` as numbers; names cannot be resolved without the image.
pub fn user_ids(user: &str) -> Option<(u64, u64)> {
    let (uid, gid) = user.split_once(':').unwrap_or((user, "0"));
    Some((uid.parse().ok()?, gid.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_without_an_address_is_refused() {
        assert!(Port::parse("9090:9090").is_err());
        assert!(Port::parse("127.0.0.1:0:9090").is_err());
        let port = Port::parse("127.0.0.1:9090:80/udp").expect("valid");
        assert_eq!((port.host, port.container, port.protocol.as_str()), (9090, 80, "udp"));
    }

    #[test]
    fn an_open_port_clashes_with_every_address() {
        let port = Port::parse("127.0.0.1:9090:9090").expect("valid");
        assert!(port.clashes("0.0.0.0", 9090, "tcp"));
        assert!(!port.clashes("10.0.0.1", 9090, "tcp"));
        assert!(!port.clashes("127.0.0.1", 9090, "udp"));
    }

    #[test]
    fn a_relative_path_is_refused_because_it_would_not_travel() {
        assert!(Mount::parse("./data:/data").is_err());
        assert!(matches!(Mount::parse("./files/web:/etc/watchpost/current:ro"), Ok(Mount::Files { .. })));
        assert!(matches!(
            Mount::parse("/:/host:ro,rslave"),
            Ok(Mount::HostPath { read_only: true, propagation: Some(_), .. })
        ));
        assert!(matches!(Mount::parse("data:/data"), Ok(Mount::Volume { .. })));
    }

    #[test]
    fn durations_sizes_and_users_are_read_as_compose_does() {
        for (text, seconds) in [("1m30s", Some(90.0)), ("500ms", Some(0.5)), ("0s", Some(0.0)), ("soon", None)] {
            assert_eq!(duration(text), seconds.map(Duration::from_secs_f64), "{text}");
        }
        assert_eq!([bytes("512m"), bytes("1g"), bytes("lots")], [Some(512 << 20), Some(1 << 30), None]);
        for (user, ids) in
            [("65534:472", Some((65_534, 472))), ("1000", Some((1000, 0))), ("root", None), ("1:wheel", None)]
        {
            assert_eq!(user_ids(user), ids, "{user}");
        }
    }

    #[test]
    fn each_kind_of_mount_keeps_its_source_target_and_options() {
        let target = |text: &str| Mount::parse(text).expect(text).target().to_owned();
        assert_eq!(target("data:/data"), "/data");
        assert_eq!(target("/var:/host/var:ro"), "/host/var");
        assert_eq!(target("./files/web/:/etc/watchpost/current:ro"), FILES_TARGET);
        let volume = |read_only| Mount::Volume { key: "data".into(), target: "/data".into(), read_only };
        assert_eq!(Mount::parse("data:/data:rw"), Ok(volume(false)));
        assert_eq!(Mount::parse("data:/data:ro"), Ok(volume(true)));
        for bad in ["data", "data:data", "data:/data:odd", ":/data", "~/a:/a", "a:/a:ro:x"] {
            assert!(Mount::parse(bad).is_err(), "{bad}");
        }
        // Files are mounted at one place, and read only.
        for bad in ["./files/web:/elsewhere:ro", "./files/web:/etc/watchpost/current"] {
            assert!(Mount::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ports_are_refused_unless_every_part_can_be_read() {
        for bad in ["127.0.0.1:80", "127.0.0.1:x:80", "127.0.0.1:80:0", "host:80:80", "127.0.0.1:80:80/sctp", ""] {
            assert!(Port::parse(bad).is_err(), "{bad}");
        }
        let port = Port::parse("[::1]:80:8080").expect("valid");
        assert_eq!((port.ip.as_str(), port.host, port.container, port.protocol.as_str()), ("::1", 80, 8080, "tcp"));
        assert!(Port::parse("[::]:80:80").expect("valid").clashes("10.0.0.1", 80, "tcp"));
        assert!(port.clashes("::1", 80, "tcp") && port.clashes("", 80, "tcp") && !port.clashes("::1", 81, "tcp"));
    }
}
