//! What two appliances make of each other's words: calls as they go and fail, and meetings as they fill and empty.

use super::joint::Joint;
use super::lines::OfferedLines;
use super::talk::{Act, Entries, Talk};
use crate::appliance::handle::Errand;
use crate::remote::{Protocol as _, Say};
use crate::web::wire::calling::{
    Answer, Ask as CallAsk, CallEnd, CallLeg, CallState, Frame as CallFrame, LegState, Media, Presence,
    Tell as CallTell, UserEntry, UserKind, Welcome,
};
use crate::web::wire::{Ask, Behind, CarriedLine, Event, Frame, Participant, Refused, Tell};

const MEDIA: Media = Media::Video;
/// Our call.
const HERE: u64 = 9;

fn user(id: &str, kind: UserKind) -> UserEntry {
    UserEntry { id: id.to_owned(), name: id.to_owned(), kind, presence: Presence::Online }
}

fn welcome(calls: Vec<CallState>) -> CallFrame {
    let users =
        vec![user("u1", UserKind::Room), user("u2", UserKind::Appliance), user("u3", UserKind::Person)];
    let welcome = Welcome {
        version: 1,
        you: "u2".to_owned(),
        device: "d4".to_owned(),
        users,
        calls,
        missed: 0,
        push_key: String::new(),
    };
    CallFrame::Answered { re: 1, ok: Answer::Welcome(Box::new(welcome)) }
}

/// A call there, of which these parts stand so.
fn call(caller: &str, legs: &[(&str, LegState)], end: Option<CallEnd>) -> CallState {
    let leg = |(user, state): &(&str, LegState)| CallLeg {
        user: (*user).to_owned(),
        by: None,
        state: *state,
        device: None,
        until_ms: None,
    };
    let legs = legs.iter().map(leg).collect();
    CallState {
        id: "c7".to_owned(),
        caller: caller.to_owned(),
        media: MEDIA,
        legs,
        began_ms: 0,
        answered_ms: None,
        end,
    }
}

fn told(call: CallState) -> CallFrame {
    CallFrame::Told { tell: CallTell::Call { call } }
}

fn enter() -> CallFrame {
    let tell = CallTell::Enter {
        call: "c7".to_owned(),
        meeting: "call-far".to_owned(),
        token: "key".to_owned(),
        media: MEDIA,
    };
    CallFrame::Told { tell }
}

fn entries() -> Entries {
    Entries { here: "call-near".to_owned(), there: "call-far".to_owned(), token: "key".to_owned() }
}

/// Signed in there.
fn signed_in() -> Talk {
    let mut talk = Talk::default();
    talk.heard(&welcome(Vec::new()));
    assert_eq!(talk.acts(), [Act::Presence(Presence::Online)]);
    talk
}

/// Our call rings there.
fn ringing_there() -> Talk {
    let mut talk = signed_in();
    talk.told(Errand::Ring { user: 5, call: HERE, media: MEDIA });
    let ring = CallAsk::Ring { users: vec!["u1".to_owned()], media: MEDIA, meeting: None };
    assert_eq!(talk.acts(), [Act::Say(ring.clone())]);
    let re = talk.number(&ring);
    talk.heard(&CallFrame::Answered { re, ok: Answer::Ringing { call: "c7".to_owned() } });
    talk.heard(&told(call("u2", &[("u2", LegState::Calling), ("u1", LegState::Ringing)], None)));
    assert_eq!(talk.acts(), []);
    talk
}

fn hang_up() -> Act {
    Act::Say(CallAsk::HangUp { call: "c7".to_owned() })
}

