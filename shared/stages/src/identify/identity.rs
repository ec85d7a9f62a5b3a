//! Whose card it is, with as few questions as is right. A found answer is believed by this process for ten minutes,
//! unless the card was linked or unlinked since; what was not found is asked for each time.
//!
//! The row `NOW` beside the answers says how often the card was linked, and which answer is the newest: one cheap read
//! per look-up, and a write only when the answer is another one than before. Who asked last is kept in memory and not
//! in that row: it would cost a write per active member every ten minutes, which for most is one per line.

use super::directory::Lookup;
use crate::{Directory, Harmonia, StageError};
use harmonia_domain::{
    card::{SealedToken, TokenHash},
    feed::Slug,
    identity::{Identity, IdentityRef},
    outcome::ParkReason,
};
use harmonia_ports::Read;
use harmonia_state::{DirectoryUser, NewestIdentity, Row, Stored, StoredIdentity};
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How long a found answer is believed (issue: at most 10 minutes).
const KEEP_S: i64 = 600;
/// At most so many members are remembered; then all are forgotten: about 20 MB.
const MEMBERS_MAX: usize = 50_000;

/// What the directory says.
pub(crate) enum Whose {
    Known(IdentityRef),
    NotKnown,
    NoCardInformation,
    Unavailable,
}

impl Whose {
    /// Why lines of the card would wait; none if it is known.
    pub(super) fn parked(&self) -> Option<ParkReason> {
        match self {
            Self::Known(_) => None,
            Self::NotKnown => Some(ParkReason::CardNotKnown),
            Self::NoCardInformation => Some(ParkReason::NoCardInformation),
            Self::Unavailable => Some(ParkReason::DirectoryUnavailable),
        }
    }
}

/// An answer, and how often the card had been linked before it was asked for.
pub(crate) struct Answer {
    pub(crate) whose: Whose,
    pub(super) links: u64,
}

struct Kept {
    who: IdentityRef,
    links: u64,
    asked: Timestamp,
}

/// Answers of the last ten minutes.
#[derive(Default)]
pub struct IdentityCache(Mutex<HashMap<(Slug, TokenHash), Kept>>);

impl IdentityCache {
    fn get(&self, card: &(Slug, TokenHash), links: u64, now: Timestamp) -> Option<IdentityRef> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.get(card)?;
        let fresh = kept.links == links && now.duration_since(kept.asked).as_secs() < KEEP_S;
        fresh.then(|| kept.who.clone())
    }

    fn put(&self, card: (Slug, TokenHash), who: IdentityRef, links: u64, asked: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MEMBERS_MAX {
            kept.clear();
        }
        kept.insert(card, Kept { who, links, asked });
    }
}

impl Harmonia {
    /// Whose card it is at this merchant.
    pub(crate) async fn whose(
        &self,
        merchant: Slug,
        token: TokenHash,
        sealed: &SealedToken,
    ) -> Result<Answer, StageError> {
        let now = self.now();
        let key = NewestIdentity::key_of(&merchant, &token);
        let newest: Option<Stored<NewestIdentity>> = self.store().get(&key, Read::Eventual).await?;
        let links = newest.as_ref().map_or(0, |n| n.row.links);
        let card = (merchant, token);
        if let Some(who) = self.identities.get(&card, links, now) {
            return Ok(Answer { whose: Whose::Known(who), links });
        }
        let whose = match self.ask(&card.0, &card.1, sealed).await? {
            Lookup::Found(identity) => {
                let who = identity.pointer(self.cards.member(identity.merchant.as_str(), &identity.loyalty_id));
                self.keep(*identity, newest, now).await?;
                self.identities.put(card, who.clone(), links, now);
                Whose::Known(who)
            }
            Lookup::NotKnown => Whose::NotKnown,
            Lookup::NoCardInformation => Whose::NoCardInformation,
            Lookup::Unavailable => Whose::Unavailable,
        };
        Ok(Answer { whose, links })
    }

    /// Asks whichever directory there is.
    async fn ask(&self, merchant: &Slug, token: &TokenHash, sealed: &SealedToken) -> Result<Lookup, StageError> {
        match &self.settings.directory {
            Directory::Http { url, key } => {
                let clear = self.cards.open(sealed)?;
                Ok(self.look_up(url, key, merchant, token, &clear).await)
            }
            Directory::Table => {
                let key = DirectoryUser::key_of(merchant, token);
                let found: Option<Stored<DirectoryUser>> = self.store().find(&key).await?;
                Ok(found.map_or(Lookup::NotKnown, |user| answer(user.row)))
            }
        }
    }

    /// Keeps the answer under its content, then points to it as the newest. An answer that is the newest already costs
    /// nothing. Whoever links the card meanwhile wins: then the pointer is not moved.
    async fn keep(
        &self,
        identity: Identity,
        newest: Option<Stored<NewestIdentity>>,
        now: Timestamp,
    ) -> Result<(), StageError> {
        let id = identity.id();
        if newest.as_ref().is_some_and(|n| n.row.newest.as_ref() == Some(&id)) {
            return Ok(());
        }
        let stamp = self.stamp("identify");
        let none = NewestIdentity::none(identity.merchant.clone(), identity.token.clone());
        let identity = StoredIdentity(identity);
        if self.store().get::<StoredIdentity>(&identity.key(), Read::Eventual).await?.is_none() {
            self.store().insert(&identity, &stamp).await?;
        }
        let point = |old: NewestIdentity| NewestIdentity { newest: Some(id), at: Some(now), ..old };
        match newest {
            Some(seen) => {
                let next = point(seen.row.clone());
                self.store().replace(&seen, &next, &stamp).await?;
            }
            None => {
                self.store().insert(&point(none), &stamp).await?;
            }
        }
        Ok(())
    }
}

/// What a directory service would answer (spec import §9).
fn answer(user: DirectoryUser) -> Lookup {
    let Some((first_six, last_four)) = user.digits else { return Lookup::NoCardInformation };
    Lookup::Found(Box::new(Identity {
        merchant: user.merchant,
        token: user.token,
        loyalty_id: user.loyalty_id,
        scheme_account_id: user.scheme_account_id,
        user_id: user.user_id,
        credentials: user.credentials,
        first_six,
        last_four,
        payment_card_account_id: user.payment_card_account_id,
        expiry_month: user.expiry_month,
        expiry_year: user.expiry_year,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harmonia_domain::{card::MemberHash, ids::Id};

    /// Issue: at most 10 minutes, and a link or unlink clears it.
    #[test]
    fn answers_are_believed_for_ten_minutes_or_until_a_link() {
        let cache = IdentityCache::default();
        let card = ("itsu".parse::<Slug>().unwrap(), TokenHash("h".into()));
        let who = IdentityRef {
            id: Id::derive("identity", &["1"]),
            token: card.1.clone(),
            member: MemberHash("m".into()),
            first_six: "424242".into(),
            last_four: "4242".into(),
        };
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(cache.get(&card, 0, at(0)), None);
        cache.put(card.clone(), who.clone(), 3, at(1_000));
        assert_eq!(cache.get(&card, 3, at(1_599)), Some(who));
        assert_eq!(cache.get(&card, 3, at(1_600)), None);
        assert_eq!(cache.get(&card, 4, at(1_001)), None);
        assert_eq!(cache.get(&("bpl-viator".parse().unwrap(), card.1), 3, at(1_001)), None);
    }
}
