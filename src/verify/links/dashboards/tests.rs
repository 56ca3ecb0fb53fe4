//! `recorded.json` is a healthy stack as `look` would see it, written by hand: one dashboard, four panels. Each test
//! changes a part of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::access::GrafanaState;
use super::case::cases;
use super::variables::{EmptyVariable, VariableFailure};
use super::*;
use crate::catalog::Catalog;
use crate::clients::api::ApiError;
use crate::clients::grafana::{Hit, QueryOutcome};
use crate::clients::series::Series;
use crate::dashboard::variable::Chosen;
use crate::verify::report::Verdict;
use crate::verify::snapshot::Down;

fn recorded() -> DashboardsSnapshot {
    serde_json::from_str(include_str!("recorded.json")).expect("a snapshot")
}

/// The links before this one are fine, and Prometheus has these metrics.
fn chain(catalog: &Catalog) -> Snapshot<'_> {
    let names = ["up", "prometheus_http_requests_total"].map(str::to_owned);
    Snapshot { targets: Ok(Vec::new()), groups: Ok(Vec::new()), names: Ok(names.into()), ..Snapshot::empty(catalog) }
}

fn judged_with(seen: &DashboardsSnapshot, change: impl Fn(&mut Snapshot<'_>)) -> Checked {
    let catalog = Catalog::embedded().expect("the catalog");
    let mut chain = chain(&catalog);
    change(&mut chain);
    judge(Some(seen), &chain)
}

fn judged(seen: &DashboardsSnapshot) -> Checked {
    judged_with(seen, |_| {})
}

fn finding<'a>(checked: &'a Checked, id: &str) -> &'a Finding {
    checked.findings.iter().find(|finding| finding.id == id).unwrap_or_else(|| panic!("no `{id}` in {checked:#?}"))
}

/// The finding with this id, after a change of what was seen.
fn found(id: &str, change: impl Fn(&mut DashboardsSnapshot)) -> Finding {
    let mut seen = recorded();
    change(&mut seen);
    finding(&judged(&seen), id).clone()
}

/// Changes the dashboard in the file and in Grafana alike.
fn edit(seen: &mut DashboardsSnapshot, change: impl Fn(&mut Value)) {
    change(&mut seen.provisioning.dashboards[0].model);
    change(stored(seen));
}

fn stored(seen: &mut DashboardsSnapshot) -> &mut Value {
    let stored = seen.stored.as_mut().expect("listed").by_uid.get_mut("shop").expect("the dashboard");
    &mut stored.as_mut().expect("readable").as_mut().expect("found").dashboard
}

/// The finding of the first panel with another expression, for which Grafana has no data.
fn asking(expr: &str, answers: &[(&str, f64)]) -> Finding {
    found("panel:shop/1/A", |seen| {
        edit(seen, |model| model["panels"][0]["targets"][0]["expr"] = json!(expr));
        seen.answers = answers.iter().map(|(question, value)| ((*question).to_owned(), Some(*value))).collect();
    })
}

#[test]
fn a_healthy_stack_has_no_finding_to_fix() {
    let checked = judged(&recorded());
    assert_eq!(checked.verdict, Verdict::Ok, "{checked:#?}");
    for id in ["grafana", "datasource:watchpost-prometheus", "dashboard:shop", "panel:shop/1/A", "panel:shop/3/A"] {
        assert_eq!(finding(&checked, id).verdict, Verdict::Ok, "{id}");
    }
    assert!(finding(&checked, "grafana").what.starts_with("up, version 13."));
    assert!(checked.findings.iter().all(|finding| finding.id != "dashboards:search"));
    assert_eq!(finding(&checked, "panel:shop/4/A").verdict, Verdict::Note);
    let counts: Vec<usize> = checked.counts.iter().map(|count| count.number).collect();
    assert_eq!(counts, [1, 4], "dashboards and queries");
}

#[test]
fn a_stack_without_grafana_is_not_checked() {
    let catalog = Catalog::embedded().expect("the catalog");
    let checked = judge(None, &chain(&catalog));
    assert_eq!(finding(&checked, "link:dashboards").verdict, Verdict::NotChecked);
}

