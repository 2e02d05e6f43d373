//! The room tries itself out: it sits in a meeting of its own for some seconds, and says what did not work.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use serde_json::{Value, json};
use tokio::time::{interval, timeout};

use super::Shared;
use crate::appliance::Handle;
use crate::appliance::handle::{NewMeeting, RoomStatus};
use crate::refusal::Refusal;
use crate::system::conditions::Kind;
use crate::system::operations::Progress;

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long everything may take to work.
const WITHIN: Duration = Duration::from_secs(15);

/// What has to be counted until a part is said to work: a second of pictures and of sound.
const PICTURES: u64 = 20;
const FRAMES: u64 = 25;
const PACKETS: u64 = 50;

/// The conditions that are part of the result.
const CONDITIONS: [Kind; 8] = [
    Kind::NetworkOnline,
    Kind::CertificateValid,
    Kind::CameraReady,
    Kind::MicrophoneReady,
    Kind::SpeakerReady,
    Kind::DisplayReady,
    Kind::EncoderOk,
    Kind::StorageOk,
];

/// What was found of one thing.
struct Found {
    what: &'static str,
    /// `None` where it was not tried.
    works: Option<bool>,
    message: String,
}

/// Tries the room out, and says how far that is.
pub(super) async fn run(shared: Arc<Shared>, progress: Progress) {
    progress.tell(5, "looks at the conditions");
    let mut found = conditions(&shared);
    progress.tell(20, "sits in a meeting of its own");
    let outcome = tokio::select! {
        outcome = in_a_meeting(&shared.handle, &progress) => outcome,
        () = progress.cancelled() => {
            leave(&shared.handle).await;
            return progress.give_up("cancelled");
        }
    };
    match outcome {
        Ok(more) => found.extend(more),
        Err(refusal) => found.push(Found { what: "meeting", works: Some(false), message: refusal.detail }),
    }
    let failed = found.iter().filter(|one| one.works == Some(false)).count();
    let result: Value = found
        .iter()
        .map(|one| json!({ "what": one.what, "works": one.works, "message": one.message }))
        .collect();
    match failed {
        0 => progress.succeed("everything that was tried works", result),
        _ => progress.fail(&format!("{failed} of {} do not work; each says what to do", found.len()), result),
    }
}

fn conditions(shared: &Shared) -> Vec<Found> {
    let conditions = shared.conditions.borrow();
    let known = CONDITIONS.into_iter().filter_map(|kind| conditions.get(kind));
    known
        .map(|condition| Found {
            what: condition.kind.as_str(),
            works: condition.finding.status,
            message: condition.finding.message.clone(),
        })
        .collect()
}

/// The room in a meeting that ends with this.
async fn in_a_meeting(handle: &Handle, progress: &Progress) -> Result<Vec<Found>, Refusal> {
    let before = handle.status().await?.room;
    let mut random = [0; 4];
    rand::fill(&mut random).expect("the system has random numbers once it has started");
    let name = format!("test-{:08x}", u32::from_ne_bytes(random));
    handle.create_meeting(NewMeeting { name: name.clone(), ..NewMeeting::default() }).await?;
    let outcome = sit(handle, &name, (&before.figures, before.camera_on), progress).await;
    leave(handle).await;
    // A meeting that nobody is in ends by itself.
    drop(handle.end_meeting(name).await);
    outcome
}

async fn leave(handle: &Handle) {
    if let Err(refusal) = handle.room_leave().await {
        log::warn!("after its test the room stays where it is: {refusal}");
    }
}

async fn sit(
    handle: &Handle,
    name: &str,
    (before, with_camera): (&RoomStatus, bool),
    progress: &Progress,
) -> Result<Vec<Found>, Refusal> {
    handle.room_join(name.to_owned()).await?;
    let mut looks = interval(LOOK_EVERY);
    let mut last = before.clone();
    let all = async {
        loop {
            looks.tick().await;
            last = handle.status().await?.room.figures;
            let counts = counted(before, &last, with_camera);
            let done = counts.iter().filter(|(_, count, wanted)| count >= wanted).count();
            progress.tell(
                u8::try_from(20 + 75 * done / counts.len()).unwrap_or(95),
                "tries camera, sound and screen",
            );
            if done == counts.len() {
                return Ok(());
            }
        }
    };
    // What is not there in time is found below.
    if let Ok(Err(refusal)) = timeout(WITHIN, all).await {
        return Err(refusal);
    }
    let seconds = WITHIN.as_secs();
    let mut found: Vec<Found> = counted(before, &last, with_camera)
        .into_iter()
        .map(|(what, count, wanted)| Found {
            what,
            works: Some(count >= wanted),
            message: if count >= wanted {
                format!("{count} in a moment")
            } else {
                format!(
                    "{count} within {seconds} s, where {wanted} take a second; see its condition, and the log"
                )
            },
        })
        .collect();
    if !with_camera {
        let message = "the camera is switched off in the room, and stays so".to_owned();
        found.push(Found { what: "camera pictures", works: None, message });
    }
    Ok(found)
}

/// What was counted since, and how much of it there has to be.
fn counted(before: &RoomStatus, now: &RoomStatus, with_camera: bool) -> Vec<(&'static str, u64, u64)> {
    let since = |count: fn(&RoomStatus) -> u64| count(now).saturating_sub(count(before));
    let camera = ("camera pictures", since(|room| room.camera_frames), PICTURES);
    let others = [
        ("published packets", since(|room| room.packets_out), PACKETS),
        ("pictures on the screen", since(|room| room.frames), FRAMES),
    ];
    with_camera.then_some(camera).into_iter().chain(others).collect()
}
