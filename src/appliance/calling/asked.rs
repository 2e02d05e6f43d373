//! What the edges ask of the calls: pages by words, administrators by HTTP; one method each.

use tokio::sync::mpsc;

use super::Reach;
use super::elsewhere::Told;
use crate::appliance::handle::{Call, Handle, Reply};
use crate::refusal::Refusal;
use crate::web::wire::calling::{Ask, CallRecord, CallState, Frame, LegState, Media, Presence, UserEntry};

/// A page that is signed in, as the edge knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PageId(pub u64);

/// Who signs in; the token was checked by the edge, but for its number.
#[derive(Debug)]
pub struct SignOn {
    /// Who.
    pub user: u64,
    /// The number in the token.
    pub number: u32,
    /// What the page calls itself.
    pub device: String,
    /// Where its words go; dropping the receiver is a cut.
    pub frames: mpsc::Sender<Frame>,
}

/// A user as administrators see them.
#[derive(Debug, Clone)]
pub struct UserView {
    /// As everybody sees them.
    pub entry: UserEntry,
    /// The id as a number, for tokens.
    pub user: u64,
    /// The number that tokens have to have.
    pub number: u32,
    /// On how many devices they are signed in.
    pub devices: usize,
    /// How many calls they have missed since they last looked.
    pub missed: u32,
    /// How it is reached, of an appliance.
    pub reach: Option<Reach>,
}

/// Somebody to be put into the directory.
#[derive(Debug, Clone)]
pub enum NewUser {
    /// A person.
    Person,
    /// The room of another appliance, and how we reach it, where it does not reach us.
    Appliance(Option<Reach>),
}

/// Whom the room rings.
#[derive(Debug)]
pub(in crate::appliance) struct Ringing {
    pub(super) users: Vec<String>,
    pub(super) media: Media,
}

/// Everything that the edges can ask of the calls.
pub(in crate::appliance) enum Asked {
    SignOn(SignOn, Reply<(PageId, Frame)>),
    /// The `u32` is the request's id, which the answering frame repeats.
    Ask(PageId, u32, Ask),
    Cut(PageId),
    Users(Reply<Vec<UserView>>),
    User(String, Reply<UserView>),
    CreateUser(String, NewUser, Reply<UserView>),
    ChangeUser {
        user: String,
        name: Option<String>,
        do_not_disturb: Option<bool>,
        reply: Reply<UserView>,
    },
    RemoveUser(String, Reply<()>),
    Revoke(String, Reply<UserView>),
    Calls(Reply<Vec<CallState>>),
    Records {
        user: Option<String>,
        before: Option<u64>,
        reply: Reply<Vec<CallRecord>>,
    },
    /// Another appliance tells something, as this user.
    Elsewhere(u64, Told, Reply<()>),
    /// Somebody there rings our room.
    RungFromElsewhere(u64, Media, Reply<u64>),
    /// The room rings.
    RoomRings(Ringing, Reply<CallState>),
    RoomAccepts(Reply<()>),
    RoomDeclines(Reply<()>),
    RoomHangsUp(Reply<()>),
}

impl Handle {
    /// Signs a page in; its welcome.
    ///
    /// # Errors
    /// `not-permitted` for a token that was revoked, `user-not-found`, `invalid-parameter`, `busy`.
    pub async fn sign_on(&self, sign_on: SignOn) -> Result<(PageId, Frame), Refusal> {
        self.asked(|reply| Asked::SignOn(sign_on, reply)).await
    }

    /// Hands on a page's request; the answer comes as a [`Frame`].
    pub async fn ask_calls(&self, page: PageId, id: u32, ask: Ask) {
        self.post(Call::Calling(Box::new(Asked::Ask(page, id, ask)))).await;
    }

    /// The page's socket is gone; it may come back.
    pub async fn cut_page(&self, page: PageId) {
        self.post(Call::Calling(Box::new(Asked::Cut(page)))).await;
    }

    /// The directory.
    ///
    /// # Errors
    /// `busy`.
    pub async fn users(&self) -> Result<Vec<UserView>, Refusal> {
        self.asked(Asked::Users).await
    }

    /// An entry of the directory.
    ///
    /// # Errors
    /// `user-not-found`, `busy`.
    pub async fn user(&self, user: String) -> Result<UserView, Refusal> {
        self.asked(|reply| Asked::User(user, reply)).await
    }

    /// Puts a person, or another appliance, into the directory.
    ///
    /// # Errors
    /// `invalid-parameter`, `busy`.
    pub async fn create_user(&self, name: String, new: NewUser) -> Result<UserView, Refusal> {
        self.asked(|reply| Asked::CreateUser(name, new, reply)).await
    }

