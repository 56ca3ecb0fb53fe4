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

    #[test]
    fn names_are_what_docker_and_prometheus_take() {
        assert!(is_project("monitoring-2") && !is_project("Monitoring") && !is_project("-a") && !is_project(""));
        assert!(is_project(&"a".repeat(63)) && !is_project(&"a".repeat(64)));
        assert!(is_label("team") && !is_label("__name__") && !is_label("a-b"));
        assert!(is_variable("_SLACK_2") && !is_variable("2S") && !is_variable("xoxb-1") && !is_variable(""));
        assert!(is_path("./a b") && !is_path("https://hooks.example.com/T0") && !is_path("a\nb") && !is_path(""));
        assert!(is_address("shop:8080") && is_address("[::1]:80"));
        assert!(!is_address("shop") && !is_address("http://shop:80") && !is_address("shop:0") && !is_address("a b:1"));
    }
}
