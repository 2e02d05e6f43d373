//! The program itself: how it starts, why it does not, what it prints, how it stops.

use std::net::TcpListener;
use std::process::{Command, Output};
use std::sync::Arc;

use serde_json::json;

use crate::appliance::{Appliance, alcove};
use crate::words::Words;

/// Runs to the end, which has to be a failure told in one sentence; the sentence.
#[track_caller]
fn failure(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert_eq!(String::from_utf8(stdout).unwrap(), "", "nothing is ready");
    let sentence: Vec<&str> = stderr.lines().filter(|line| line.starts_with("alcove: ")).collect();
    assert_eq!(sentence.len(), 1, "{stderr}");
    assert_eq!(stderr.lines().last(), Some(sentence[0]), "{stderr}");
    sentence[0].to_owned()
}

fn run(folder: &tempfile::TempDir, config: &str) -> Command {
    let file = folder.path().join("alcove.toml");
    std::fs::write(&file, config).unwrap();
    let mut command = alcove();
    command
        .args(["run", "--simulated", "--state"])
        .arg(folder.path().join("state"))
        .arg("--config")
        .arg(file);
    command
}

#[test]
fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("[::]:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let sentence = failure(&mut run(&folder, &format!("[http]\nhttps_port = {port}\nhttp_port = 0\n")));
    assert!(sentence.contains(&format!("port {port}")) && sentence.contains("http.https_port"), "{sentence}");
    let sentence = failure(&mut run(&folder, &format!("[http]\nhttps_port = 0\nhttp_port = {port}\n")));
    assert!(sentence.contains(&format!("port {port}")) && sentence.contains("http.http_port"), "{sentence}");
}

#[test]
fn a_media_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::UdpSocket::bind("[::]:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = format!("[http]\nhttps_port = 0\nhttp_port = 0\n[media]\nport = {port}\nworkers = 1\n");
    let sentence = failure(&mut run(&folder, &config));
    assert!(sentence.contains(&port.to_string()) && sentence.contains("media.port"), "{sentence}");
}

#[test]
fn a_state_directory_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("state");
    std::fs::write(&place, "a file where a folder should be").unwrap();
    let sentence = failure(&mut run(&folder, "[http]\nhttps_port = 0\nhttp_port = 0\n[media]\nport = 0\n"));
    assert!(sentence.contains(&*place.to_string_lossy()) && sentence.contains("--state"), "{sentence}");
}

#[test]
fn a_corrupt_configuration_is_named_with_its_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    for (config, wanted) in [
        ("[http]\nhttps_port = \"many\"\n", ["line 2", "http.https_port"]),
        ("[http]\nhttps_prot = 1\n", ["line 2", "https_prot"]),
        ("[http\n", ["line 1", "alcove.toml"]),
        ("[room]\nname = \"\"\n", ["line 2", "room.name"]),
    ] {
        let sentence = failure(&mut run(&folder, config));
        assert!(wanted.iter().all(|word| sentence.contains(word)), "{sentence}");
    }
    let missing = folder.path().join("nowhere.toml");
    let sentence = failure(alcove().args(["config", "show", "--config"]).arg(&missing));
    assert!(sentence.contains("nowhere.toml"), "{sentence}");
}

#[test]
fn broken_secrets_are_named_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::write(state.join("token.key"), "short").unwrap();
    let sentence = failure(&mut run(&folder, "[http]\nhttps_port = 0\nhttp_port = 0\n[media]\nport = 0\n"));
    assert!(sentence.contains("token.key"), "{sentence}");
    assert_eq!(std::fs::read_to_string(state.join("token.key")).unwrap(), "short");
}

#[test]
fn bad_usage_ends_with_2() {
    for arguments in [&["dance"][..], &[], &["run", "--sideways"], &["config"]] {
        let output = alcove().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("Usage"), "{arguments:?}");
    }
}

#[test]
fn devices_and_configuration_can_be_read_by_programs() {
    let output = alcove().args(["devices", "--json"]).output().unwrap();
    assert!(output.status.success());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report.as_object().is_some_and(|report| !report.is_empty()), "{report}");
    assert!(alcove().arg("devices").output().unwrap().status.success());

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alcove.toml");
    std::fs::write(&file, "[room]\nname = \"Aspen\"\n").unwrap();
    let show = |more: &[&str]| {
        let output = alcove().args(["config", "show", "--config"]).arg(&file).args(more).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    std::fs::write(folder.path().join("again.toml"), show(&[])).unwrap();
    let again = alcove().args(["config", "show", "--config"]).arg(folder.path().join("again.toml")).output();
    assert_eq!(String::from_utf8(again.unwrap().stdout).unwrap(), show(&[]), "what is shown can be read");
    assert!(show(&[]).contains("Aspen") && show(&[]).contains("8443"));
    assert!(show(&["--explain"]).contains("https_port"));
}

#[tokio::test]
async fn asked_to_stop_it_lets_go_of_everybody_and_ends_well() {
    let appliance = Appliance::start("");
    let token = appliance.token("room", "speaker").await;
    let mut ann = Words::join(&appliance, "room", &token, "Ann").await;
    appliance.meeting(json!({ "name": "den" })).await;
    let mut bob = Words::join(&appliance, "den", &appliance.token("den", "speaker").await, "Bob").await;
    appliance.terminate();
    for words in [&mut ann, &mut bob] {
        assert_eq!(words.closed().await.0, 1001, "meetings go on when the appliance does");
    }
    assert_eq!(appliance.ended().code(), Some(0));
}

#[tokio::test]
async fn what_it_has_made_is_kept_from_one_start_to_the_next() {
    let first = Appliance::start("");
    let state = Arc::clone(&first.state);
    let (admin, token) = (first.admin.clone(), first.token("room", "speaker").await);
    let ca = std::fs::read(state.path().join("tls/ca.pem")).unwrap();
    first.terminate();
    assert_eq!(first.ended().code(), Some(0));
    let second = Appliance::start_in(state, "");
    assert_eq!(second.admin, admin);
    assert_eq!(std::fs::read(second.state.path().join("tls/ca.pem")).unwrap(), ca);
    Words::join(&second, "room", &token, "Ann").await;
}

#[test]
fn a_check_makes_a_call_through_the_running_appliance() {
    let house = Appliance::start("");
    let output = alcove().arg("check").arg("--state").arg(house.state()).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("ready ") && told.contains("heard after"), "{told}");
}

#[test]
fn a_check_of_an_appliance_that_never_ran_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let sentence = failure(alcove().arg("check").arg("--state").arg(folder.path()));
    assert!(sentence.contains("has the appliance been started"), "{sentence}");
}
