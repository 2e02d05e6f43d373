//! Who is in the meeting, as the scene shows it: plain values that the appliance hands to the room.

use crate::sfu::SlotId;
use crate::track::Source;

/// The most participants that a scene knows; later ones are counted but not shown.
pub const PARTICIPANTS_MAX: usize = 256;

/// The most characters of a text that the scene draws; longer ones end in an ellipsis.
pub const TEXT_CHARS_MAX: usize = 80;

/// The language of the scene's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

/// How people in the room want to see the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Arrangement {
    /// Up to four as equals, more of them with a stage.
    #[default]
    Auto,
    /// As equals, as many as there is room for.
    Grid,
    /// Who speaks on the stage.
    Speaker,
}

/// What the screen shall tell: the meeting, how to join it, and who is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SceneModel {
    /// The meeting that the room is in; absent while it is in none.
    pub meeting: Option<String>,
    /// What the QR code says.
    pub join_url: String,
    /// The join address for people to read and type.
    pub join_text: String,
    /// Everybody, the room itself too, in the order of joining.
    pub participants: Vec<SceneParticipant>,
    /// The active speaker.
    pub active: Option<u64>,
    /// How they are arranged.
    pub arrangement: Arrangement,
    /// Everybody who is heard now, the loudest first.
    pub heard: Vec<u64>,
    /// What the people in the room should tell somebody: one sentence, or nothing.
    pub trouble: String,
    /// What goes on besides speaking.
    pub aside: SceneAside,
    /// A call that rings here, or that the room has begun.
    pub call: Option<SceneCall>,
    /// How whoever sets the appliance up becomes its owner, while nobody is.
    pub claim: Option<SceneClaim>,
    /// The language of the scene's own words.
    pub language: Language,
}

impl SceneModel {
    /// Everybody but the room itself, at most [`PARTICIPANTS_MAX`].
    pub fn others(&self) -> impl Iterator<Item = &SceneParticipant> {
        self.participants.iter().filter(|participant| !participant.is_room).take(PARTICIPANTS_MAX)
    }

    /// The room itself, where it is in the meeting.
    #[must_use]
    pub fn own(&self) -> Option<&SceneParticipant> {
        self.participants.iter().find(|participant| participant.is_room)
    }

    /// The participant of that id.
    #[must_use]
    pub fn participant(&self, id: u64) -> Option<&SceneParticipant> {
        self.participants.iter().find(|participant| participant.id == id)
    }
}

/// What goes on besides speaking, told in the column beside the pictures. All texts come from strangers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SceneAside {
    /// The names of those whose hands are up, the first to raise it first.
    pub hands: Vec<String>,
    /// The poll that is open, or was closed a moment ago.
    pub poll: Option<ScenePoll>,
    /// The last messages to everybody, the oldest first, if they are to be shown.
    pub messages: Vec<SceneMessage>,
}

impl SceneAside {
    /// Whether there is nothing to tell.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.hands.is_empty() && self.poll.is_none() && self.messages.is_empty()
    }
}

/// A poll as the scene shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScenePoll {
    /// What is asked.
    pub question: String,
    /// What can be chosen, and how often it was, where that may be seen.
    pub options: Vec<(String, Option<u32>)>,
    /// How many people have voted.
    pub voters: u32,
    /// Whether votes are still taken.
    pub is_open: bool,
}

/// A chat message as the scene shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SceneMessage {
    /// Who wrote it.
    pub name: String,
    /// What.
    pub text: String,
}

/// What whoever sets the appliance up has to know.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SceneClaim {
    /// Where the code is entered.
    pub address: String,
    /// The code.
    pub code: String,
}

/// A call as the scene shows it, to be seen where nothing can be heard; or the box that somebody looks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SceneCall {
    /// Who rings, or is rung; or the room. The names come from strangers.
    pub names: String,
    /// What it is.
    pub what: SceneSign,
    /// Bright or dark: who rings is shown in turns.
    pub bright: bool,
}

/// What is told in large letters, above everything else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SceneSign {
    /// A call with pictures comes from outside.
    RingsVideo,
    /// A call of sound alone does.
    RingsAudio,
    /// The room rings somebody.
    IsRung,
    /// This is the box that is looked for; how it is reached.
    IsHere(String),
}

/// A participant as the scene shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SceneParticipant {
    /// Its id in the meeting.
    pub id: u64,
    /// The name on its plate. It comes from strangers.
    pub name: String,
    /// Whether it is this room itself.
    pub is_room: bool,
    /// Whether its camera can be seen: published and not muted.
    pub camera: bool,
    /// Whether its microphone is muted or absent.
    pub microphone_muted: bool,
    /// Whether it shares a screen.
    pub screen: bool,
}

/// One of the room's slots is filled with another track, from the frame with that timestamp on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotWord {
    /// The slot.
    pub slot: SlotId,
    /// Whose track; `None` when the slot is empty from now on.
    pub track: Option<(u64, Source)>,
    /// The RTP timestamp of the first packet of it; compared modulo 2^32.
    pub rtp_timestamp: u32,
}
