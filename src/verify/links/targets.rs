//! Every deployed scrape job exists, every target is scraped, and every exporter reaches what it watches.

mod judge;
mod look;
mod scrape_error;

pub use judge::{down, follow, follow_in, judge, silent, unreachable};

use crate::clients::prometheus::Target;
use crate::deployed::Stack;
use crate::verify::report::Checked;
use crate::verify::snapshot::Snapshot;

pub async fn check(stack: &Stack, snapshot: &Snapshot<'_>) -> Checked {
    judge(snapshot, &look::look(stack, snapshot).await)
}

pub fn id(target: &Target) -> String {
    format!("target:{}", target.name())
}

/// Host and port of a scrape's URL.
fn address(url: &str) -> (&str, u16) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let default = if scheme == "https" { 443 } else { 80 };
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(default)),
        _ => (authority, default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_url_is_split_into_host_and_port() {
        assert_eq!(address("http://node-exporter:9100/metrics"), ("node-exporter", 9100));
        assert_eq!(address("https://shop.example.com/metrics?x=1"), ("shop.example.com", 443));
        assert_eq!(address("http://[::1]/metrics"), ("[::1]", 80));
    }
}
