//! The daemon seen with Docker's own eyes, not ours.

use std::process::Command;

use serde_json::Value;

/// Runs `docker`; fails the test when that fails.
#[track_caller]
pub fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("the docker client is installed");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    assert!(output.status.success(), "docker {arguments:?}: {}", text(output.stderr));
    text(output.stdout)
}

/// `docker inspect` of one object.
#[track_caller]
pub fn inspect(name: &str) -> Value {
    let all: Value = serde_json::from_str(&docker(&["inspect", name])).expect("JSON");
    all[0].clone()
}

/// Names or ids of objects of `kind` (`container`, `volume`, `network`) that carry the stack's label.
pub fn of_stack(kind: &str, stack: &str) -> Vec<String> {
    let filter = format!("label=watchpost.stack={stack}");
    let mut arguments = vec![kind, "ls", "-q", "--filter", &filter];
    if kind == "container" {
        arguments.push("-a");
    }
    docker(&arguments).lines().map(str::to_owned).collect()
}

/// Removes all that carries the stack's label; what is gone already is no matter.
pub fn remove_stack(stack: &str) {
    let couriers = docker(&["ps", "-aq", "--filter", &format!("label=watchpost.courier={stack}")]);
    for courier in couriers.lines() {
        drop(Command::new("docker").args(["rm", "-f", "-v", courier]).output());
    }
    for (kind, removal) in [("container", &["rm", "-f", "-v"][..]), ("network", &["rm"]), ("volume", &["rm", "-f"])] {
        for object in of_stack(kind, stack) {
            drop(Command::new("docker").arg(kind).args(removal).arg(object).output());
        }
    }
}

/// A container of the test's own, removed at the end.
pub struct Container(pub String);

impl Container {
    /// `docker run -d --name <name> <arguments>`
    #[track_caller]
    pub fn run(name: &str, arguments: &[&str]) -> Self {
        let mut all = vec!["run", "-d", "--name", name];
        all.extend(arguments);
        docker(&all);
        Self(name.to_owned())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(Command::new("docker").args(["rm", "-f", "-v", &self.0]).output());
    }
}

/// A network of the test's own, removed at the end.
pub struct Network(pub String);

impl Network {
    #[track_caller]
    pub fn create(name: &str) -> Self {
        docker(&["network", "create", name]);
        Self(name.to_owned())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // The stack that joined it may go later, and would hold it.
        let names = Command::new("docker")
            .args(["network", "inspect", "-f", "{{range .Containers}}{{.Name}} {{end}}", &self.0])
            .output();
        let names = names.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        for name in names.split_whitespace() {
            drop(Command::new("docker").args(["network", "disconnect", "-f", &self.0, name]).output());
        }
        drop(Command::new("docker").args(["network", "rm", &self.0]).output());
    }
}
