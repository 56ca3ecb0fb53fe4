//! `status --watch`: followed until the user ends it.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::cli::or_interrupt;
use crate::cli::shared::context::Context;
use crate::cli::shared::session;
use crate::docker::Client;
use crate::error::Exit;
use crate::live::{Live, Watcher};
use crate::time;
use crate::ui::live;
use crate::ui::screen::Screen;

/// What reaches the process from its user.
enum Signal {
    End,
    Resized,
}

/// Ctrl-C, an ordered end, and the terminal's new size.
struct Signals {
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    resized: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self { terminate: signal(SignalKind::terminate()).ok(), resized: signal(SignalKind::window_change()).ok() }
    }

    #[cfg(not(unix))]
    fn listen() -> Self {
        Self {}
    }

    #[cfg(unix)]
    async fn next(&mut self) -> Signal {
        async fn one(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            _ = tokio::signal::ctrl_c() => Signal::End,
            () = one(&mut self.terminate) => Signal::End,
            () = one(&mut self.resized) => Signal::Resized,
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> Signal {
        let _ = tokio::signal::ctrl_c().await;
        Signal::End
    }
}

/// Shows the stack until Ctrl-C. Prometheus is asked every `interval`.
pub async fn watch(context: &Context, interval: Duration) -> Result<Exit> {
    let (client, name) = or_interrupt(async {
        let (name, host) = context.stack()?;
        Ok((session::connect(host.as_deref()).await?, name))
    })
    .await?;
    let mut watcher = Watcher::new(&client, &name, interval);
    let mut signals = Signals::listen();
    let mut shown = Shown::new(context, &client, &name);
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::End => return Ok(Exit::Done),
                Signal::Resized => shown.draw(),
            },
            live = watcher.next() => shown.update(live)?,
        }
    }
}

/// What the user sees, and what it was before.
struct Shown<'a> {
    context: &'a Context,
    name: &'a str,
    title: String,
    screen: Option<Screen>,
    before: Option<Live>,
}

impl<'a> Shown<'a> {
    fn new(context: &'a Context, client: &Client, name: &'a str) -> Self {
        let engine = &client.engine;
        let host = if engine.local { "local Docker" } else { &engine.name };
        let title = format!("{name} · {host} · Ctrl-C ends");
        let screen = context.ui.screen.then(|| Screen::open(context.ui.unicode));
        Self { context, name, title, screen, before: None }
    }

    fn update(&mut self, live: Live) -> Result<()> {
        let ui = &self.context.ui;
        let same = self.before.as_ref() == Some(&live);
        if ui.json && !same {
            let mut line = json!({"at": time::text(time::now()), "stack": self.name});
            if let (Some(line), serde_json::Value::Object(live)) = (line.as_object_mut(), json!(live)) {
                line.extend(live);
            }
            ui.json_line(&line)?;
        } else if self.screen.is_none() && !same {
            let at = time::text(time::now());
            for change in live::changes(self.before.as_ref(), &live) {
                ui.data(&format!("{at}  {change}"))?;
            }
        }
        self.before = Some(live);
        // Spans grow although nothing changed.
        self.draw();
        Ok(())
    }

    fn draw(&self) {
        if let (Some(screen), Some(live)) = (&self.screen, &self.before) {
            screen.draw(&live::frame(&self.title, live, Screen::size()));
        }
    }
}
