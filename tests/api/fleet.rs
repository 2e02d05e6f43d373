//! `alcove apply` and `alcove status`, run as programs against appliances that run.

use std::path::Path;
use std::process::Output;

use reqwest::Method;
use serde_json::json;

use crate::appliance::{Appliance, alcove, text};
use crate::configuration::applied;

fn apply(words: &[&str]) -> Output {
    alcove().arg("apply").args(words).output().unwrap()
}

fn said(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The line of the list that names an appliance: by its own authority, with a token of its own.
async fn line(alcove: &Appliance) -> String {
    let made = alcove.post("tokens", json!({"name": "fleet", "role": "admin"})).await.with_status(201).json();
    let status = alcove.get("status").await.json();
    format!(
        "https://localhost:{} {} {}\n",
        alcove.port,
        text(&made["token"]),
        text(&status["authority_fingerprint"])
    )
}

fn write(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn many_appliances_are_configured_by_one_command_which_tells_of_each() {
    let (aspen, birch) = (Appliance::start(""), Appliance::start(""));
    let folder = tempfile::tempdir().unwrap();
    let list = line(&aspen).await + "# the other one\n" + &line(&birch).await;
    let hosts = write(folder.path(), "hosts", &list);
    write(folder.path(), "all.toml", "locked = [\"room.show_chat\"]\n[calls]\nring_volume = 5\n");
    write(folder.path(), "localhost.toml", "[room]\nname = \"Den\"\n");
    let fleet = folder.path().to_str().unwrap();

    let dry = tokio::task::spawn_blocking({
        let (fleet, hosts) = (fleet.to_owned(), hosts.clone());
        move || apply(&["-f", &fleet, "--hosts", &hosts, "--dry-run"])
    });
    let (code, out) = said(&dry.await.unwrap());
    assert_eq!(code, Some(3), "{out}");
    for alcove in [&aspen, &birch] {
        assert!(out.contains(&format!("localhost:{}: would change", alcove.port)), "{out}");
    }
    assert!(out.contains("  calls.ring_volume: 60 -> 5 (live)\n"), "{out}");
    assert!(out.contains("  room.name: \"room\" -> \"Den\" (restart)\n"), "{out}");
    assert_eq!(aspen.get("config").await.json()["generation"], 0);

    let real = apply(&["-f", fleet, "--hosts", &hosts]);
    let (code, out) = said(&real);
    assert_eq!((code, out.matches("changed, and in effect").count()), (Some(0), 2), "{out}");
    assert!(String::from_utf8_lossy(&real.stderr).contains("] 2 of 2"), "progress is on standard error");
    for alcove in [&aspen, &birch] {
        applied(alcove, &json!(1)).await;
        let config = alcove.get("config?layer=provisioned").await.json();
        assert_eq!(config["config"]["calls"]["ring_volume"], 5);
        assert_eq!(config["config"]["locked"], json!(["room.show_chat"]));
        alcove.get("meetings/den").await.with_status(200);
    }
    let (code, out) = said(&apply(&["-f", fleet, "--hosts", &hosts]));
    assert_eq!((code, out.matches("nothing to change").count()), (Some(0), 2), "{out}");
}

#[tokio::test]
async fn one_that_fails_fails_the_command_and_not_the_others() {
    let alcove = Appliance::start("");
    let folder = tempfile::tempdir().unwrap();
    let good = line(&alcove).await;
    let stranger = good.replace("alcove_1_", "alcove_7_");
    let other = format!("{}FF\n", &good.trim_end()[..good.trim_end().len() - 2]);
    let hosts = write(folder.path(), "hosts", &format!("{stranger}{other}{good}"));
    let file = write(folder.path(), "one.toml", "[calls]\nring_volume = 5\n");
    let output = apply(&["-f", &file, "--hosts", &hosts]);
    let (code, out) = said(&output);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("it says 401"), "{out}");
    assert!(
        out.contains("does not answer"),
        "of whom it is not known that it is it, nothing is asked: {out}"
    );
    assert!(out.contains("changed, and in effect"), "{out}");
    assert!(!out.contains("alcove_"), "tokens are not told");
    let wrong = write(folder.path(), "wrong.toml", "[calls]\nring_volume = 500\n");
    let (code, out) = said(&apply(&["-f", &wrong, "--hosts", &write(folder.path(), "hosts", &good)]));
    assert_eq!(code, Some(1));
    assert!(out.contains("calls.ring_volume: 500 is out of range"), "{out}");
    assert_eq!(said(&apply(&["-f", "nowhere.toml", "--hosts", &hosts])).0, Some(1));
    assert_eq!(said(&apply(&[])).0, Some(2));
}

#[tokio::test]
async fn the_appliance_of_this_machine_needs_no_list_and_tells_how_it_is() {
    let alcove_here = Appliance::start("");
    let state = alcove_here.state().to_str().unwrap().to_owned();
    let file = write(alcove_here.state(), "site.toml", "[tls]\nnames = [\"den.example\"]\n");
    let (code, out) = said(&apply(&["-f", &file, "--state", &state]));
    assert_eq!(code, Some(0), "{out}");
    applied(&alcove_here, &json!(1)).await;
    let config = alcove_here.ask(Method::GET, "config", None).await.json();
    assert_eq!(
        (&config["config"]["tls"]["names"], config.get("confirm_within_s")),
        (&json!(["den.example"]), None)
    );
    let output = alcove().args(["status", "--state", &state]).output().unwrap();
    let (code, out) = said(&output);
    assert_eq!(code, Some(0));
    assert!(out.lines().any(|line| line.starts_with("True    ConfigApplied")), "{out}");
    let nowhere = alcove().args(["status", "--state", "/nowhere"]).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
}