#[test]
fn each_way_of_being_locked_out_has_its_own_fix() {
    let closed = |state: GrafanaState, log: &[&str]| {
        let mut seen = recorded();
        seen.access.state = state;
        seen.access.version = "13.2.3".into();
        seen.access.log = log.iter().map(|line| (*line).to_owned()).collect();
        let checked = judged(&seen);
        assert_eq!((checked.verdict, checked.findings.len()), (Verdict::Broken, 1), "nothing else is judged");
        let finding = finding(&checked, "grafana").clone();
        (finding.what.clone(), finding.why.join("; "), finding.fix_text())
    };
    let (what, why, fix) = closed(GrafanaState::Stopped, &["error: disk full", "bye"]);
    assert_eq!((what.as_str(), why.as_str()), ("Grafana does not run", "its log ends with: error: disk full"));
    assert_eq!(fix, "watchpost up");
    let (what, _, fix) = closed(
        GrafanaState::Unanswered("connection refused".into()),
        &["Datasource provisioning error: data source not found"],
    );
    assert_eq!(what, "Grafana does not answer: connection refused");
    assert_eq!(fix, "watchpost up --set grafana.replace_data_sources=true");
    let (_, why, fix) = closed(GrafanaState::PasswordRejected, &[]);
    assert!(why.contains("this volume has another one"), "{why}");
    assert_eq!(
        fix,
        "docker exec wpt-dash-rec-grafana-1 sh -c \
         'grafana cli admin reset-admin-password --password-from-stdin < /run/secrets/grafana_admin'"
    );
    let (_, why, fix) = closed(GrafanaState::LoginBlocked, &[]);
    assert!(why.contains("rejects every password for five minutes"), "{why}");
    assert_eq!(fix, "wait five minutes, then watchpost dashboards check");
    for (state, fix) in [
        (GrafanaState::NoPasswordFile, "watchpost up"),
        (GrafanaState::PasswordUnreadable, "watchpost up"),
        (GrafanaState::Refused("it answers 500".into()), "watchpost logs grafana"),
    ] {
        assert_eq!(closed(state, &[]).2, fix);
    }
}

#[test]
fn an_old_grafana_resets_the_password_with_its_own_tool() {
    let reset = found("grafana", |seen| {
        seen.access.state = GrafanaState::PasswordRejected;
        seen.access.version = "9.3.16".into();
    });
    assert!(reset.fix_text().contains("'grafana-cli admin"), "{}", reset.fix_text());
}

#[test]
fn a_data_source_is_missing_or_has_another_uid_or_cannot_be_reached() {
    let id = "datasource:watchpost-prometheus";
    let missing = found(id, |seen| seen.data_sources.retain(|source| source.name != "Prometheus"));
    assert_eq!(missing.what, "Grafana has no data source with the uid `watchpost-prometheus`");
    assert_eq!(missing.fix_text(), "docker restart wpt-dash-rec-grafana-1");
    let other = found(id, |seen| seen.data_sources.iter_mut().for_each(|source| source.uid.insert_str(0, "x-")));
    assert_eq!(other.what, "its uid is `x-watchpost-prometheus`, but dashboards ask for `watchpost-prometheus`");
    assert_eq!(other.fix_text(), "watchpost up --set grafana.replace_data_sources=true");
    let mut seen = recorded();
    seen.health.insert("watchpost-prometheus".into(), Err("no such host".into()));
    let unreachable = judged(&seen);
    assert_eq!(finding(&unreachable, id).what, "Grafana cannot reach it: no such host");
    assert_eq!(finding(&unreachable, id).because, None);
    let panel = finding(&unreachable, "panel:shop/1/A");
    assert_eq!((panel.verdict, panel.because.as_deref()), (Verdict::NotChecked, Some(id)));
    seen.stopped.insert("prometheus".into());
    let stopped = judged(&seen);
    assert_eq!(finding(&stopped, id).because.as_deref(), Some("container:prometheus"));
}

#[test]
fn dashboards_that_grafana_does_not_list_are_broken() {
    let search = found("dashboards:search", |seen| seen.stored = Err("it answers 500".into()));
    assert_eq!((search.verdict, search.fix_text().as_str()), (Verdict::Broken, "watchpost logs grafana"));
}