#[test]
fn a_call_of_ours_that_is_accepted_there_joins_the_meetings() {
    let mut talk = ringing_there();
    let joining = call("u2", &[("u2", LegState::Joining), ("u1", LegState::Joining)], None);
    talk.heard(&told(joining));
    assert_eq!(talk.acts(), [Act::AcceptHere(HERE)]);
    talk.heard(&enter());
    talk.told(Errand::Stop { user: 5, call: HERE });
    assert_eq!(talk.acts(), [], "that it rings no more is what an answer is");
    talk.told(Errand::Enter { user: 5, call: HERE, meeting: "call-near".to_owned() });
    assert_eq!(talk.acts(), [Act::Join(entries())]);
    talk.told(Errand::Out { user: 5, call: HERE });
    assert_eq!(talk.acts(), [hang_up(), Act::Part]);
}

#[test]
fn how_their_room_takes_our_call_is_how_it_is_told_here() {
    for state in [LegState::Declined, LegState::NoAnswer, LegState::Busy, LegState::DoNotDisturb] {
        let mut talk = ringing_there();
        talk.heard(&told(call("u2", &[("u2", LegState::Left), ("u1", state)], Some(CallEnd::Declined))));
        assert_eq!(talk.acts(), [Act::TakenHere(HERE, state)]);
        talk.told(Errand::Stop { user: 5, call: HERE });
        assert_eq!(talk.acts(), [], "it is forgotten");
    }
}

#[test]
fn a_call_of_ours_that_is_taken_back_is_taken_back_there_also_before_it_has_a_number_there() {
    let mut talk = ringing_there();
    talk.told(Errand::Stop { user: 5, call: HERE });
    assert_eq!(talk.acts(), [hang_up()]);
    let mut talk = signed_in();
    talk.told(Errand::Ring { user: 5, call: HERE, media: MEDIA });
    let [Act::Say(ring)] = &talk.acts()[..] else { panic!("it rings") };
    let re = talk.number(ring);
    talk.told(Errand::Stop { user: 5, call: HERE });
    assert_eq!(talk.acts(), []);
    talk.heard(&CallFrame::Answered { re, ok: Answer::Ringing { call: "c7".to_owned() } });
    assert_eq!(talk.acts(), [hang_up()]);
}

#[test]
fn what_is_told_of_our_call_before_the_answer_that_names_it_is_not_lost() {
    let mut talk = signed_in();
    talk.told(Errand::Ring { user: 5, call: HERE, media: MEDIA });
    let [Act::Say(ring)] = &talk.acts()[..] else { panic!("it rings") };
    let re = talk.number(ring);
    talk.heard(&told(call("u2", &[("u2", LegState::Joining), ("u1", LegState::Joining)], None)));
    assert_eq!(talk.acts(), [Act::AcceptHere(HERE)]);
    talk.heard(&CallFrame::Answered { re, ok: Answer::Ringing { call: "c7".to_owned() } });
    talk.told(Errand::Out { user: 5, call: HERE });
    assert_eq!(talk.acts(), [hang_up()]);
    talk.told(Errand::Ring { user: 5, call: 10, media: MEDIA });
    talk.acts();
    talk.heard(&told(call("u2", &[("u2", LegState::Left), ("u1", LegState::Left)], Some(CallEnd::Finished))));
    assert_eq!(talk.acts(), [], "that was the call before");
}

#[test]
fn a_refusal_of_their_calls_ends_ours() {
    let mut talk = signed_in();
    talk.told(Errand::Ring { user: 5, call: HERE, media: MEDIA });
    let [Act::Say(ring)] = &talk.acts()[..] else { panic!("it rings") };
    let re = Some(talk.number(ring));
    let refused = Refused { code: "busy".to_owned(), detail: String::new() };
    talk.heard(&CallFrame::Refused { re, refused });
    assert_eq!(talk.acts(), [Act::TakenHere(HERE, LegState::Busy)]);
}

/// Their call rings here.
fn ringing_here() -> Talk {
    let mut talk = signed_in();
    talk.heard(&told(call("u3", &[("u3", LegState::Calling), ("u2", LegState::Ringing)], None)));
    assert_eq!(talk.acts(), [Act::RingHere(MEDIA)]);
    talk.rung_here(Some(HERE));
    talk
}

