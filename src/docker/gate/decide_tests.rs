use std::cell::{Cell, RefCell};

use tokio::sync::broadcast;

use super::*;

const LIMIT: Duration = Duration::from_secs(20);

fn exited(code: i64, out_of_memory: bool) -> Reason {
    Reason::Exited { code, out_of_memory }
}

fn running(health: Health) -> Result<Inspection, String> {
    Ok(Inspection { running: true, health, ..Inspection::default() })
}

fn not_yet(why: &str) -> Verdict {
    Verdict::Waiting(why.into())
}

fn event(container: &str, what: What) -> ContainerEvent {
    ContainerEvent { container: container.into(), what }
}

/// Sends the events of the container `a` and waits until it is ready, with looks that never decide.
async fn ready_after(sent: &[ContainerEvent]) -> Result<(), Reason> {
    let (sender, mut receiver) = broadcast::channel(8);
    for event in sent {
        sender.send(event.clone()).expect("a receiver");
    }
    let mut events = Events::of_container(&mut receiver, "a");
    until_ready(&mut events, LIMIT, async || not_yet("it is starting"), |_| ()).await
}

/// The same for a service that was ready and must stay so for a moment.
async fn stable_after(sent: &[ContainerEvent], last_look: Verdict) -> Result<(), Reason> {
    let (sender, mut receiver) = broadcast::channel(8);
    for event in sent {
        sender.send(event.clone()).expect("a receiver");
    }
    let mut events = Events::of_container(&mut receiver, "a");
    let until = Instant::now() + Duration::from_millis(30);
    until_stable(&mut events, until, async || last_look).await
}

#[tokio::test]
async fn events_of_the_container_decide_and_those_of_others_do_not() {
    assert_eq!(ready_after(&[event("a", What::Healthy)]).await, Ok(()));
    assert_eq!(ready_after(&[event("a", What::Unhealthy)]).await, Err(Reason::Unhealthy));
    assert_eq!(ready_after(&[event("a", What::Died { code: 7 })]).await, Err(exited(7, false)));
    let others = [event("b", What::Died { code: 7 }), event("b", What::OutOfMemory), event("a", What::Healthy)];
    assert_eq!(ready_after(&others).await, Ok(()));
}

#[tokio::test]
async fn an_exit_after_the_kernel_ran_out_of_memory_says_so() {
    let events = [event("a", What::OutOfMemory), event("a", What::Died { code: 137 })];
    assert_eq!(ready_after(&events).await, Err(exited(137, true)));
    assert_eq!(stable_after(&events, Verdict::Ready).await, Err(exited(137, true)));
}

#[tokio::test]
async fn a_service_that_fails_after_it_was_ready_is_not_stable() {
    assert_eq!(stable_after(&[event("a", What::Died { code: 0 })], Verdict::Ready).await, Err(exited(0, false)));
    assert_eq!(stable_after(&[event("a", What::Unhealthy)], Verdict::Ready).await, Err(Reason::Unhealthy));
    let healthy_then_dead = [event("a", What::Healthy), event("a", What::Died { code: 3 })];
    assert_eq!(stable_after(&healthy_then_dead, Verdict::Ready).await, Err(exited(3, false)));
    assert_eq!(stable_after(&[event("b", What::Died { code: 1 })], Verdict::Ready).await, Ok(()));
}

#[tokio::test]
async fn the_last_look_finds_what_lost_events_would_have_shown() {
    assert_eq!(stable_after(&[], Verdict::Failed(exited(1, false))).await, Err(exited(1, false)));
    assert_eq!(stable_after(&[], Verdict::Ready).await, Ok(()));
    assert_eq!(stable_after(&[], not_yet("its healthcheck has not passed yet")).await, Ok(()));
    assert_eq!(stable_after(&[], Verdict::Failed(Reason::Unhealthy)).await, Ok(()), "from before it was unpaused");
}

#[tokio::test]
async fn a_service_is_watched_until_the_end_of_its_time() {
    let (_sender, mut receiver) = broadcast::channel(8);
    let mut events = Events::of_container(&mut receiver, "a");
    let began = Instant::now();
    let looked = Cell::new(None);
    let until = began + Duration::from_millis(50);
    let look = async || {
        looked.set(Some(began.elapsed()));
        Verdict::Ready
    };
    assert_eq!(until_stable(&mut events, until, look).await, Ok(()));
    assert!(looked.get().expect("a last look") >= Duration::from_millis(50));
}

#[tokio::test]
async fn looks_go_on_without_events_and_each_new_reason_is_reported_once() {
    let (sender, mut receiver) = broadcast::channel(8);
    drop(sender);
    let mut events = Events::of_container(&mut receiver, "a");
    let answers = RefCell::new(vec![Verdict::Ready, not_yet("two"), not_yet("two"), not_yet("one")]);
    let reported = RefCell::new(Vec::new());
    let look = async || answers.borrow_mut().pop().expect("no look after ready");
    let outcome = until_ready(&mut events, LIMIT, look, |why| reported.borrow_mut().push(why.to_owned())).await;
    assert_eq!(outcome, Ok(()));
    assert_eq!(reported.take(), ["one", "two"]);
    assert!(answers.take().is_empty(), "every look counts");
}

