//! A Docker host that is not this machine: nothing of it can be reached but the daemon's API.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};

use crate::support::Stack;
use crate::support::docker::{Container, Network, docker};

const DAEMON: &str = "/var/run/docker.sock";

/// The daemon's API on a TCP port. Returns the address for DOCKER_HOST.
fn over_tcp() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("tcp://{}", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (answers, closing) = (client.try_clone().expect("cloned"), client.try_clone().expect("cloned"));
            join(client, answers, |bytes| bytes.to_vec(), move || drop(closing.shutdown(Shutdown::Both)));
        }
    });
    address
}

/// The daemon's API on another socket, as `ssh -L` makes one. The daemon's answers pass through `change`.
fn forwarded(path: &std::path::Path, change: impl Fn(&[u8]) -> Vec<u8> + Clone + Send + 'static) -> String {
    let listener = UnixListener::bind(path).expect("bound");
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (answers, closing) = (client.try_clone().expect("cloned"), client.try_clone().expect("cloned"));
            join(client, answers, change.clone(), move || drop(closing.shutdown(Shutdown::Both)));
        }
    });
    format!("unix://{}", path.display())
}

fn join(
    mut requests: impl Read + Send + 'static,
    mut answers: impl Write + Send + 'static,
    change: impl Fn(&[u8]) -> Vec<u8> + Send + 'static,
    close: impl FnOnce() + Send + 'static,
) {
    let Ok(mut daemon) = UnixStream::connect(DAEMON) else { return };
    let mut to_daemon = daemon.try_clone().expect("cloned");
    std::thread::spawn(move || {
        drop(std::io::copy(&mut requests, &mut to_daemon));
        drop(to_daemon.shutdown(Shutdown::Write));
    });
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = daemon.read(&mut buffer) {
            if answers.write_all(&change(&buffer[..length])).is_err() {
                break;
            }
        }
        // An exec ends with its connection.
        close();
    });
}

#[test]
fn a_stack_is_deployed_gated_and_verified_through_the_api_alone() {
    let stack = Stack::new("minimal", "");
    let network = Network::create(&format!("{}-apps", stack.name));
    let redis = Container::run(&format!("{}-cache", stack.name), &["--network", &network.0, "watchpost-test/redis:8"]);
    // The Redis exporter's image has neither a shell nor wget: nobody can ask it from inside.
    let components =
        format!("  redis-exporter: [{{name: cache, address: \"{}:6379\", network: {}}}]\n", redis.0, network.0);
    let somebody =
        "alerting: {receivers: [{name: team, type: webhook, url: \"http://127.0.0.1:9/\"}], routes: [{to: team}]}\n";
    stack.write("minimal", &components, somebody);
    let host = over_tcp();
    let output = stack.command(&["up", "--yes"]).env("DOCKER_HOST", &host).run().expect(0);
    assert!(output.stderr.contains(&host), "{}", output.stderr);
    assert_eq!(stack.containers().len(), 4);
    let again = stack.command(&["up", "--yes"]).env("DOCKER_HOST", &host).run().expect(0);
    again.says("nothing to do, 4 services ready");
    let report = stack.command(&["verify", "-o", "json"]).env("DOCKER_HOST", &host).run().expect(0).json();
    let links = report["links"].as_array().expect("links");
    let targets = links.iter().find(|link| link["link"] == "targets").expect("the targets");
    assert_eq!((&targets["verdict"], &targets["counts"][0]["number"]), (&"ok".into(), &4.into()), "{report:#}");
    stack.command(&["down", "--yes", "--purge-data"]).env("DOCKER_HOST", &host).run().expect(0);
    assert!(stack.containers().is_empty());
    drop((stack, redis, network));
}

#[test]
fn a_second_socket_of_this_machine_is_local() {
    let stack = Stack::new("minimal", "");
    let host = forwarded(&stack.path().join("docker.sock"), |bytes| bytes.to_vec());
    let output = stack.command(&["up", "--yes", "--no-verify"]).env("DOCKER_HOST", &host).run().expect(0);
    output.says("local Docker").says(&format!("http://127.0.0.1:{}", stack.prometheus));
}

/// The forwarded daemon claims another host name of the same length.
#[test]
fn a_forwarded_socket_of_another_host_is_remote_and_the_stack_is_gated_through_the_api() {
    let stack = Stack::new("minimal", "");
    stack.edit("components:\n", "components:\n  pushgateway: {bind: \"0.0.0.0\"}\n");
    let own = docker(&["info", "--format", "{{.Name}}"]);
    let other: String = own.chars().map(|c| if c == 'x' { 'y' } else { 'x' }).collect();
    let (from, to) = (format!("\"Name\":\"{own}\""), format!("\"Name\":\"{other}\""));
    let rename = move |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) if text.contains("KernelVersion") => text.replace(&from, &to).into_bytes(),
        _ => bytes.to_vec(),
    };
    let host = forwarded(&stack.path().join("docker.sock"), rename);
    let output = stack.command(&["up", "--yes", "--no-verify"]).env("DOCKER_HOST", &host).run().expect(0);
    assert!(!output.stderr.contains("local Docker"), "{}", output.stderr);
    output.says(&host);
    let status = stack.command(&["status"]).env("DOCKER_HOST", &host).run().expect(0);
    status.prints(&format!("http://{other}:"));
}
