//! Is Prometheus connected to every Alertmanager in its configuration?

use serde::{Deserialize, Serialize};

use crate::deployed::stack::ServiceState;
use crate::fix::{Fix, Step};
use crate::verify::links::containers;
use crate::verify::report::Finding;

/// The way from Prometheus to one Alertmanager.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Connection {
    /// `alertmanager:9093`
    pub target: String,
    /// Does Prometheus send to it, by its own account?
    pub active: bool,
    /// To the question whether it is ready, asked from Prometheus's container.
    pub answer: Answer,
    /// The stack's own service of that name.
    pub peer: Option<Peer>,
}

impl Connection {
    /// Nothing is known to be wrong with it.
    pub fn holds(&self) -> bool {
        self.active && matches!(self.answer, Answer::Ready | Answer::CannotAsk)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Answer {
    Ready,
    Status(u16),
    /// There is none, and why.
    None(String),
    /// Prometheus's container has nothing to ask with.
    CannotAsk,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Peer {
    pub service: String,
    pub container: String,
    pub running: bool,
    /// The network of Prometheus's container, when the two share none.
    pub missing_network: Option<String>,
}

pub fn judge(prometheus: &ServiceState, connections: &[Connection]) -> Vec<Finding> {
    if connections.is_empty() {
        let what = "sends its alerts to no Alertmanager";
        let finding = Finding::broken("alertmanager:none", prometheus.service.as_str(), what);
        return vec![finding.why("its prometheus.yml names none").fix(Fix::up())];
    }
    connections.iter().map(|connection| judge_one(prometheus, connection)).collect()
}

fn judge_one(prometheus: &ServiceState, connection: &Connection) -> Finding {
    let target = connection.target.as_str();
    let id = format!("alertmanager:{target}");
    if !connection.active {
        return Finding::broken(id, target, "is not among the Alertmanagers that Prometheus sends to")
            .why("prometheus.yml names it, but the configuration in force does not")
            .fix(Fix::docker(["restart", &prometheus.container]));
    }
    match &connection.answer {
        Answer::Ready => Finding::ok(id, target),
        Answer::Status(status) => {
            let log = match &connection.peer {
                Some(peer) => Fix::watchpost(["logs", &peer.service]).note("shows why"),
                None => Fix::words(format!("read the log of what listens at {target}")),
            };
            Finding::broken(id, target, format!("answers {status} to Prometheus")).fix(log)
        }
        Answer::CannotAsk => Finding::not_checked(id, target, "Prometheus's container has nothing to ask with"),
        Answer::None(why) => {
            let finding = Finding::broken(id, target, format!("is unreachable for Prometheus: {why}"));
            unreachable(finding, target, connection.peer.as_ref())
        }
    }
}

fn unreachable(finding: Finding, target: &str, peer: Option<&Peer>) -> Finding {
    let Some(peer) = peer else {
        let correct = Step::Edit { file: None, at: None, what: format!("correct `{target}`") };
        let correct = Fix { steps: vec![correct], or: None };
        return finding.fix(Fix::words(format!("start what listens at {target}")).or(correct.then(Fix::up())));
    };
    if !peer.running {
        return finding.because(Some(containers::id(&peer.service))).fix(Fix::up());
    }
    let (service, container) = (&peer.service, &peer.container);
    match &peer.missing_network {
        Some(network) => finding
            .why(format!("the container {container} is not in the network {network}"))
            .fix(Fix::docker(["network", "connect", "--alias", service, network, container])),
        None => {
            finding.fix(Fix::docker(["restart", container]).or(Fix::watchpost(["logs", service]).note("shows why")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::report::Verdict;

    fn found(connection: &Connection) -> Finding {
        let prometheus =
            ServiceState { service: "prometheus".into(), container: "shop-prometheus-1".into(), running: true };
        judge(&prometheus, std::slice::from_ref(connection)).remove(0)
    }

    fn connection(answer: Answer, peer: Option<Peer>) -> Connection {
        Connection { target: "alertmanager:9093".into(), active: true, answer, peer }
    }

    fn peer(running: bool, missing_network: Option<&str>) -> Option<Peer> {
        let (service, container) = ("alertmanager".to_owned(), "shop-alertmanager-1".to_owned());
        Some(Peer { service, container, running, missing_network: missing_network.map(str::to_owned) })
    }

    fn line(finding: &Finding) -> String {
        format!("{} {} | {} | {}", finding.id, finding.what, finding.why.join("; "), finding.fix_text())
    }

    #[test]
    fn an_alertmanager_that_is_ready_is_fine() {
        let finding = found(&connection(Answer::Ready, peer(true, None)));
        assert_eq!((finding.id.as_str(), finding.verdict), ("alertmanager:alertmanager:9093", Verdict::Ok));
        let finding = found(&connection(Answer::CannotAsk, peer(true, None)));
        assert_eq!(finding.verdict, Verdict::NotChecked);
    }

    #[test]
    fn each_break_between_the_two_is_named_with_its_fix() {
        let refused = || Answer::None("connection refused".into());
        let inactive = Connection { active: false, ..connection(Answer::Ready, peer(true, None)) };
        let lines = [
            line(&found(&inactive)),
            line(&found(&connection(Answer::Status(503), peer(true, None)))),
            line(&found(&connection(Answer::Status(503), None))),
            line(&found(&connection(refused(), None))),
            line(&found(&connection(refused(), peer(false, None)))),
            line(&found(&connection(refused(), peer(true, Some("shop_default"))))),
            line(&found(&connection(refused(), peer(true, None)))),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        alertmanager:alertmanager:9093 is not among the Alertmanagers that Prometheus sends to | prometheus.yml names it, but the configuration in force does not | docker restart shop-prometheus-1
        alertmanager:alertmanager:9093 answers 503 to Prometheus |  | watchpost logs alertmanager (shows why)
        alertmanager:alertmanager:9093 answers 503 to Prometheus |  | read the log of what listens at alertmanager:9093
        alertmanager:alertmanager:9093 is unreachable for Prometheus: connection refused |  | start what listens at alertmanager:9093, or in watchpost.yaml: correct `alertmanager:9093`, then watchpost up
        alertmanager:alertmanager:9093 is unreachable for Prometheus: connection refused |  | watchpost up
        alertmanager:alertmanager:9093 is unreachable for Prometheus: connection refused | the container shop-alertmanager-1 is not in the network shop_default | docker network connect --alias alertmanager shop_default shop-alertmanager-1
        alertmanager:alertmanager:9093 is unreachable for Prometheus: connection refused |  | docker restart shop-alertmanager-1, or watchpost logs alertmanager (shows why)
        ");
        let stopped = found(&connection(refused(), peer(false, None)));
        assert_eq!(stopped.because.as_deref(), Some("container:alertmanager"));
    }

    #[test]
    fn a_prometheus_without_any_alertmanager_is_broken() {
        let prometheus = ServiceState { service: "prometheus".into(), container: "p".into(), running: true };
        assert_eq!(
            line(&judge(&prometheus, &[])[0]),
            "alertmanager:none sends its alerts to no Alertmanager | its prometheus.yml names none | watchpost up"
        );
    }
}