#[test]
fn a_dashboard_that_differs_from_its_file_says_how() {
    let id = "dashboard:shop";
    let set = |seen: &mut DashboardsSnapshot, answer| {
        drop(seen.stored.as_mut().expect("listed").by_uid.insert("shop".into(), answer));
    };
    let restart = "docker restart wpt-dash-rec-grafana-1";
    let missing = found(id, |seen| set(seen, Ok(None)));
    assert_eq!((missing.what.as_str(), missing.fix_text().as_str()), ("Grafana does not have it", restart));
    let rejected = found(id, |seen| {
        set(seen, Ok(None));
        seen.provisioning.dashboards[0].rejected = Some("it has no title".into());
    });
    assert_eq!(
        (rejected.why[0].as_str(), rejected.fix_text().as_str()),
        ("it has no title", "watchpost dashboards lint")
    );
    let unreadable = found(id, |seen| set(seen, Err("it answers 406".into())));
    assert_eq!((unreadable.why[0].as_str(), unreadable.fix_text().as_str()), ("it answers 406", restart));
    let moved = found(id, |seen| seen.provisioning.dashboards[0].folder_uid = "elsewhere".into());
    assert!(moved.what.contains("but was deployed to") && moved.fix_text() == restart, "{moved:?}");
    // Grafana chooses the uid of a folder that it makes from the files'.
    let from_files = found(id, |seen| seen.provisioning.dashboards[0].folder_uid.clear());
    assert_eq!(from_files.verdict, Verdict::Ok, "{from_files:?}");
    let change = |seen: &mut DashboardsSnapshot| {
        for key in ["a", "b", "c", "d"] {
            stored(seen)[key] = json!(1);
        }
    };
    let changed = found(id, change);
    assert_eq!(changed.why, ["a differs", "b differs", "c differs", "and 1 more"]);
    assert_eq!(changed.fix_text(), "watchpost dashboards export shop && watchpost up");
    let shipped = found(id, |seen| {
        change(seen);
        seen.provisioning.dashboards[0].own = false;
    });
    assert_eq!(shipped.fix_text(), restart);
}

#[test]
fn a_file_without_a_uid_is_found_by_its_title_and_the_rest_is_unmanaged() {
    let mut seen = recorded();
    seen.provisioning.dashboards[0].uid = String::new();
    let stored = seen.stored.as_mut().expect("listed");
    stored.hits.push(Hit { uid: "by-hand".into(), title: "By hand".into(), folder_title: String::new() });
    let dashboards = drift(&seen.provisioning, stored);
    let states: Vec<(&str, &str)> =
        dashboards.iter().map(|dashboard| (dashboard.uid.as_str(), dashboard.state.words())).collect();
    assert_eq!(states, [("shop", "in sync"), ("by-hand", "unmanaged")]);
    assert!(judged(&seen).findings.iter().all(|finding| finding.id != "dashboard:by-hand"));
}

#[test]
fn a_query_with_an_error_is_broken_in_the_words_of_the_error() {
    let refused = found("panel:shop/4/A", |seen| {
        for (query, outcome) in &mut seen.outcomes {
            if query.expr.contains("nowhere") {
                *outcome = QueryOutcome::Refused("bad_data: parse error".into());
            }
        }
    });
    assert_eq!((refused.verdict, refused.what.as_str()), (Verdict::Broken, "bad_data: parse error"));
    assert!(refused.why[0].starts_with("its query: prometheus_http_requests_total"), "{refused:?}");
    let fix = "in shop.json: correct the query A of the panel `Failures`, then watchpost up";
    assert_eq!(refused.fix_text(), fix);
}

