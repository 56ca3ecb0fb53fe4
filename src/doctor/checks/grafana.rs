//! Grafana's volume remembers: a password and data sources of an earlier deployment. Judged as `verify` judges them.

use crate::doctor::fine;
use crate::doctor::look::Seen;
use crate::verify::links::dashboards::{access, data_sources};
use crate::verify::report::Finding;

pub fn login(seen: &Seen<'_>) -> Vec<Finding> {
    let (id, subject) = ("grafana:login", "login");
    let access = match &seen.grafana {
        Ok(grafana) => &grafana.access,
        Err(why) => return vec![Finding::not_checked(id, subject, why)],
    };
    if access.is_open() {
        return vec![fine(id, subject, format!("Grafana accepts the stack's password for `{}`", access.user))];
    }
    let finding = access::judge(access);
    if access.is_down() {
        return vec![Finding::not_checked(id, subject, finding.what)];
    }
    vec![Finding { id: id.into(), subject: subject.into(), ..finding }]
}

pub fn sources(seen: &Seen<'_>) -> Vec<Finding> {
    let (id, subject) = ("grafana:sources", "data sources");
    let Ok(grafana) = &seen.grafana else { return Vec::new() };
    if !grafana.access.is_open() {
        let why = access::judge(&grafana.access).what;
        return vec![Finding::not_checked(id, subject, "Grafana is not open").why(why)];
    }
    let mut strays = Vec::new();
    for wanted in &grafana.provisioned {
        if let Err(finding) = data_sources::identify(wanted, &grafana.data_sources, &grafana.access.container) {
            let id = format!("grafana:source/{}", wanted.name);
            strays.push(Finding { id, subject: wanted.name.clone(), ..*finding });
        }
    }
    if strays.is_empty() {
        let names: Vec<&str> = grafana.provisioned.iter().map(|source| source.name.as_str()).collect();
        strays.push(fine(id, subject, format!("{} as deployed", names.join(", "))));
    }
    strays
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::look::GrafanaSeen;
    use crate::doctor::look::testing::Bench;
    use crate::verify::links::dashboards::DashboardsSnapshot;
    use crate::verify::links::dashboards::access::{Access, GrafanaState};
    use crate::verify::report::Verdict;

    /// The healthy Grafana of the link's tests, written by hand.
    fn recorded() -> GrafanaSeen {
        let recorded = include_str!("../../verify/links/dashboards/recorded.json");
        let seen: DashboardsSnapshot = serde_json::from_str(recorded).expect("a snapshot");
        GrafanaSeen {
            access: seen.access,
            data_sources: seen.data_sources,
            provisioned: seen.provisioning.data_sources,
        }
    }

    /// The findings about this Grafana: (id, verdict, fix).
    fn found(change: impl Fn(&mut GrafanaSeen)) -> Vec<(String, Verdict, String)> {
        let bench = Bench::new();
        let mut seen = bench.seen();
        let mut grafana = recorded();
        change(&mut grafana);
        seen.grafana = Ok(grafana);
        let findings = login(&seen).into_iter().chain(sources(&seen));
        findings.map(|finding| (finding.id.clone(), finding.verdict, finding.fix_text())).collect()
    }

    fn is(id: &str, verdict: Verdict, fix: &str) -> (String, Verdict, String) {
        (id.into(), verdict, fix.into())
    }

    #[test]
    fn a_grafana_as_deployed_is_fine() {
        let fine = [is("grafana:login", Verdict::Ok, ""), is("grafana:sources", Verdict::Ok, "")];
        assert_eq!(found(|_| {}), fine);
    }

    #[test]
    fn a_rejected_password_has_the_fix_of_verify() {
        let rejected = found(|grafana| grafana.access.state = GrafanaState::PasswordRejected);
        let fix = access::judge(&Access { state: GrafanaState::PasswordRejected, ..recorded().access }).fix_text();
        assert!(fix.starts_with("docker exec "), "{fix}");
        let expected = [is("grafana:login", Verdict::Broken, &fix), is("grafana:sources", Verdict::NotChecked, "")];
        assert_eq!(rejected, expected);
        let blocked = found(|grafana| grafana.access.state = GrafanaState::LoginBlocked);
        assert!(!blocked[0].2.contains("docker exec"), "a new password does not help: {blocked:?}");
    }

    #[test]
    fn a_grafana_that_is_down_or_absent_is_not_checked() {
        let down = found(|grafana| grafana.access.state = GrafanaState::Stopped);
        assert!(down.iter().all(|(_, verdict, _)| *verdict == Verdict::NotChecked), "{down:?}");
        let bench = Bench::new();
        let seen = bench.seen();
        assert_eq!((login(&seen)[0].verdict, sources(&seen).len()), (Verdict::NotChecked, 0));
    }

    #[test]
    fn a_data_source_of_an_older_volume_is_replaced_by_an_option_that_exists() {
        let stray = found(|grafana| grafana.data_sources[0].uid = "old".into());
        let fix = "watchpost up --set grafana.replace_data_sources=true";
        assert_eq!(stray[1..], [is("grafana:source/Prometheus", Verdict::Broken, fix)]);
        let missing = found(|grafana| drop(grafana.data_sources.remove(1)));
        let fix = format!("docker restart {}", recorded().access.container);
        assert_eq!(missing[1..], [is("grafana:source/Alertmanager", Verdict::Broken, &fix)]);
    }
}
