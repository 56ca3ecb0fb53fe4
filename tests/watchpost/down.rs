//! Removal.

use crate::support::Stack;
use crate::support::docker::of_stack;
use crate::support::http::await_value;

#[test]
fn down_leaves_the_data_and_the_next_up_has_it() {
    let stack = Stack::new("minimal", "");
    stack.up();
    await_value(stack.prometheus, "count(up == 1)", 3.0);
    let probe = "min(prometheus_tsdb_lowest_timestamp_seconds{job=\"prometheus\"})";
    let began = crate::support::await_until("a lowest timestamp", 30, || {
        crate::support::http::query(stack.prometheus, probe).filter(|value| *value > 0.0)
    });
    stack.run(&["down", "--yes"]).expect(0);
    assert!(of_stack("container", &stack.name).is_empty());
    assert!(of_stack("network", &stack.name).is_empty());
    assert!(!of_stack("volume", &stack.name).is_empty(), "the data stays");
    stack.up();
    crate::support::await_until("the data from before", 30, || {
        crate::support::http::query(stack.prometheus, probe).filter(|value| (value - began).abs() < 5.0)
    });
}

#[test]
fn down_with_purge_data_leaves_nothing() {
    let stack = Stack::new("minimal", "");
    stack.up();
    stack.run(&["down", "--purge-data", "--yes"]).expect(0);
    for kind in ["container", "network", "volume"] {
        assert!(of_stack(kind, &stack.name).is_empty(), "a {kind} is left");
    }
    stack.run(&["down", "--yes"]).expect(0).says("nothing");
}

#[test]
fn down_without_a_terminal_asks_for_the_flag_and_removes_nothing() {
    let stack = Stack::new("minimal", "");
    stack.up();
    stack.run(&["down"]).expect(64).says("`--yes`");
    assert_eq!(stack.containers().len(), 3);
}