#[test]
fn a_call_of_theirs_rings_our_room_and_joins_the_meetings_when_that_accepts() {
    let mut talk = ringing_here();
    talk.told(Errand::Enter { user: 5, call: HERE, meeting: "call-near".to_owned() });
    assert_eq!(talk.acts(), [Act::Say(CallAsk::Accept { call: "c7".to_owned() })]);
    talk.heard(&told(call("u3", &[("u3", LegState::Joining), ("u2", LegState::Joining)], None)));
    talk.heard(&enter());
    assert_eq!(talk.acts(), [Act::Join(entries())]);
    talk.heard(&told(call("u3", &[("u3", LegState::Left), ("u2", LegState::Left)], Some(CallEnd::Finished))));
    assert_eq!(talk.acts(), [Act::HangUpHere(HERE), Act::Part]);
}

#[test]
fn a_call_of_theirs_that_our_room_does_not_take_is_declined_and_one_that_is_taken_back_stops_ringing() {
    let mut talk = ringing_here();
    talk.told(Errand::Out { user: 5, call: HERE });
    assert_eq!(talk.acts(), [Act::Say(CallAsk::Decline { call: "c7".to_owned() })]);
    let mut talk = ringing_here();
    talk.heard(&told(call(
        "u3",
        &[("u3", LegState::Left), ("u2", LegState::Cancelled)],
        Some(CallEnd::Cancelled),
    )));
    assert_eq!(talk.acts(), [Act::HangUpHere(HERE)]);
    let mut talk = signed_in();
    talk.heard(&told(call("u3", &[("u3", LegState::Calling), ("u2", LegState::Ringing)], None)));
    talk.acts();
    talk.rung_here(None);
    assert_eq!(talk.acts(), [Act::Say(CallAsk::Decline { call: "c7".to_owned() })]);
}

#[test]
fn one_call_at_a_time_is_between_two_appliances() {
    let mut talk = ringing_there();
    talk.told(Errand::Ring { user: 5, call: 10, media: MEDIA });
    assert_eq!(talk.acts(), [Act::TakenHere(10, LegState::Busy)]);
    let other = CallState {
        id: "c8".to_owned(),
        ..call("u3", &[("u3", LegState::Calling), ("u2", LegState::Ringing)], None)
    };
    talk.heard(&told(other));
    assert_eq!(talk.acts(), [Act::Say(CallAsk::Decline { call: "c8".to_owned() })]);
}

#[test]
fn a_call_that_they_have_forgotten_when_we_are_back_is_lost() {
    let mut talk = ringing_there();
    talk.heard(&welcome(Vec::new()));
    assert_eq!(talk.acts(), [Act::Presence(Presence::Online), Act::TakenHere(HERE, LegState::Lost)]);
}

#[test]
fn when_the_bridge_fails_the_call_is_hung_up() {
    let mut talk = ringing_there();
    talk.heard(&told(call("u2", &[("u2", LegState::Joining), ("u1", LegState::Joining)], None)));
    talk.heard(&enter());
    talk.told(Errand::Enter { user: 5, call: HERE, meeting: "call-near".to_owned() });
    talk.acts();
    talk.parted();
    assert_eq!(talk.acts(), [hang_up(), Act::Part]);
}

fn frame(json: &str) -> Frame {
    serde_json::from_str(json).expect("a frame")
}

