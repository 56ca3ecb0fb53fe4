//! `plan` and `status` look and never touch: held against a daemon that records what it is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use crate::support::Stack;

/// Passes every request on to the real daemon, and keeps the first line of each.
struct Recorder {
    asked: Arc<Mutex<Vec<String>>>,
    host: String,
    _folder: tempfile::TempDir,
}

impl Recorder {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("docker.sock");
        let listener = UnixListener::bind(&path).expect("a socket");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = asked.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let record = record.clone();
                std::thread::spawn(move || pass_on(client, &record));
            }
        });
        Self { asked, host: format!("unix://{}", path.display()), _folder: folder }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

fn pass_on(client: UnixStream, record: &Mutex<Vec<String>>) {
    let Ok(daemon) = UnixStream::connect("/var/run/docker.sock") else { return };
    let mut answers = daemon.try_clone().expect("cloned");
    let mut back = client.try_clone().expect("cloned");
    std::thread::spawn(move || {
        drop(std::io::copy(&mut answers, &mut back));
        drop(back.shutdown(std::net::Shutdown::Both));
    });
    let mut requests = BufReader::new(client);
    let mut daemon = daemon;
    // One request a line of work: head, then as much body as it announces.
    loop {
        let mut head = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if requests.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if head.is_empty() {
                record.lock().expect("not poisoned").push(line.trim().to_owned());
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a number");
            }
            head += &line;
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body).expect("a body");
        if daemon.write_all(head.as_bytes()).and_then(|()| daemon.write_all(&body)).is_err() {
            return;
        }
    }
}

#[track_caller]
fn only_reads(recorder: &Recorder) {
    let asked = recorder.asked();
    assert!(!asked.is_empty(), "nothing was asked");
    for line in asked {
        assert!(line.starts_with("GET ") || line.starts_with("HEAD "), "a call that changes something: {line}");
    }
}

#[test]
fn a_plan_of_a_first_deploy_makes_no_call_that_changes_anything() {
    let stack = Stack::new("standard", "");
    let recorder = Recorder::start();
    stack.command(&["plan"]).env("DOCKER_HOST", &recorder.host).run().expect(0).prints("6 services");
    only_reads(&recorder);
}

#[test]
fn a_plan_with_diffs_of_a_deployed_stack_makes_no_call_that_changes_anything() {
    let stack = Stack::new("minimal", "");
    stack.up();
    stack.edit("scrape_interval: 2s", "scrape_interval: 3s");
    let recorder = Recorder::start();
    let output = stack.command(&["plan", "-v"]).env("DOCKER_HOST", &recorder.host).run().expect(0);
    output.prints("scrape_interval 2s → 3s").prints("+  scrape_interval: \"3s\"");
    stack.command(&["status"]).env("DOCKER_HOST", &recorder.host).run().expect(0);
    only_reads(&recorder);
}

#[test]
fn an_up_with_nothing_to_do_makes_no_call_that_changes_anything() {
    let stack = Stack::new("minimal", "");
    stack.up();
    let recorder = Recorder::start();
    stack.command(&["up", "--yes"]).env("DOCKER_HOST", &recorder.host).run().expect(0);
    only_reads(&recorder);
}