#[test]
fn a_missing_metric_is_a_typo_or_belongs_to_a_target_that_is_down_or_absent() {
    let typo = asking("prometheus_htpp_requests_total", &[]);
    assert_eq!((typo.verdict, typo.what.as_str()), (Verdict::Broken, "no target has `prometheus_htpp_requests_total`"));
    assert_eq!(typo.why, ["did you mean `prometheus_http_requests_total`?"]);
    let elsewhere = asking("node_load1", &[]);
    assert_eq!(elsewhere.verdict, Verdict::Note);
    assert!(elsewhere.what.starts_with("`node_load1` is absent: the component node-exporter is not"), "{elsewhere:?}");
    let mut seen = recorded();
    edit(&mut seen, |model| model["panels"][0]["targets"][0]["expr"] = json!("node_load1"));
    let down = Down { id: "target:node/localhost".into(), job: "node".into(), instance: "localhost".into() };
    let checked = judged_with(&seen, |chain| chain.down = vec![down.clone()]);
    let panel = finding(&checked, "panel:shop/1/A");
    assert_eq!((panel.verdict, panel.because.as_deref()), (Verdict::Broken, Some("target:node/localhost")));
    assert_eq!(panel.why, ["the target node/localhost is down"]);
    let unscraped = judged_with(&seen_asking("up"), |chain| chain.names = Ok(BTreeSet::new()));
    let unscraped = finding(&unscraped, "panel:shop/1/A");
    assert_eq!(unscraped.verdict, Verdict::NotChecked);
    assert_eq!(unscraped.why, ["`up` is absent", "nothing was scraped yet"]);
}

#[test]
fn a_quantile_of_buckets_that_lost_their_bounds_is_broken() {
    let bucket = "prometheus_http_request_duration_seconds_bucket";
    let expr = format!("histogram_quantile(0.9, sum(rate({bucket}[5m])))");
    let checked = judged_with(&seen_asking(&expr), |chain| {
        chain.names.as_mut().expect("names").insert(bucket.to_owned());
    });
    let lost = finding(&checked, "panel:shop/1/A");
    let cause = "`histogram_quantile` needs the label `le`, which `sum` removes";
    assert_eq!((lost.verdict, lost.cause.as_deref()), (Verdict::Broken, Some(cause)), "{lost:?}");
}

fn seen_asking(expr: &str) -> DashboardsSnapshot {
    let mut seen = recorded();
    edit(&mut seen, |model| model["panels"][0]["targets"][0]["expr"] = json!(expr));
    seen.outcomes.clear();
    seen
}

#[test]
fn without_prometheus_an_empty_panel_is_not_checked() {
    let silent = judged_with(&seen_asking("up"), |chain| chain.names = Err(ApiError::new("no answer")));
    assert_eq!(finding(&silent, "panel:shop/1/A").verdict, Verdict::NotChecked);
}

#[test]
fn a_missing_label_is_broken_and_a_missing_value_is_a_note() {
    let selector = "up{zone=\"x\"}";
    let asked = |without: &[(&str, &str)]| {
        found("panel:shop/1/A", |seen| {
            edit(seen, |model| model["panels"][0]["targets"][0]["expr"] = json!(selector));
            seen.answers = [(format!("count({selector})"), Some(0.0))].into();
            seen.series = Series::existing(&["up"], without);
        })
    };
    let none = asked(&[("up", "zone")]);
    assert_eq!((none.verdict, none.what.as_str()), (Verdict::Broken, "no series of `up` has the label `zone`"));
    assert_eq!(none.cause.as_deref(), Some("no series of `up` has the label `zone`"), "as the rules say it");
    assert_eq!((none.about.panel.as_deref(), none.about.metric.as_deref()), (Some("Targets"), Some("up")));
    let other = asked(&[]);
    assert_eq!((other.verdict, other.what.as_str()), (Verdict::Note, "nothing matches up{zone=\"x\"} now"));
}

#[test]
fn alerts_that_do_not_fire_leave_a_panel_empty() {
    let none = asking("ALERTS{alertstate=\"firing\"}", &[]);
    assert_eq!(
        (none.verdict, none.what.as_str()),
        (Verdict::Note, "`ALERTS` is absent: no alert is pending or firing")
    );
    assert_eq!(asking("ALERTS_FOR_STATE", &[]).verdict, Verdict::Note);
}

#[test]
fn a_young_recording_is_not_checked_yet() {
    let rule = |health: &str| json!({"name": "job:up:sum", "query": "sum(up)", "type": "recording", "health": health});
    let judged = |health: &str, age: f64| {
        let group = json!({"name": "g", "file": "f", "interval": 60, "lastEvaluation": "", "rules": [rule(health)]});
        let checked = judged_with(&seen_asking("job:up:sum"), |chain| {
            chain.groups = Ok(vec![serde_json::from_value(group.clone()).expect("a group")]);
            chain.configured_ago = age;
        });
        finding(&checked, "panel:shop/1/A").verdict
    };
    assert_eq!(judged("unknown", 10.0), Verdict::NotChecked);
    assert_eq!(judged("ok", 10.0), Verdict::NotChecked);
    assert_eq!(judged("ok", 100_000.0), Verdict::Note);
}

