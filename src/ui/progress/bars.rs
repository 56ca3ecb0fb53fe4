//! Lines that redraw themselves, on a terminal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::style::{self, DIM, WARNING, paint};
use super::pulls::Pulls;
use super::service_state;
use crate::event::Event;
use crate::units::{format_bytes, format_took};

/// More layers at once would push the services off a small terminal.
const MAX_LAYER_LINES: usize = 8;

/// Quick enough to look alive, slow enough for a remote terminal.
const TICK: Duration = Duration::from_millis(120);

pub struct Bars {
    screen: MultiProgress,
    unicode: bool,
    /// Width of the column of names.
    names: usize,
    pulls: Pulls,
    began: Instant,
    overall: Option<ProgressBar>,
    images: BTreeMap<String, ProgressBar>,
    layers: BTreeMap<(String, String), ProgressBar>,
    services: BTreeMap<String, ProgressBar>,
    /// The proof's line, and the links that were looked at by now.
    proof: Option<ProgressBar>,
    links: Vec<String>,
}

impl Bars {
    pub fn new(names: usize, unicode: bool) -> Self {
        Self {
            screen: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            unicode,
            names: names.max("images".len()),
            pulls: Pulls::default(),
            began: Instant::now(),
            overall: None,
            images: BTreeMap::new(),
            layers: BTreeMap::new(),
            services: BTreeMap::new(),
            proof: None,
            links: Vec::new(),
        }
    }

    pub fn event(&mut self, event: Event) {
        if let Some((service, state)) = service_state(&event) {
            return self.service(service, &state, &event);
        }
        match event {
            Event::PullsStarted { total } if total > 0 => self.pulls_started(total),
            Event::PullProgress { image, layer, status, current, total } => {
                self.layer(&image, &layer, &status, current, total);
            }
            Event::Pulled { image, .. } => self.pulled(&image),
            Event::Interrupted => self.interrupted(),
            Event::Removed { what, name } => self.print(&format!("  {what} {name} removed")),
            Event::ProofWaiting { what } => self.proof(&format!("waiting for {what}")),
            Event::LinkChecked { link, broken } => self.link(&link, broken),
            Event::Warning { text } => self.print(&format!("{}: {text}", paint(WARNING, "warning"))),
            _ => {}
        }
    }

    pub fn finish(&mut self) {
        // What the proof found is said in full afterwards.
        for bar in self.layers.values().chain(self.images.values()).chain(&self.proof) {
            bar.finish_and_clear();
        }
        for bar in self.services.values().chain(&self.overall).filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
    }

    /// The terminal has written `^C` below the lines, so that they can no longer be redrawn where they are: what comes
    /// later is drawn below them.
    fn interrupted(&mut self) {
        self.screen.set_draw_target(ProgressDrawTarget::hidden());
        self.restart_below();
        self.screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        self.print(&format!("  {}", super::STOPPING));
    }

    fn restart_below(&mut self) {
        (self.services, self.images, self.layers) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        self.overall = None;
        drop(console::Term::stderr().write_line(""));
    }

    fn bar(&self, template: &str) -> ProgressBar {
        // The templates are ours and fixed, so that the default style never has to stand in.
        let looks = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let looks = if self.unicode {
            looks.progress_chars("█░").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
        } else {
            looks.progress_chars("#.").tick_chars("|/-\\ ")
        };
        ProgressBar::new(0).with_style(looks)
    }

    fn print(&self, text: &str) {
        // Only fails when stderr does, and then nobody looks.
        drop(self.screen.println(self.fit(text)));
    }

    fn fit(&self, text: &str) -> String {
        style::fit(&style::for_stderr(text), self.unicode).into_owned()
    }

    fn pulls_started(&mut self, total: usize) {
        self.pulls.total = total;
        let bar = self.bar("  {prefix}  {bar:20}  {msg}");
        bar.set_prefix(format!("{:names$}", "images", names = self.names));
        bar.set_length(total as u64);
        self.overall = Some(self.screen.add(bar));
        self.refresh();
    }

    fn refresh(&self) {
        if let Some(overall) = &self.overall {
            overall.set_position(self.pulls.done as u64);
            overall.set_message(format!("{}   {}", self.pulls.summary(), format_took(self.began.elapsed())));
        }
    }

    fn layer(&mut self, image: &str, layer: &str, status: &str, current: u64, total: u64) {
        let state = self.pulls.update(image, layer, status, current, total).cloned();
        if !self.images.contains_key(image) {
            let bar = self.screen.add(self.bar("    {prefix}  {bar:16}  {msg}"));
            bar.set_prefix(image.to_owned());
            self.images.insert(image.to_owned(), bar);
        }
        let (Some(bar), Some(sum)) = (self.images.get(image), self.pulls.image(image)) else { return };
        let (downloaded, size) = sum.bytes();
        bar.set_length(size);
        bar.set_position(downloaded);
        bar.set_message(sum.summary());
        let key = (image.to_owned(), layer.to_owned());
        match state {
            Some(state) if state.active() => {
                if !self.layers.contains_key(&key) && self.layers.len() < MAX_LAYER_LINES {
                    let line = self.screen.insert_after(bar, self.bar("      {prefix}  {bar:14}  {msg}"));
                    line.set_prefix(layer.to_owned());
                    self.layers.insert(key.clone(), line);
                }
                if let Some(line) = self.layers.get(&key) {
                    line.set_length(state.total);
                    line.set_position(state.current);
                    let text = format!(
                        "{} {} of {}",
                        status.to_lowercase(),
                        format_bytes(state.current),
                        format_bytes(state.total)
                    );
                    line.set_message(self.fit(&paint(DIM, text)));
                }
            }
            _ => self.remove_layer(&key),
        }
        self.refresh();
    }

