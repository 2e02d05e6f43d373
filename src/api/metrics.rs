//! The figures that Prometheus reads: in base units, counters end in `_total`, and nobody is named.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use crate::appliance::handle::{RoomStatus, StatusView, Totals};
use crate::system::conditions::Conditions;
use crate::system::process::{self, Usage};

/// Everything, as Prometheus reads it (text format 0.0.4).
pub(super) fn exposition(status: &StatusView, totals: &Totals, conditions: &Conditions) -> String {
    let mut text = String::new();
    let in_meeting = status.room.meeting.is_some().into();
    let gauges = [
        ("uptime_seconds", "How long the appliance has been running.", status.uptime.as_secs()),
        ("meetings", "Living meetings.", status.meetings as u64),
        ("participants", "Participants of all meetings.", status.participants as u64),
        ("room_in_meeting", "Whether the room is in a meeting.", in_meeting),
    ];
    for (name, help, value) in gauges {
        figure(&mut text, "gauge", &format!("alcove_{name}"), help, value);
    }
    describe_media(&mut text, totals);
    describe_room(&mut text, &status.room.figures);
    describe_conditions(&mut text, conditions);
    if let Some(usage) = process::usage() {
        describe_process(&mut text, usage);
    }
    let _ = write!(
        text,
        "# HELP alcove_build_info The version of the program.\n# TYPE alcove_build_info gauge\n\
         alcove_build_info{{version=\"{}\"}} 1\n",
        env!("CARGO_PKG_VERSION")
    );
    text
}

/// What was forwarded since the start, in all meetings together.
fn describe_media(text: &mut String, totals: &Totals) {
    let counters = [
        ("packets_received", "Media packets from participants.", totals.packets_in),
        ("bytes_received", "Payload bytes of media from participants.", totals.bytes_in),
        ("packets_sent", "Media packets to participants.", totals.packets_out),
        ("bytes_sent", "Payload bytes of media to participants.", totals.bytes_out),
        ("packets_lost_up", "Media packets from participants that never arrived.", totals.lost_in),
        ("packets_lost_down", "Packets that participants told us they missed.", totals.lost_out),
        ("keyframes_asked", "Key frames asked of publishers.", totals.keyframes_asked),
        ("keyframes_wanted", "Key frames that subscribers asked for.", totals.keyframes_wanted),
    ];
    for (name, help, value) in counters {
        figure(text, "counter", &format!("alcove_media_{name}_total"), help, value);
    }
}

/// What the room has done since the start: pictures drawn, packets, decoders, sound.
fn describe_room(text: &mut String, room: &RoomStatus) {
    let RoomStatus { slots, mixer, .. } = room;
    let counters = [
        ("scene_frames", "Pictures of the scene drawn.", room.frames),
        ("scene_frames_late", "Pictures drawn more than half a tick late.", room.frames_late),
        ("scene_frames_missing", "Ticks of the scene left out.", room.frames_missing),
        ("camera_frames", "Pictures that the camera gave.", room.camera_frames),
        ("packets_sent", "Packets published by the room.", room.packets_out),
        ("packets_dropped", "Packets of the room that the forwarder had no place for.", room.packets_lost),
        ("packets_received", "Packets that the room was given.", room.packets_in),
        ("pictures_decoded", "Pictures of others, decoded and taken.", slots.pictures),
        ("packets_refused", "Packets that no decoder took.", slots.packets_refused),
        ("decoders_made", "Decoders made.", slots.decoders),
        ("keyframe_wishes", "Key frames that the room asked for.", slots.keyframe_wishes),
        ("mixer_blocks", "Blocks of 10 ms mixed.", mixer.blocks),
        ("mixer_underruns", "Times that a playing slot had nothing to play.", mixer.underruns),
        ("mixer_concealed", "Lost packets made up by the decoder.", mixer.concealed),
        ("mixer_recovered", "Lost packets rebuilt from the next one.", mixer.recovered),
        ("mixer_late", "Packets that came too late to be heard.", mixer.late),
        ("mixer_skipped", "Packets skipped because too many waited.", mixer.skipped),
    ];
    for (name, help, value) in counters {
        figure(text, "counter", &format!("alcove_room_{name}_total"), help, value);
    }
    let seconds = |micros: u64| Duration::from_micros(micros).as_secs_f64();
    let mean = "Mean time to draw a picture.";
    figure(text, "gauge", "alcove_room_compose_mean_seconds", mean, seconds(room.compose_mean_us));
    let longest = "Longest time to draw a picture since the start.";
    figure(text, "gauge", "alcove_room_compose_max_seconds", longest, seconds(room.compose_max_us));
}