#[test]
fn metrics_that_exist_may_have_too_few_samples_or_be_filtered_away() {
    let counter = "prometheus_http_requests_total{handler=\"/\"}";
    let expr = format!("rate({counter}[1m])");
    let (count, samples) = (format!("count({counter})"), format!("max(count_over_time({counter}[60s]))"));
    let one = asking(&expr, &[(&count, 1.0), (&samples, 1.0)]);
    assert!(one.verdict == Verdict::Note && one.what.starts_with("no traffic yet: `rate` of"), "{one:?}");
    let many = asking(&expr, &[(&count, 1.0), (&samples, 4.0)]);
    assert!(many.verdict == Verdict::Note && many.what.starts_with("nothing to show now"), "{many:?}");
    let unread = asking("up{", &[]);
    assert!(unread.verdict == Verdict::Note && unread.what.contains("our parser cannot read"), "{unread:?}");
}

#[test]
fn a_variable_that_the_dashboard_does_not_have_is_broken() {
    let unknown = asking("up{job=\"$nobody\"}", &[]);
    assert_eq!(unknown.what, "it uses `$nobody`, which is not a variable of the dashboard");
    assert_eq!(unknown.cause.as_deref(), Some("`$nobody` is not a variable of shop.json"));
}

#[test]
fn an_empty_variable_is_the_cause_and_says_its_own() {
    let because = |failure: VariableFailure| {
        let mut seen = seen_asking("up{job=~\"$job\"}");
        let empty = EmptyVariable { query: "label_values(up, job)".into(), hidden: true, all_value: false, failure };
        seen.variables.get_mut("shop").expect("resolved").empty.insert("job".into(), empty);
        let finding = finding(&judged(&seen), "panel:shop/1/A").clone();
        assert_eq!(finding.what, "the hidden variable `job` is empty");
        (finding.verdict, finding.why[0].clone(), finding.fix_text())
    };
    let fix = "in shop.json: correct the variable `job`, then watchpost up";
    let nothing = |selector: &str, label: Option<&str>| VariableFailure::NothingFound {
        selector: selector.into(),
        label: label.map(str::to_owned),
    };
    for (failure, why) in [
        (VariableFailure::NoChoices, "it has nothing to choose from"),
        (VariableFailure::Refused("bad_data".into()), "bad_data"),
        (VariableFailure::FilteredAway { regex: "/x/".into(), values: 3 }, "its regex `/x/` matches none of 3 values"),
        (nothing("up", Some("zone")), "no series of `up` has the label `zone`"),
        (nothing("up", None), "nothing matches up now"),
        (nothing("", Some("zone")), "no series has the label `zone`"),
        (nothing("", None), "nothing is found"),
        (nothing("shop_sales", Some("job")), "no target has `shop_sales`"),
    ] {
        assert_eq!(because(failure), (Verdict::Broken, why.to_owned(), fix.to_owned()));
    }
    let selector = "prometheus_http_requests_total{code=\"x\"}";
    let filtered = because(nothing(selector, Some("handler")));
    assert_eq!(filtered, (Verdict::Note, format!("nothing matches {selector} now"), String::new()));
    let circle = because(VariableFailure::Follows("job".into()));
    assert!(circle.0 == Verdict::Broken && circle.1.contains("uses another variable"), "{circle:?}");
}

