//! What lasts of calls: the numbers of tokens, what was missed, where to notify, and the records.

use std::collections::{BTreeMap, VecDeque};

use super::Reach;
use crate::appliance::store::calls::{KeptCalls, KeptUser};
use crate::calling::{User, UserId};
use crate::refusal::{Code, Refusal};
use crate::web::wire::calling::{CallRecord, PushSubscription, RECORDS_MAX};

/// The most records that are kept; the oldest is dropped.
pub(super) const RECORDS_KEPT_MAX: usize = 10_000;

/// The most browsers in which one user is notified; the one that subscribed first is dropped.
pub(super) const SUBSCRIPTIONS_MAX: usize = 8;

/// What is kept of a user besides the entry of the directory.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// Tokens with another number are good no longer.
    pub(super) number: u32,
    /// Calls missed since the user last looked.
    pub(super) missed: u32,
    /// The one that subscribed first comes first.
    pub(super) subscriptions: VecDeque<PushSubscription>,
    /// Of an appliance that we reach.
    pub(super) reach: Option<Reach>,
}

/// The users' other halves, and the records of calls.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    users: BTreeMap<UserId, Kept>,
    /// The oldest first.
    records: VecDeque<CallRecord>,
    last_user: u64,
    last_record: u64,
}

impl Ledger {
    /// What was kept when the appliance stopped; and the directory, for the calls.
    pub(super) fn restore(kept: KeptCalls) -> (Self, Vec<User>) {
        let KeptCalls { users, subscriptions, records, last_user, last_record, .. } = kept;
        let mut ledger = Self { users: BTreeMap::new(), records, last_user, last_record };
        let mut directory = Vec::new();
        for KeptUser { user, number, missed, reach } in users {
            ledger.users.insert(user.id, Kept { number, missed, reach, ..Kept::default() });
            directory.push(user);
        }
        for (user, subscription) in subscriptions {
            if let Some(kept) = ledger.users.get_mut(&user) {
                kept.subscriptions.push_back(subscription);
            }
        }
        (ledger, directory)
    }

    /// The next id for a user, and a place for what is kept of them.
    pub(super) fn enrol(&mut self) -> UserId {
        self.last_user += 1;
        let id = UserId(self.last_user);
        self.users.insert(id, Kept { number: 1, ..Kept::default() });
        id
    }

    pub(super) fn strike(&mut self, user: UserId) {
        self.users.remove(&user);
    }

    pub(super) fn kept(&self, user: UserId) -> Option<&Kept> {
        self.users.get(&user)
    }

    /// How an appliance is reached from now on.
    pub(super) fn set_reach(&mut self, user: UserId, reach: Option<Reach>) {
        if let Some(kept) = self.users.get_mut(&user) {
            kept.reach = reach;
        }
    }

    /// Every token of that user so far is void; the number of the next ones.
    pub(super) fn revoke(&mut self, user: UserId) -> Option<u32> {
        let kept = self.users.get_mut(&user)?;
        kept.number = kept.number.wrapping_add(1);
        Some(kept.number)
    }

    /// One more call was missed; how many now.
    pub(super) fn miss(&mut self, user: UserId) -> u32 {
        self.users.get_mut(&user).map_or(0, |kept| {
            kept.missed = kept.missed.saturating_add(1);
            kept.missed
        })
    }

    pub(super) fn see_missed(&mut self, user: UserId) {
        if let Some(kept) = self.users.get_mut(&user) {
            kept.missed = 0;
        }
    }

    /// Notifies a user there, too. A browser that was another user's is this one's from now on.
    pub(super) fn subscribe(&mut self, user: UserId, subscription: PushSubscription) -> Result<(), Refusal> {
        self.forget_endpoint(&subscription.endpoint);
        let gone = || Refusal::new(Code::UserNotFound, "you are no longer in the directory");
        let subscriptions = &mut self.users.get_mut(&user).ok_or_else(gone)?.subscriptions;
        subscriptions.push_back(subscription);
        if subscriptions.len() > SUBSCRIPTIONS_MAX {
            subscriptions.pop_front();
        }
        Ok(())
    }

    /// Nobody is notified there any more.
    pub(super) fn forget_endpoint(&mut self, endpoint: &str) {
        for kept in self.users.values_mut() {
            kept.subscriptions.retain(|known| known.endpoint != endpoint);
        }
    }

    /// Keeps the record of a call, and numbers it.
    pub(super) fn record(&mut self, record: CallRecord) -> CallRecord {
        self.last_record += 1;
        let record = CallRecord { number: self.last_record, ..record };
        self.records.push_back(record.clone());
        if self.records.len() > RECORDS_KEPT_MAX {
            self.records.pop_front();
        }
        record
    }

    /// The last records before a number, of a user or of everybody; at most [`RECORDS_MAX`], the last first.
    pub(super) fn records(&self, user: Option<UserId>, before: Option<u64>) -> Vec<CallRecord> {
        let user = user.map(|user| user.to_string());
        let is_meant = |record: &&CallRecord| {
            let is_of = |user: &String| {
                record.caller.user == *user || record.callees.iter().any(|callee| callee.user == *user)
            };
            before.is_none_or(|before| record.number < before) && user.as_ref().is_none_or(is_of)
        };
        self.records.iter().rev().filter(is_meant).take(RECORDS_MAX).cloned().collect()
    }
}
