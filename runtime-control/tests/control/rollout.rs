//! From a publication to served snapshots, and back.

use std::path::Path;

use mesh_control::rollout::{Cause, Record};
use mesh_snapshot::{SourceMap, canonical};
use serde_json::json;

use crate::real::mesh::{all_serve, join, join_all, prepare_folder};
use crate::real::operator::{order, overview};
use crate::real::proxy::Nature;
use crate::real::runtime::{Running, config};
use crate::real::shop::{self, CHANGING_SOURCE, changing_key, publish};

#[tokio::test(flavor = "multi_thread")]
async fn from_a_token_to_a_served_snapshot() {
    let folder = prepare_folder();
    let mut control = Running::start(config(folder.path()));
    let mut proxies = join_all(&control, folder.path()).await;
    let one = publish(&folder.path().join("releases"), "one", 1);
    all_serve(&mut proxies, one).await;
    let two = publish(&folder.path().join("releases"), "two", 2);
    all_serve(&mut proxies, two).await;
    let overview = overview(control.admin).await;
    assert_eq!(overview["confirmed"]["snapshot"], json!(two));
    assert_eq!((&overview["phase"], &overview["history"]), (&json!("idle"), &json!([one])));
    control.stop().await.unwrap();
}

/// What concerns one namespace is not the other's business: it gets the new manifest, and so the new number.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_a_proxy_lacks_is_sent() {
    let folder = prepare_folder();
    let control = Running::start(config(folder.path()));
    let mut proxies = join_all(&control, folder.path()).await;
    let one = publish(&folder.path().join("releases"), "one", 1);
    all_serve(&mut proxies, one).await;
    let two = publish(&folder.path().join("releases"), "two", 2);
    all_serve(&mut proxies, two).await;
    let came = |which: usize| proxies[which].seen().objects[&2];
    assert_eq!(came(0), 3, "the manifest, the section of its namespace, and the policy");
    assert_eq!(came(3), 1, "the manifest");
    assert_eq!(proxies[3].seen().served, [one, two].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_proxy_the_reason_and_the_line() {
    let folder = prepare_folder();
    let mut control = Running::start(config(folder.path()));
    let bad = shop::snapshot("bad").digest();
    let nature = Nature { refuses: Some(bad), ..Nature::default() };
    let mut web = join(&control, folder.path(), 0, Nature::default()).await;
    let mut critic = join(&control, folder.path(), 1, nature).await;
    let good = publish(&folder.path().join("releases"), "good", 1);
    web.serves(good).await;
    critic.serves(good).await;
    publish(&folder.path().join("releases"), "bad", 2);
    control.record(|record| matches!(record, Record::Ended { .. })).await;
    let overview = overview(control.admin).await;
    let refusal = &overview["lastEnded"]["refusals"][0];
    assert_eq!(refusal["proxy"], "shop/web-2");
    assert_eq!(refusal["reason"], "program");
    assert_eq!(refusal["detail"], "this proxy does not like it");
    assert_eq!(refusal["object"], changing_key().to_string());
    assert_eq!(refusal["source"], CHANGING_SOURCE);
    assert_eq!(overview["confirmed"]["snapshot"], json!(good));
    for proxy in [&web, &critic] {
        assert_eq!(proxy.seen().served, [good].into(), "nobody has served it for a moment");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn harm_is_taken_back_and_stays_out_until_it_is_lifted() {
    let folder = prepare_folder();
    let mut control = Running::start(config(folder.path()));
    let bad = shop::snapshot("bad").digest();
    let nature = Nature { fails: Some(bad), ..Nature::default() };
    let mut web = join(&control, folder.path(), 0, nature.clone()).await;
    let mut other = join(&control, folder.path(), 1, nature).await;
    let releases = folder.path().join("releases");
    let good = publish(&releases, "good", 1);
    web.serves(good).await;
    other.serves(good).await;
    control.restart(careful(folder.path()), None);
    publish(&releases, "bad", 2);
    let ended = control.record(|record| matches!(record, Record::Ended { .. })).await;
    let Record::Ended { cause: Cause::Harmful { harm }, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(harm.workload, "shop/web");
    web.until(|seen| seen.served.contains(&bad) && seen.confirmed() == Some(good)).await;
    assert!(!other.seen().served.contains(&bad), "the first wave was one proxy");
    let (status, answer) = order(&control, "/v1/rollout/undo", Some(json!({ "to": bad }))).await;
    assert_eq!(status, 409, "{answer}");
    let quarantine = overview(control.admin).await["quarantine"].clone();
    assert!(quarantine[bad.to_string()].as_str().unwrap().contains("failed requests"));
    let lift = Some(json!({ "snapshot": bad }));
    let (status, answer) = order(&control, "/v1/rollout/lift", lift).await;
    assert_eq!(status, 200, "{answer}");
    other.serves(bad).await;
}

/// As a mesh with traffic is run: without enough of it, nothing goes on.
fn careful(folder: &Path) -> mesh_control::Config {
    let mut config = config(folder);
    config.policy.gate.inconclusive = mesh_control::rollout::Inconclusive::Hold;
    config.policy.soak = std::time::Duration::from_millis(500);
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_undoes_and_the_undone_is_not_rolled_out_again() {
    let folder = prepare_folder();
    let mut control = Running::start(config(folder.path()));
    let mut web = join(&control, folder.path(), 0, Nature::default()).await;
    let releases = folder.path().join("releases");
    let one = publish(&releases, "one", 1);
    web.serves(one).await;
    let two = publish(&releases, "two", 2);
    web.serves(two).await;
    let (status, answer) = order(&control, "/v1/rollout/undo", None).await;
    assert_eq!((status, answer.as_str()), (200, r#"{"outcome":"done"}"#));
    web.serves(one).await;
    // The file of the undone one is still the newest.
    control.restart(config(folder.path()), None);
    let three = publish(&releases, "three", 3);
    web.serves(three).await;
    let again =
        |record: &Record| matches!(record, Record::Started { snapshot, .. } if *snapshot == two);
    let records = overview(control.admin).await["records"].clone();
    let records: Vec<mesh_control::journal::Entry> = serde_json::from_value(records).unwrap();
    assert_eq!(records.iter().filter(|entry| again(&entry.record)).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_told_where_its_policies_stand() {
    let folder = prepare_folder();
    let control = Running::start(config(folder.path()));
    let mut web = join(&control, folder.path(), 0, Nature::default()).await;
    let one = publish(&folder.path().join("releases"), "one", 1);
    let seen = web.serves(one).await;
    let sources = seen.sources.unwrap();
    let map: SourceMap = canonical::decode(&sources.source_map).unwrap();
    assert_eq!(sources.snapshot, one.as_bytes());
    assert_eq!(map.get(&changing_key(), "rules[0]").unwrap().to_string(), CHANGING_SOURCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_taken_is_told_by_its_name() {
    let folder = prepare_folder();
    let releases = folder.path().join("releases");
    std::fs::create_dir_all(&releases).unwrap();
    let control = Running::start(config(folder.path()));
    let mut web = join(&control, folder.path(), 0, Nature::default()).await;
    std::fs::write(releases.join("broken.mesh"), "no snapshot").unwrap();
    let one = publish(&releases, "one", 5);
    web.serves(one).await;
    publish(&releases, "old", 4);
    let two = publish(&releases, "two", 6);
    web.serves(two).await;
    assert_eq!(web.seen().served, [one, two].into(), "the older serial is not taken for new");
    let problems = overview(control.admin).await["problems"].clone();
    let broken = format!("release {}", releases.join("broken.mesh").display());
    assert!(problems[&broken].as_str().unwrap().contains("not a snapshot"), "{problems}");
}

/// Its lease is longer than any test.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_goes_on_when_the_instance_it_waits_for_leaves_the_registry() {
    let folder = prepare_folder();
    let mut patient = config(folder.path());
    patient.policy.lease = std::time::Duration::from_hours(1);
    let mut control = Running::start(patient);
    let mut web = join(&control, folder.path(), 0, Nature::default()).await;
    let mut other = join(&control, folder.path(), 1, Nature::default()).await;
    let releases = folder.path().join("releases");
    let one = publish(&releases, "one", 1);
    web.serves(one).await;
    other.serves(one).await;
    drop(other);
    let two = publish(&releases, "two", 2);
    control.record(|record| matches!(record, Record::Started { .. })).await;
    std::fs::remove_file(folder.path().join("registry/shop-web-2.json")).unwrap();
    web.serves(two).await;
    let overview = overview(control.admin).await;
    assert_eq!(overview["proxies"].as_array().map(Vec::len), Some(1), "{overview}");
    assert_eq!(overview["problems"], json!({}));
}

/// As reproducible builds make them: of another content, and of the same time and size.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_in_place_of_another_is_seen_whatever_its_file_says_of_its_age() {
    let folder = prepare_folder();
    let control = Running::start(config(folder.path()));
    let mut proxies = join_all(&control, folder.path()).await;
    let [releases, elsewhere] = ["releases", "elsewhere"].map(|name| folder.path().join(name));
    let one = publish(&releases, "one", 1);
    all_serve(&mut proxies, one).await;
    let old = releases.join("one.mesh");
    let before = std::fs::metadata(&old).unwrap();
    let of_that_size = (100..999).find_map(|version| {
        let version = version.to_string();
        let two = publish(&elsewhere, &version, 2);
        let new = elsewhere.join(format!("{version}.mesh"));
        (std::fs::metadata(&new).unwrap().len() == before.len()).then_some((two, new))
    });
    let (two, new) = of_that_size.unwrap();
    let file = std::fs::File::options().write(true).open(&new).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    std::fs::rename(new, old).unwrap();
    all_serve(&mut proxies, two).await;
}
