use std::time::Duration;

use serde_json::json;

use super::context::Context;
use super::{block_on, or_interrupt, session};
use crate::docker::{self, ServiceStatus};
use crate::error::{Exit, Result};
use crate::moment;
use crate::plan::observed::{Health, State};
use crate::ui::human::age;
use crate::ui::style::{BAD, CHANGE, DIM, GOOD};
use crate::ui::table::{Cell, Table};

/// Show the services of a stack and how they are
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With -o json: {\"stack\", \"services\": [{service, title, image, container, state, health, started_at, restarts, addresses, note}]}"
)]
pub struct Args {}

pub fn run(_: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(show(context)))
}

async fn show(context: &Context) -> Result<Exit> {
    let (client, name, observed) = session::look(context).await?;
    let services = docker::status(&client, &observed).await?;
    if context.ui.json {
        context.ui.document(&json!({"stack": name, "services": services}))?;
        return Ok(Exit::Done);
    }
    if services.is_empty() {
        context.ui.say(&format!("{name} · nothing of it is deployed here; `watchpost up` does it."));
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["SERVICE", "IMAGE", "STATE", "UPTIME", "ADDRESS"]);
    for service in &services {
        let image = service.image.rsplit('/').next().unwrap_or_default();
        let uptime = service
            .started_at
            .as_deref()
            .and_then(moment::age)
            .map_or(String::new(), |seconds| age(Duration::from_secs_f64(seconds.max(0.0))));
        table.row([
            service.service.as_str().into(),
            image.into(),
            state(service),
            uptime.into(),
            service.addresses.join(", ").into(),
        ]);
    }
    context.ui.data(&table.render(context.ui.width))?;
    Ok(Exit::Done)
}

/// State and health in one word or two.
fn state(service: &ServiceStatus) -> Cell {
    let restarts = match service.restarts {
        0 => String::new(),
        1 => ", restarted once".into(),
        count => format!(", restarted {count} times"),
    };
    let (style, text) = match (service.state, service.health) {
        (State::Running, Health::Healthy) => (GOOD, "healthy"),
        (State::Running, Health::None) => (GOOD, "running"),
        (State::Running, Health::Starting) => (CHANGE, "starting"),
        (State::Running, Health::Unhealthy) => (BAD, "unhealthy"),
        (State::Restarting, _) => (BAD, "restarting"),
        (State::Paused, _) => (DIM, "paused"),
        (State::Created, _) => (BAD, "never started"),
        (State::Exited | State::Dead | State::Removing, _) => (BAD, "stopped"),
    };
    Cell::styled(style, format!("{text}{restarts}"))
}
