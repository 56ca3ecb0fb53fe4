//! What names and addresses may look like.

/// What [`is_project`] accepts, in words.
pub const PROJECT_RULE: &str = "at most 63 lowercase letters, digits, `-` and `_`, beginning with a letter or digit";

/// Compose's rule for a project, which is the stack's name.
/// <https://docs.docker.com/compose/how-tos/project-name/>
pub fn is_project(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
        && text.len() <= 63
}

/// Names of instances and secrets: they become names of files, volumes and hosts.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        && text.len() <= 48
}

/// A variable of the environment, as shells write it.
pub fn is_variable(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A file's path, and not an address or a text of several lines.
pub fn is_path(text: &str) -> bool {
    !text.is_empty() && !text.contains("://") && !text.contains(char::is_control)
}

/// A label of Prometheus that users may set.
pub fn is_label(text: &str) -> bool {
    !text.starts_with("__")
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The links of the proof, as `accept` names them.
pub const LINKS: [&str; 6] = ["containers", "targets", "rules", "alerting", "delivery", "dashboards"];

/// The name of a host, or an IP address; one of IPv6 may stand in brackets.
pub fn is_host(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            && !label.starts_with('-')
    };
    let name = text.len() <= 253 && text.trim_end_matches('.').split('.').all(label);
    bare.parse::<std::net::Ipv6Addr>().is_ok() || name
}

/// `host:port`; an IPv6 host stands in brackets.
pub fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let host_is_plain = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '@'));
    let bracketed = host.starts_with('[') && host.ends_with(']');
    host_is_plain && (bracketed || !host.contains(':')) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that would lead out of a folder, split a line, or mean something to a shell, a URL or YAML.
    const HOSTILE: [&str; 20] = [
        "",
        " ",
        ".",
        "..",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "a b",
        "a\n",
        "a\0",
        "-a",
        "_a",
        "a.b",
        "a:b",
        "a$b",
        "a;b",
        "ä",
        "a\u{202e}b",
        "a*",
        "a,b",
    ];

    #[test]
    fn a_name_is_letters_digits_dashes_and_underscores() {
        for name in ["a", "0", "Orders", "orders-db_2", &"a".repeat(48)] {
            assert!(is_name(name), "{name}");
        }
        for name in HOSTILE.into_iter().chain([&*"a".repeat(49)]) {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn the_name_of_a_stack_is_one_that_compose_accepts() {
        for name in ["a", "0", "monitoring-2", "a_b", &"a".repeat(63)] {
            assert!(is_project(name), "{name}");
        }
        for name in HOSTILE.into_iter().chain(["Monitoring", "aB", &*"a".repeat(64)]) {
            assert!(!is_project(name), "{name}");
        }
    }

    #[test]
    fn a_label_is_one_that_prometheus_accepts_and_does_not_keep_for_itself() {
        for label in ["team", "_team", "Team_2", "_"] {
            assert!(is_label(label), "{label}");
        }
        for label in ["", "2team", "__name__", "__", "a-b", "a.b", "a b", "ä", "a\n", "team:x", "-team"] {
            assert!(!is_label(label), "{label}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_ip_address_without_a_port() {
        for host in ["db1", "monitor.example.org", "192.0.2.7", "2001:db8::1", "[2001:db8::1]", "a_b.example."] {
            assert!(is_host(host), "{host}");
        }
        for host in ["", ".", "http://a", "a:9090", "a/b", "a b", "ops@db1", "-a", "[a]", "ä", "a..b", "a?b"] {
            assert!(!is_host(host), "{host}");
        }
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for address in ["shop:8080", "[::1]:80", "10.0.0.1:1", "a.b-c_d:65535"] {
            assert!(is_address(address), "{address}");
        }
        for address in [
            "",
            "shop",
            ":80",
            "shop:",
            "shop:0",
            "shop:65536",
            "shop:http",
            "shop:-1",
            "http://shop:80",
            "a b:1",
            "::1:80",
            "[::1:80",
            "::1]:80",
            "user@shop:80",
            "shop/x:80",
            "a\tb:1",
        ] {
            assert!(!is_address(address), "{address}");
        }
    }

    #[test]
    fn a_variable_and_a_path_are_not_values() {
        assert!(is_variable("_SLACK_2") && !is_variable("2S") && !is_variable("xoxb-1") && !is_variable(""));
        assert!(is_path("./a b") && !is_path("https://hooks.example.com/T0") && !is_path("a\nb") && !is_path(""));
    }
}