    fn remove_layer(&mut self, key: &(String, String)) {
        if let Some(line) = self.layers.remove(key) {
            line.finish_and_clear();
            self.screen.remove(&line);
        }
    }

    fn pulled(&mut self, image: &str) {
        let keys: Vec<_> = self.layers.keys().filter(|(of, _)| of == image).cloned().collect();
        keys.iter().for_each(|key| self.remove_layer(key));
        if let Some(bar) = self.images.remove(image) {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
        self.pulls.done += 1;
        self.refresh();
        if let (true, Some(overall)) = (self.pulls.done >= self.pulls.total, &self.overall) {
            overall.finish();
        }
    }

    /// The proof's one line: what it waits for, then the links as they are looked at.
    fn proof(&mut self, text: &str) {
        if self.proof.is_none() {
            let bar = self.screen.add(self.bar("  {prefix}  {spinner} {msg}"));
            bar.set_prefix(format!("{:names$}", "proof", names = self.names));
            bar.enable_steady_tick(TICK);
            self.proof = Some(bar);
        }
        let text = self.fit(&paint(DIM, text));
        if let Some(bar) = &self.proof {
            bar.set_message(text);
        }
    }

    fn link(&mut self, link: &str, broken: usize) {
        self.links.push(format!("{link} {}", if broken == 0 { "✓" } else { "✗" }));
        let text = self.links.join("   ");
        self.proof(&text);
    }

    fn service(&mut self, service: &str, state: &str, event: &Event) {
        if !self.services.contains_key(service) {
            let bar = self.screen.add(self.bar("  {prefix}  {spinner} {msg}"));
            bar.set_prefix(format!("{service:names$}", names = self.names));
            bar.enable_steady_tick(TICK);
            self.services.insert(service.to_owned(), bar);
        }
        let text = self.fit(state);
        let Some(bar) = self.services.get(service) else { return };
        let over = matches!(
            event,
            Event::ServiceReady { .. }
                | Event::ServiceFailed { .. }
                | Event::ServiceRestored { .. }
                | Event::ServiceRemoved { .. }
        );
        if !over {
            bar.set_message(text);
            return;
        }
        bar.set_style(self.bar("  {prefix}  {msg}").style());
        bar.finish_with_message(text);
        // What comes later about the same service is a new line below.
        let bar = self.services.remove(service);
        if let (Event::ServiceFailed { log, .. }, Some(bar)) = (event, bar) {
            self.quote(&bar, log);
        }
    }

    /// A container's last lines, under its service's line.
    fn quote(&self, under: &ProgressBar, log: &[String]) {
        for text in log.iter().rev() {
            let line = self.screen.insert_after(under, self.bar("      {msg}"));
            line.finish_with_message(self.fit(&paint(DIM, text.trim_end())));
        }
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    fn shown(events: Vec<Event>) -> String {
        let terminal = InMemoryTerm::new(20, 90);
        let mut bars = Bars::new(13, true);
        bars.screen.set_draw_target(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
        events.into_iter().for_each(|event| bars.event(event));
        bars.finish();
        terminal.contents()
    }

    fn pull(layer: &str, status: &str, current: u64) -> Event {
        let image = "prom/prometheus:v3.5.3".to_owned();
        Event::PullProgress { image, layer: layer.into(), status: status.into(), current, total: 9_000_000 }
    }

    #[test]
    fn services_end_as_aligned_lines() {
        let service = |name: &str| name.to_owned();
        let text = shown(vec![
            Event::ServiceStarting { service: service("prometheus") },
            Event::ServiceStarting { service: service("node-exporter") },
            Event::ServiceReady { service: service("node-exporter"), took: Duration::from_millis(400) },
            Event::ServiceFailed {
                service: service("prometheus"),
                cause: "exited 1 after 0.4 s".into(),
                log: vec!["bad flag".into()],
            },
        ]);
        insta::assert_snapshot!(text, @r"
          prometheus     ✗ exited 1 after 0.4 s
              bad flag
          node-exporter  ✓ ready       0.4 s
        ");
    }

    #[test]
    fn a_finished_pull_leaves_one_line() {
        let text = shown(vec![
            Event::PullsStarted { total: 1 },
            pull("aaaaaaaaaaaa", "Downloading", 4_000_000),
            pull("aaaaaaaaaaaa", "Pull complete", 0),
            Event::Pulled { image: "prom/prometheus:v3.5.3".into(), took: Duration::from_secs(1) },
        ]);
        assert!(text.starts_with("  images         ████████████████████  1/1   9.0 MB"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}