/// How it is, thing by thing: 1 where it is so, 0 where it is not; what nobody knows is left out.
fn describe_conditions(text: &mut String, conditions: &Conditions) {
    let known = || conditions.iter().filter_map(|condition| Some((condition, condition.finding.status?)));
    if known().next().is_none() {
        return;
    }
    text.push_str(
        "# HELP alcove_condition Whether a condition of the status is true.\n# TYPE alcove_condition gauge\n",
    );
    for (condition, is_true) in known() {
        let _ =
            writeln!(text, "alcove_condition{{type=\"{}\"}} {}", condition.kind.as_str(), u8::from(is_true));
    }
}

/// What the process takes of the machine, under the names that client libraries of Prometheus use.
fn describe_process(text: &mut String, usage: Usage) {
    figure(
        text,
        "counter",
        "process_cpu_seconds_total",
        "Time of processors spent.",
        usage.cpu.as_secs_f64(),
    );
    figure(text, "gauge", "process_resident_memory_bytes", "Resident memory.", usage.resident_bytes);
    figure(text, "gauge", "process_open_fds", "Open file descriptors.", usage.open_files);
}

fn figure(text: &mut String, kind: &str, name: &str, help: &str, value: impl Display) {
    // A string takes whatever is written to it.
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::appliance::handle::RoomView;
    use crate::system::conditions::{Finding, Kind};

    #[test]
    fn every_figure_has_its_help_and_its_type() {
        let figures = RoomStatus { frames: 30, frames_late: 1, ..RoomStatus::default() };
        let room =
            RoomView { meeting: None, microphone_on: true, camera_on: true, devices: Vec::new(), figures };
        let uptime = Duration::from_millis(2900);
        let status = StatusView {
            uptime,
            room,
            meetings: 2,
            participants: 7,
            media_addresses: Vec::new(),
            troubles: Vec::new(),
            storage_trouble: None,
            is_idle: false,
        };
        let text = exposition(&status, &Totals::default(), &Conditions::default());
        let figures: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            figures[..4],
            [
                "alcove_uptime_seconds 2",
                "alcove_meetings 2",
                "alcove_participants 7",
                "alcove_room_in_meeting 0",
            ]
        );
        assert!(figures.contains(&"alcove_room_scene_frames_total 30"));
        assert!(figures.contains(&"alcove_room_scene_frames_late_total 1"));
        assert_eq!(text.matches("# HELP").count(), figures.len());
        assert_eq!(text.matches("# TYPE").count(), figures.len());
    }

    #[test]
    fn dashboard_and_alerts_ask_for_figures_that_there_are() {
        let figures = RoomStatus::default();
        let room =
            RoomView { meeting: None, microphone_on: true, camera_on: true, devices: Vec::new(), figures };
        let status = StatusView {
            uptime: Duration::ZERO,
            room,
            meetings: 0,
            participants: 0,
            media_addresses: Vec::new(),
            troubles: Vec::new(),
            storage_trouble: None,
            is_idle: true,
        };
        let mut conditions = Conditions::default();
        conditions.find(Kind::Ready, Finding::yes("Answers", ""), 1);
        let text = exposition(&status, &Totals::default(), &conditions);
        let dashboard = include_str!("../../systemd/monitoring/grafana-rooms.json");
        let alerts = include_str!("../../systemd/monitoring/prometheus-alerts.yml");
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = dashboard.split(|c: char| !is_part(c)).chain(alerts.split(|c: char| !is_part(c)));
        let asked: BTreeSet<_> =
            words.filter(|word| word.starts_with("alcove_") || word.starts_with("process_")).collect();
        assert!(asked.len() > 15, "{asked:?}");
        for name in asked {
            assert!(text.contains(&format!("# TYPE {name} ")), "there is no {name}");
        }
        serde_json::from_str::<serde_json::Value>(dashboard).unwrap();
    }
}