    /// How the room of another appliance can be reached; `None`: it does not answer.
    ///
    /// # Errors
    /// `busy`.
    pub async fn presence_elsewhere(&self, user: u64, presence: Option<Presence>) -> Result<(), Refusal> {
        self.asked(|reply| Asked::Elsewhere(user, Told::Presence(presence), reply)).await
    }

    /// Somebody at another appliance accepts our call.
    ///
    /// # Errors
    /// `peer-lost` when it is over.
    pub async fn accepted_elsewhere(&self, user: u64, call: u64) -> Result<(), Refusal> {
        self.asked(|reply| Asked::Elsewhere(user, Told::Accepts(call), reply)).await
    }

    /// The room of another appliance has taken being rung so.
    ///
    /// # Errors
    /// `peer-lost` when the call is over.
    pub async fn taken_elsewhere(&self, user: u64, call: u64, took: LegState) -> Result<(), Refusal> {
        self.asked(|reply| Asked::Elsewhere(user, Told::Took(call, took), reply)).await
    }

    /// Another appliance takes its call back, or hangs up.
    ///
    /// # Errors
    /// `peer-lost` when the call is over.
    pub async fn hung_up_elsewhere(&self, user: u64, call: u64) -> Result<(), Refusal> {
        self.asked(|reply| Asked::Elsewhere(user, Told::HangsUp(call), reply)).await
    }

    /// Somebody at another appliance rings our room; the call.
    ///
    /// # Errors
    /// `peer-lost`, `busy`, `too-many-requests`.
    pub async fn rung_from_elsewhere(&self, user: u64, media: Media) -> Result<u64, Refusal> {
        self.asked(|reply| Asked::RungFromElsewhere(user, media, reply)).await
    }

    /// Changes an entry of the directory; what is `None` stays as it is.
    ///
    /// # Errors
    /// `user-not-found`, `invalid-parameter`, `busy`.
    pub async fn change_user(
        &self,
        user: String,
        name: Option<String>,
        do_not_disturb: Option<bool>,
    ) -> Result<UserView, Refusal> {
        self.asked(|reply| Asked::ChangeUser { user, name, do_not_disturb, reply }).await
    }

    /// Takes a person out of the directory.
    ///
    /// # Errors
    /// `user-not-found`, `not-permitted` for the room itself, `busy`.
    pub async fn remove_user(&self, user: String) -> Result<(), Refusal> {
        self.asked(|reply| Asked::RemoveUser(user, reply)).await
    }

    /// Makes all tokens of a user void, and signs their pages out.
    ///
    /// # Errors
    /// `user-not-found`, `busy`.
    pub async fn revoke(&self, user: String) -> Result<UserView, Refusal> {
        self.asked(|reply| Asked::Revoke(user, reply)).await
    }

    /// The calls that go on.
    ///
    /// # Errors
    /// `busy`.
    pub async fn calls(&self) -> Result<Vec<CallState>, Refusal> {
        self.asked(Asked::Calls).await
    }

    /// The last records before a number, of one user or of everybody.
    ///
    /// # Errors
    /// `invalid-parameter`, `busy`.
    pub async fn call_records(
        &self,
        user: Option<String>,
        before: Option<u64>,
    ) -> Result<Vec<CallRecord>, Refusal> {
        self.asked(|reply| Asked::Records { user, before, reply }).await
    }

    /// Has the room ring somebody.
    ///
    /// # Errors
    /// `user-not-found`, `invalid-parameter`, `too-many-requests`, `busy`.
    pub async fn room_rings(&self, users: Vec<String>, media: Media) -> Result<CallState, Refusal> {
        self.asked(|reply| Asked::RoomRings(Ringing { users, media }, reply)).await
    }

    /// Has the room answer the call that rings there.
    ///
    /// # Errors
    /// `peer-lost` when none does, `busy`.
    pub async fn room_accepts(&self) -> Result<(), Refusal> {
        self.asked(Asked::RoomAccepts).await
    }

    /// Has the room decline the call that rings there.
    ///
    /// # Errors
    /// `peer-lost` when none does, `busy`.
    pub async fn room_declines(&self) -> Result<(), Refusal> {
        self.asked(Asked::RoomDeclines).await
    }

    /// Takes the room's own call back, or takes the room out of its call.
    ///
    /// # Errors
    /// `peer-lost` when there is none, `busy`.
    pub async fn room_hangs_up(&self) -> Result<(), Refusal> {
        self.asked(Asked::RoomHangsUp).await
    }

    async fn asked<T>(&self, build: impl FnOnce(Reply<T>) -> Asked) -> Result<T, Refusal> {
        self.call(|reply| Call::Calling(Box::new(build(reply)))).await
    }
}