#[test]
fn panels_that_ask_no_prometheus_are_not_run() {
    let asks = |uid: &str| {
        let uid = json!(uid);
        found("panel:shop/1/A", |seen| {
            edit(seen, |model| model["panels"][0]["datasource"]["uid"] = uid.clone());
        })
    };
    let gone = asks("gone");
    assert_eq!((gone.verdict, gone.what.as_str()), (Verdict::Broken, "Grafana has no data source `gone`"));
    assert!(gone.fix_text().contains("write `\"uid\": \"watchpost-prometheus\"` as the data source"), "{gone:?}");
    let alertmanager = asks("watchpost-alertmanager");
    assert_eq!(alertmanager.verdict, Verdict::NotChecked);
    let library = found("panel:shop/9", |seen| {
        edit(seen, |model| model["panels"][0] = json!({"id": 9, "title": "Shared", "libraryPanel": {"uid": "x"}}));
    });
    assert_eq!(library.verdict, Verdict::NotChecked);
}

#[test]
fn a_panel_that_says_when_it_is_empty_may_be_empty() {
    let declared = found("panel:shop/3/A", |seen| seen.outcomes.clear());
    assert_eq!(declared.verdict, Verdict::Ok);
}

#[test]
fn panels_of_one_number_have_findings_of_their_own() {
    let second = found("panel:shop/1/A#2", |seen| edit(seen, |model| model["panels"][1]["id"] = json!(1)));
    assert_eq!(second.subject, "Shop / Requests");
}

#[test]
fn one_repetition_with_data_is_enough_and_none_is_a_note() {
    let mut seen = recorded();
    edit(&mut seen, |model| model["panels"][0]["repeat"] = json!("job"));
    let values = seen.variables["shop"].scope.repeated("job");
    assert!(values.len() > 1, "recorded with several jobs");
    let checked = judged(&seen);
    assert_eq!(finding(&checked, "panel:shop/1/A").verdict, Verdict::Note, "no outcome is recorded for any");
    let sources = data_sources::judge(&seen).0;
    let dashboards = drift(&seen.provisioning, seen.stored.as_ref().expect("listed"));
    let all = cases(&dashboards, &seen.variables, &sources, seen.now);
    let case::Plan::Run(runs) = &all[0].plan else { panic!("not run") };
    assert_eq!(runs.len(), values.len());
    let last = runs.last().expect("a run").clone();
    let mut with_data = seen.clone();
    with_data.outcomes.push((last, QueryOutcome::Data));
    assert_eq!(finding(&judged(&with_data), "panel:shop/1/A").verdict, Verdict::Ok);
}

#[test]
fn empty_panels_are_asked_about_in_two_rounds() {
    let mut seen = seen_asking("up{zone=\"x\"}");
    edit(&mut seen, |model| {
        let panels = model["panels"].as_array_mut().expect("panels");
        panels.truncate(1);
    });
    let sources = data_sources::judge(&seen).0;
    let dashboards = drift(&seen.provisioning, seen.stored.as_ref().expect("listed"));
    let all = cases(&dashboards, &seen.variables, &sources, seen.now);
    let mut answers = empty::Answers::new();
    let names = BTreeSet::from(["up".to_owned()]);
    assert!(
        empty::open_questions(&all, &BTreeMap::new(), &sources, &BTreeSet::new(), &answers).is_empty(),
        "the name of an absent metric is the cause"
    );
    let open = |answers: &empty::Answers| {
        let open = empty::open_questions(&all, &BTreeMap::new(), &sources, &names, answers);
        open.into_iter().collect::<Vec<String>>()
    };
    assert_eq!(open(&answers), ["count(up{zone=\"x\"})"]);
    answers.insert("count(up{zone=\"x\"})".into(), Some(0.0));
    assert!(open(&answers).is_empty(), "what the selector lacks is asked with all others");
    let doubtful = empty::doubtful(&all, &BTreeMap::new(), &sources, &names);
    assert_eq!(doubtful.iter().map(|selector| selector.text.as_str()).collect::<Vec<_>>(), ["up{zone=\"x\"}"]);
}

