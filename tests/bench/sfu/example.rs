//! Made-up figures for the tests of table and plot; no figure here was ever measured, and none is printed.

use super::figures::{Case, Figure};
use super::{Comparison, Installed, Method};

fn figure(value: f64) -> Figure {
    Figure { median: value, least: value, most: value, is_noisy: false }
}

pub(super) fn case(shape: &str, system: &'static str, cpu: f64) -> Case {
    Case {
        shape: shape.to_owned(),
        system,
        is_floor: false,
        carried_the_load: true,
        forwarded_share: 1.0,
        packets_per_s: figure(2000.0),
        cpu_s_per_million: Figure { least: cpu * 0.95, most: cpu * 1.05, ..figure(cpu) },
        media_threads_cpu_s_per_million: None,
        beside_cpu_s_per_million: None,
        server_cores: figure(0.1),
        generator_cores: figure(0.1),
        delay_p50_us: figure(120.0),
        delay_p99_us: figure(900.0),
        delay_max_us: figure(4000.0),
        added_p50_us: None,
        added_p99_us: None,
        loss_percent: figure(0.0),
        memory_per_participant_kb: figure(150.0),
        join_ms: Some(figure(31.0)),
        repeats: Vec::new(),
    }
}

pub(super) fn comparison() -> Comparison {
    let version = Some("1".to_owned());
    Comparison {
        method: Method {
            repeats: 3,
            window_s: 15,
            settle_s: 6,
            cores: "nothing pinned".to_owned(),
            srtp: "AEAD_AES_256_GCM",
            sends: "",
            delay: "",
            cpu: "",
            memory: "",
            join: "",
            loss: "",
            floor: "",
        },
        systems: vec![
            Installed { system: "Alcove", version: version.clone(), absent: None },
            Installed { system: "Janus", version, absent: None },
            Installed { system: "Galène", version: None, absent: Some("no path given".to_owned()) },
        ],
        shapes: vec![("one-to-10".to_owned(), String::new()), ("audio-100".to_owned(), String::new())],
        cases: vec![
            case("one-to-10", "Alcove", 3.0),
            case("one-to-10", "Janus", 24.0),
            case("audio-100", "Alcove", 2.0),
        ],
        failures: Vec::new(),
    }
}