/// A meeting in which the bridge is `p1`, and what it is told there.
fn meeting(name: &str) -> [Frame; 2] {
    let welcome = format!(
        r#"{{"re":1,"ok":{{"welcome":{{"version":1,"you":"p1","secret":"s","seq":1,"video_codec":"vp8",
        "meeting":{{"name":"m","mode":"video","max_participants":9,"rights":{{"chat":"everybody","share":"speakers",
        "unmute":"speakers","rename":"everybody"}},"locked":false,"lobby":false,"schedule":{{}},"attributes":{{}},"polls":[]}},
        "participants":[{}]}}}}}}"#,
        participant("p1", "bridge", "bridge", None, &[])
    );
    [frame(&welcome), frame(&format!(r#"{{"tell":{{"bridge":{{"boxes":["{name}"],"decodes":["vp8"]}}}}}}"#))]
}

fn participant(id: &str, name: &str, kind: &str, via: Option<&str>, sources: &[&str]) -> String {
    let tracks: Vec<_> =
        sources.iter().map(|source| format!(r#"{{"source":"{source}","muted":false}}"#)).collect();
    let via = via.map(|via| format!(r#","via":"{via}""#)).unwrap_or_default();
    format!(
        r#"{{"id":"{id}","name":"{name}","kind":"{kind}","role":"speaker","tracks":[{}],"held":[],"attributes":{{}},"present":true{via}}}"#,
        tracks.join(",")
    )
}

fn joins(seq: u64, who: &str) -> Frame {
    frame(&format!(r#"{{"seq":{seq},"event":{{"joined":{{"participant":{who}}}}}}}"#))
}

const OFFER: &str = "v=0\r\nm=audio 9 X 111\r\na=mid:oa\r\na=sendonly\r\nm=video 9 X 96\r\na=mid:ov\r\na=sendonly\r\n\
    m=audio 9 X 111\r\na=mid:ba\r\na=recvonly\r\nm=video 9 X 96\r\na=mid:bv\r\na=recvonly\r\n";

/// Two meetings that are joined, and have said so.
fn joined() -> Joint {
    let mut joint = Joint::default();
    meeting("near").iter().for_each(|frame| joint.heard_here(frame));
    assert_eq!(joint.boxes_here(), Some(&["near".to_owned()][..]));
    meeting("far").iter().for_each(|frame| joint.heard_there(frame));
    joint.open(OfferedLines::of(OFFER));
    let said = said(&mut joint);
    let boxes: Vec<_> = said
        .iter()
        .map(|say| match say {
            Say::Here(Ask::Behind(Behind { boxes, .. })) => format!("here {boxes:?}"),
            Say::There(Ask::Behind(Behind { boxes, .. })) => format!("there {boxes:?}"),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(boxes, ["there [\"near\"]", "here [\"far\"]"]);
    joint
}

fn said(joint: &mut Joint) -> Vec<Say<Ask>> {
    std::iter::from_fn(|| joint.poll()).collect()
}

/// Whom a word names, with the lines of their tracks.
fn people(ask: &Ask) -> Vec<(String, Vec<Option<String>>)> {
    let Ask::Behind(behind) = ask else { panic!("{ask:?}") };
    let lines = |person: &crate::web::wire::BehindPerson| {
        person.tracks.iter().map(|track| track.mid.clone()).collect()
    };
    behind.people.iter().map(|person| (person.name.clone(), lines(person))).collect()
}

#[test]
fn whoever_comes_here_is_told_there_with_lines_that_are_then_filled() {
    let mut joint = joined();
    joint.heard_here(&joins(2, &participant("p2", "Ann", "browser", None, &["microphone", "camera"])));
    let said = said(&mut joint);
    let [Say::There(behind), Say::Here(Ask::Carry { lines, .. })] = &said[..] else { panic!("{said:?}") };
    let mids = vec![Some("oa".to_owned()), Some("ov".to_owned())];
    assert_eq!(people(behind), [("Ann".to_owned(), mids)]);
    let of: Vec<_> =
        lines.iter().map(|line: &CarriedLine| (line.mid.as_str(), line.participant.as_str())).collect();
    assert_eq!(of, [("oa", "p2"), ("ov", "p2")]);
}

#[test]
fn the_bridge_its_guests_and_empty_bridges_are_not_told_back() {
    let mut joint = joined();
    joint.heard_here(&joins(2, &participant("p2", "Cat", "bridge", Some("p1"), &["camera"])));
    joint.heard_here(&joins(3, &participant("p3", "another box", "bridge", None, &[])));
    assert!(said(&mut joint).is_empty());
    joint.heard_here(&joins(4, &participant("p4", "Dan", "bridge", Some("p3"), &["camera"])));
    let said = said(&mut joint);
    let [Say::There(behind), Say::Here(_)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(people(behind)[0].0, "Dan", "who is behind another bridge goes on through this one");
}

#[test]
fn names_mutes_and_leaving_are_told_and_what_is_watched_comes_back() {
    let mut joint = joined();
    joint.heard_there(&joins(2, &participant("p5", "Ben", "browser", None, &["camera"])));
    said(&mut joint);
    joint.heard_there(&Frame::Delta {
        seq: 3,
        event: Event::Renamed { participant: "p5".into(), name: "Bob".into() },
    });
    let now = said(&mut joint);
    assert_eq!(
        people(match &now[..] {
            [Say::Here(ask)] => ask,
            _ => panic!("{now:?}"),
        })[0]
            .0,
        "Bob"
    );
    joint.heard_there(&frame(
        r#"{"seq":4,"event":{"track":{"participant":"p5","source":"camera","state":"muted"}}}"#,
    ));
    let now = said(&mut joint);
    let [Say::Here(Ask::Behind(behind))] = &now[..] else { panic!("{now:?}") };
    assert!(behind.people[0].tracks[0].muted, "it keeps its line");
    let layers =
        Tell::Layers { source: crate::web::wire::Source::Camera, watched: 1, participant: Some("p5".into()) };
    joint.heard_here(&Frame::Told { tell: layers });
    let now = said(&mut joint);
    let [Say::There(Ask::Carry { lines, .. })] = &now[..] else { panic!("{now:?}") };
    assert_eq!((lines[0].mid.as_str(), lines[0].layers), ("bv", 1));
    joint.heard_there(&frame(r#"{"seq":5,"event":{"left":{"participant":"p5","reason":"left"}}}"#));
    let now = said(&mut joint);
    let [Say::Here(ask), Say::There(Ask::Carry { lines, .. })] = &now[..] else { panic!("{now:?}") };
    assert!(people(ask).is_empty() && lines.is_empty());
}

#[test]
fn it_is_over_when_one_of_the_meetings_ends_or_the_bridge_is_out() {
    let mut joint = joined();
    assert!(!joint.is_over());
    joint.heard_there(&frame(r#"{"seq":2,"event":{"ended":{}}}"#));
    assert!(joint.is_over());
    let mut joint = joined();
    joint.heard_here(&frame(r#"{"seq":2,"event":{"left":{"participant":"p1","reason":"kicked"}}}"#));
    assert!(joint.is_over());
}

#[test]
fn a_participant_of_a_later_version_is_read_all_the_same() {
    let text = participant("p9", "Eve", "browser", None, &[]).replace("\"held\"", "\"news\":1,\"held\"");
    assert!(serde_json::from_str::<Participant>(&text).is_ok());
}

#[test]
fn who_finds_no_line_is_left_out_and_said_to_be_until_one_is_free() {
    let mut joint = joined();
    joint.heard_here(&joins(2, &participant("p2", "Ann", "browser", None, &["camera"])));
    said(&mut joint);
    joint.heard_here(&joins(3, &participant("p3", "Ben", "browser", None, &["camera"])));
    let now = said(&mut joint);
    let [Say::There(behind), Say::Here(Ask::Carry { lines, left_out })] = &now[..] else { panic!("{now:?}") };
    assert_eq!(people(behind)[1], ("Ben".to_owned(), vec![None]));
    assert_eq!(lines.len(), 1);
    assert_eq!(left_out.iter().map(|one| one.participant.as_str()).collect::<Vec<_>>(), ["p3"]);
    joint.heard_here(&frame(r#"{"seq":4,"event":{"left":{"participant":"p2","reason":"left"}}}"#));
    let now = said(&mut joint);
    let [_, Say::Here(Ask::Carry { lines, left_out })] = &now[..] else { panic!("{now:?}") };
    assert_eq!((lines[0].participant.as_str(), left_out.len()), ("p3", 0));
}