#[test]
fn a_query_for_another_type_of_data_source_goes_nowhere() {
    let needs = |kind: &str| format!("needs a data source of type `{kind}`; the stack has none");
    let asks = |source: Value, target: Value| {
        found("panel:shop/1/A", |seen| {
            edit(seen, |model| {
                let panel = &mut model["panels"][0];
                panel["datasource"] = source.clone();
                panel["targets"] = json!([target]);
                model["__inputs"] = json!([{"name": "DS_LOKI", "type": "datasource", "pluginId": "loki"}]);
            });
        })
    };
    let logs = || json!({"refId": "A", "expr": "{app=\"x\"} |= \"error\""});
    for source in [
        json!("Loki"),
        json!({"type": "loki"}),
        json!({"type": "loki", "uid": "P8E80F9AEF21F6940"}),
        json!({"type": "loki", "uid": "${DS_LOKI}"}),
        json!("${DS_LOKI}"),
    ] {
        let finding = asks(source.clone(), logs());
        assert_eq!((finding.verdict, &finding.what), (Verdict::Broken, &needs("loki")), "{source}");
        assert_eq!(finding.cause, Some(needs("loki")), "one cause for each type");
        assert!(finding.fix_text().contains("remove the panels"), "{finding:?}");
    }
    // Asked of the default data source, which is Prometheus.
    let influx = asks(Value::Null, json!({"refId": "A", "measurement": "cpu", "select": []}));
    assert_eq!(influx.what, needs("influxdb"));
    let elastic =
        asks(json!("-- Mixed --"), json!({"refId": "A", "datasource": "Elastic", "query": "*", "bucketAggs": []}));
    assert_eq!(elastic.what, needs("elasticsearch"));
    let input = asks(json!("${DS_PROMETHEUS}"), json!({"refId": "A", "expr": "up"}));
    assert_eq!(input.what, "nothing resolves the data source `${DS_PROMETHEUS}`");
    assert!(input.fix_text().contains("`watchpost dashboards import FILE`"), "{}", input.fix_text());
}

#[test]
fn what_grafana_answers_itself_is_no_query_of_ours() {
    for source in [
        json!("-- Grafana --"),
        json!({"type": "datasource", "uid": "-- Dashboard --"}),
        json!({"type": "__expr__", "uid": "x"}),
    ] {
        let mut seen = recorded();
        edit(&mut seen, |model| model["panels"][0]["datasource"] = source.clone());
        let checked = judged(&seen);
        assert!(checked.findings.iter().all(|finding| finding.id != "panel:shop/1/A"), "{source}");
        assert_eq!(checked.verdict, Verdict::Ok);
    }
}

/// The findings of the first panel with a variable `node` that has no values, before which stands `all_value`.
fn with_empty_node(expr: &str, all_value: Option<&str>, answers: &[(&str, f64)]) -> Finding {
    found("panel:shop/1/A", |seen| {
        edit(seen, |model| {
            model["panels"][0]["targets"][0]["expr"] = json!(expr);
            model["panels"][0]["repeat"] = json!("node");
        });
        let chosen = Chosen {
            values: all_value.map(str::to_owned).into_iter().collect(),
            choices: Vec::new(),
            verbatim: all_value.is_some(),
            multi: true,
        };
        let failure = VariableFailure::NothingFound { selector: "no_such_metric".into(), label: Some("node".into()) };
        let empty = EmptyVariable { query: String::new(), hidden: false, all_value: all_value.is_some(), failure };
        let resolved = seen.variables.get_mut("shop").expect("resolved");
        resolved.scope.set("node", chosen);
        resolved.empty.insert("node".into(), empty);
        seen.answers = answers.iter().map(|(question, value)| ((*question).to_owned(), Some(*value))).collect();
        seen.series = Series::existing(&["up"], &[]);
    })
}

#[test]
fn an_empty_variable_with_a_value_for_all_is_not_the_cause() {
    let count = [("count(up{job=\"x\",node=~\".*\"})", 0.0)];
    let other = with_empty_node("up{node=~\"$node\",job=\"x\"}", Some(".*"), &count);
    assert!(other.what.starts_with("nothing matches up{") && !other.what.contains("variable"), "{other:?}");
    let blamed = with_empty_node("up{node=~\"$node\"}", None, &[]);
    assert_eq!(blamed.what, "the variable `node` is empty");
    assert_eq!(blamed.cause.as_deref(), Some("no target has `no_such_metric`"), "the cause of the variable");
    // A metric that does not exist is the one cause, whatever the variables are.
    let metric = with_empty_node("prometheus_htpp_requests_total{node=~\"$node\"}", None, &[]);
    assert_eq!(metric.cause.as_deref(), Some("no target has `prometheus_htpp_requests_total`"));
}
