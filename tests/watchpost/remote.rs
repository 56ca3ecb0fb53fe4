//! A Docker host that is not this machine: nothing of it can be reached but the daemon's API.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use crate::support::Stack;
use crate::support::docker::{Container, Network};

/// The daemon's API on a TCP port. Returns the address for DOCKER_HOST.
fn over_tcp() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("tcp://{}", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(daemon) = UnixStream::connect("/var/run/docker.sock") else { return };
            join(client, daemon);
        }
    });
    address
}

fn join(client: TcpStream, daemon: UnixStream) {
    let (mut from_client, mut to_client) = (client.try_clone().expect("cloned"), client);
    let (mut from_daemon, mut to_daemon) = (daemon.try_clone().expect("cloned"), daemon);
    std::thread::spawn(move || {
        drop(std::io::copy(&mut from_client, &mut to_daemon));
        drop(to_daemon.shutdown(Shutdown::Write));
    });
    std::thread::spawn(move || {
        drop(std::io::copy(&mut from_daemon, &mut to_client));
        drop(to_client.shutdown(Shutdown::Both));
    });
}

#[test]
fn a_stack_is_deployed_gated_and_proved_through_the_api_alone() {
    let stack = Stack::new("minimal", "");
    let network = Network::create(&format!("{}-apps", stack.name));
    let redis = Container::run(&format!("{}-cache", stack.name), &["--network", &network.0, "watchpost-test/redis:8"]);
    // The Redis exporter's image has neither a shell nor wget: nobody can ask it from inside.
    let components =
        format!("  redis-exporter: [{{name: cache, address: \"{}:6379\", network: {}}}]\n", redis.0, network.0);
    stack.write("minimal", &components, "");
    let host = over_tcp();
    let output = stack.command(&["up", "--yes"]).env("DOCKER_HOST", &host).run().expect(0);
    assert!(output.stderr.contains(&host), "{}", output.stderr);
    assert_eq!(stack.containers().len(), 4);
    let again = stack.command(&["up", "--yes"]).env("DOCKER_HOST", &host).run().expect(0);
    again.says("nothing to do, 4 services ready, proof green");
    let report = stack.command(&["verify", "-o", "json"]).env("DOCKER_HOST", &host).run().expect(0).json();
    let links = report["links"].as_array().expect("links");
    let targets = links.iter().find(|link| link["link"] == "targets").expect("the targets");
    assert_eq!((&targets["verdict"], &targets["counts"][0]["number"]), (&"ok".into(), &4.into()), "{report:#}");
    stack.command(&["down", "--yes", "--purge-data"]).env("DOCKER_HOST", &host).run().expect(0);
    assert!(stack.containers().is_empty());
    drop((stack, redis, network));
}
