//! What a container of the stack gets when it asks a target, to find out why Prometheus could not.

use std::time::Duration;

use super::redact;
use super::stack::Stack;
use crate::clients::prometheus::Target;
use crate::docker::reach;
use crate::units::parse_duration;

/// Of an answer, so much is quoted, in characters.
const QUOTED: usize = 60;

/// An answer from inside the stack's network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// `None`: no response came.
    pub status: Option<u16>,
    /// The status and the first line, without secrets: `401 Unauthorized`; or why no response came.
    pub text: String,
    pub body: String,
}

impl Answer {
    pub fn is_ok(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// Asks as Prometheus does, and no longer. `None` when no container can ask, or only over TLS.
pub async fn ask(stack: &Stack, target: &Target) -> Option<Answer> {
    let (host, port) = target.address();
    let rest = target.scrape_url.strip_prefix("http://")?;
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    let helper = stack.helpers().into_iter().next()?;
    let limit = parse_duration(&target.scrape_timeout).unwrap_or(reach::TIMEOUT.as_secs_f64());
    let asked = reach::get_from(&stack.client, &helper, host, port, path);
    let Ok(answer) = tokio::time::timeout(Duration::from_secs_f64(limit), asked).await else {
        return Some(Answer { text: reach::TransportError::timed_out().to_string(), ..Answer::default() });
    };
    match answer {
        Ok(answer) => {
            let first = answer.body.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let first: String = redact::redact(first, &[]).chars().take(QUOTED).collect();
            let text = format!("{} {first}", answer.status).trim_end().to_owned();
            Some(Answer { status: Some(answer.status), text, body: answer.body })
        }
        Err(reach::TransportError::Unreachable) => None,
        Err(error) => Some(Answer { text: error.to_string(), ..Answer::default() }),
    }
}