#[tokio::test]
async fn a_failing_look_ends_the_wait() {
    let (_sender, mut receiver) = broadcast::channel::<ContainerEvent>(8);
    let mut events = Events::of_container(&mut receiver, "a");
    let look = async || Verdict::Failed(exited(2, false));
    assert_eq!(until_ready(&mut events, LIMIT, look, |_| ()).await, Err(exited(2, false)));
}

#[tokio::test]
async fn the_wait_ends_at_its_limit_with_the_last_reason() {
    let (_sender, mut receiver) = broadcast::channel::<ContainerEvent>(8);
    let mut events = Events::of_container(&mut receiver, "a");
    let limit = Duration::from_millis(60);
    let began = Instant::now();
    let looks = Cell::new(0);
    let look = async || {
        looks.set(looks.get() + 1);
        not_yet("it answers 503 on /ready")
    };
    let outcome = until_ready(&mut events, limit, look, |_| ()).await;
    assert_eq!(outcome, Err(Reason::TimedOut { limit, waiting_for: "it answers 503 on /ready".into() }));
    assert!(began.elapsed() >= limit);
    assert!((1..=3).contains(&looks.get()), "looks get rarer: {}", looks.get());
}

fn verdict(
    probe: Option<Result<Response, TransportError>>,
    inspection: Result<Inspection, String>,
    has_healthcheck: bool,
) -> Verdict {
    let settings = Probe { port: 9090, path: "/-/ready".into() };
    let probe = probe.map(|answer| (&settings, answer));
    Look { probe, has_healthcheck, inspection }.verdict()
}

fn response(status: u16) -> Option<Result<Response, TransportError>> {
    Some(Ok(Response { status, body: String::new() }))
}

fn no_answer() -> Option<Result<Response, TransportError>> {
    Some(Err(TransportError::NoAnswer("connection refused".into())))
}

#[test]
fn an_answer_to_the_probe_decides_by_its_status() {
    let not_inspected = || Err("it was not inspected".to_owned());
    assert_eq!(verdict(response(200), not_inspected(), true), Verdict::Ready);
    assert_eq!(verdict(response(503), not_inspected(), true), not_yet("it answers 503 on /-/ready"));
}

#[test]
fn a_service_that_does_not_answer_its_probe_is_ready_only_by_its_own_healthcheck() {
    let silent = not_yet("it does not answer on port 9090 yet");
    assert_eq!(verdict(no_answer(), running(Health::None), false), silent, "running alone is not enough");
    assert_eq!(verdict(no_answer(), running(Health::Starting), true), silent);
    assert_eq!(verdict(no_answer(), running(Health::Healthy), true), Verdict::Ready);
    assert_eq!(verdict(no_answer(), running(Health::Unhealthy), true), Verdict::Failed(Reason::Unhealthy));
    assert_eq!(verdict(no_answer(), Err("no daemon".into()), true), silent);
}

#[test]
fn a_probe_that_cannot_be_sent_leaves_the_decision_to_the_container() {
    let unreachable = || Some(Err(TransportError::Unreachable));
    assert_eq!(verdict(unreachable(), running(Health::None), false), Verdict::Ready);
    assert_eq!(verdict(unreachable(), running(Health::Starting), true), not_yet("its healthcheck has not passed yet"));
    assert_eq!(verdict(None, running(Health::None), false), Verdict::Ready);
}

#[test]
fn a_declared_healthcheck_that_the_container_lacks_is_never_ready() {
    assert_eq!(verdict(None, running(Health::None), true), not_yet("its healthcheck has not passed yet"));
}

#[test]
fn a_container_that_restarts_or_has_exited_is_never_ready() {
    let restarting = || Ok(Inspection { restarting: true, exit_code: 7, ..running(Health::None).expect("one") });
    let stopped = || Ok(Inspection { out_of_memory: true, exit_code: 137, ..Inspection::default() });
    for probe in [no_answer, || None] {
        for has_healthcheck in [true, false] {
            assert_eq!(verdict(probe(), restarting(), has_healthcheck), Verdict::Failed(exited(7, false)));
            assert_eq!(verdict(probe(), stopped(), has_healthcheck), Verdict::Failed(exited(137, true)));
        }
    }
}

#[test]
fn a_container_that_cannot_be_inspected_is_waited_for() {
    assert_eq!(verdict(None, Err("its container was removed".into()), false), not_yet("its container was removed"));
}

#[test]
fn only_a_service_that_answers_needs_no_inspection() {
    let settings = Probe { port: 9090, path: "/".into() };
    let look = |answer| Look { probe: Some((&settings, answer)), ..Look::default() };
    assert!(!look(Ok(Response { status: 503, body: String::new() })).needs_inspection());
    assert!(look(Err(TransportError::Unreachable)).needs_inspection());
    assert!(Look::default().needs_inspection());
}
