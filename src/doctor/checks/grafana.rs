//! Grafana's volume remembers: a password and data sources of an earlier deployment.

use crate::doctor::fine;
use crate::doctor::look::{GrafanaSeen, Refused, Seen, Source};
use crate::verify::report::Finding;

pub fn login(seen: &Seen<'_>) -> Vec<Finding> {
    let (id, subject) = ("grafana:login", "login");
    let grafana = match &seen.grafana {
        Ok(grafana) => grafana,
        Err(why) => return vec![Finding::not_checked(id, subject, why)],
    };
    vec![match &grafana.sources {
        Ok(_) => fine(id, subject, format!("`{}` gets in with the stack's password", grafana.user)),
        Err(Refused::Other(why)) => Finding::not_checked(id, subject, why),
        Err(Refused::Login) => {
            Finding::broken(id, subject, format!("Grafana refuses the password of `{}`", grafana.user))
                .why("a password of the configuration takes effect only on the first start: the volume has another")
                .fix(reset(seen, grafana))
        }
    }]
}

/// The password comes from the file that the container has; it is on no command line.
fn reset(seen: &Seen<'_>, grafana: &GrafanaSeen) -> String {
    let container = seen.service(&grafana.service).map_or("", |deployed| deployed.container.as_str());
    let command = "grafana cli admin reset-admin-password --password-from-stdin";
    format!("docker exec {container} sh -c '{command} < {}'", grafana.password_file)
}

pub fn sources(seen: &Seen<'_>) -> Vec<Finding> {
    let Ok(grafana) = &seen.grafana else { return Vec::new() };
    let Ok(sources) = &grafana.sources else {
        return vec![Finding::not_checked("grafana:sources", "data sources", "Grafana does not let us in")];
    };
    let strays: Vec<Finding> =
        grafana.provisioned.iter().filter_map(|(name, uid)| stray(name, uid, sources, seen, grafana)).collect();
    if strays.is_empty() {
        let names: Vec<&str> = grafana.provisioned.iter().map(|(name, _)| name.as_str()).collect();
        return vec![fine("grafana:sources", "data sources", format!("{} as deployed", names.join(", ")))];
    }
    strays
}

/// <https://github.com/grafana/grafana/issues/110740>
fn stray(name: &str, uid: &str, sources: &[Source], seen: &Seen<'_>, grafana: &GrafanaSeen) -> Option<Finding> {
    let id = format!("grafana:source/{name}");
    let container = || seen.service(&grafana.service).map_or("", |deployed| deployed.container.as_str());
    let Some(source) = sources.iter().find(|source| source.name == name) else {
        let finding = Finding::broken(id, name, "Grafana does not have this data source");
        return Some(finding.why("dashboards ask for it").fix(format!("docker restart {}", container())));
    };
    if source.uid == uid {
        return None;
    }
    let finding = Finding::broken(id, name, format!("has the uid `{}`; dashboards ask for `{uid}`", source.uid))
        .why("Grafana's volume has it from an earlier deployment, and provisioning cannot change a uid");
    Some(finding.fix(if source.read_only {
        format!(
            "watchpost catalog eject grafana --into overlay; add `deleteDatasources: [{{name: {name}, orgId: 1}}]` to its \
             files/provisioning/datasources/watchpost.yml; watchpost up --catalog overlay"
        )
    } else {
        format!("delete the data source `{name}` in Grafana (Connections, Data sources), then docker restart {}", container())
    }))
}
