//! Linking cards, and the second user directory: a table of members for those who have no directory to ask. Loading a
//! line that says something new links that card.

use super::{Change, Reopened, UserRow};
use crate::{Harmonia, StageError};
use harmonia_domain::{card::TokenHash, feed::Slug};
use harmonia_ports::{Expect, Read, Stamp, Write, WriteError};
use harmonia_state::{DirectoryUser, NewestIdentity, Row, Stored, put_write};
use secrecy::SecretString;

/// How often a lost race is looked at again.
const TRIES_MAX: u32 = 10;

/// What loading users did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsersImported {
    /// New cards.
    pub added: usize,
    /// Cards of which the file says something else than the table did.
    pub changed: usize,
    /// Cards that are in the table just so.
    pub unchanged: usize,
    /// What may set parked lines free.
    pub change: Change,
}

impl Harmonia {
    /// Loads users into the second directory. `write`: else it only says what would be done.
    pub async fn import_users(&self, users: &[UserRow], write: bool) -> Result<UsersImported, StageError> {
        let stamp = self.stamp("users");
        let (mut done, mut linked) = (UsersImported::default(), Vec::new());
        for user in users {
            let row = self.directory_user(user);
            let there: Option<Stored<DirectoryUser>> = self.store().get(&row.key(), Read::Consistent).await?;
            let known = there.map(|s| s.row == row);
            match known {
                Some(true) => done.unchanged += 1,
                Some(false) => done.changed += 1,
                None => done.added += 1,
            }
            if write && known != Some(true) {
                // at once: a line that is there without its link would never be linked by loading it again
                let user = put_write(&row, Expect::Any, &stamp);
                self.mark_linked(&row.merchant, &row.token, Some(user), &stamp).await?;
            }
            // also of those that are there just so: an earlier call may have died before it re-opened their lines
            linked.push((row.merchant, row.token));
        }
        Ok(UsersImported { change: Change::linking(linked), ..done })
    }

    fn directory_user(&self, user: &UserRow) -> DirectoryUser {
        DirectoryUser {
            merchant: user.merchant.clone(),
            token: self.cards.hash(&user.token),
            loyalty_id: user.loyalty_id.clone(),
            scheme_account_id: user.scheme_account_id,
            user_id: user.user_id,
            credentials: user.credentials.clone(),
            digits: user.digits.clone(),
            expiry_month: user.expiry_month,
            expiry_year: user.expiry_year,
            payment_card_account_id: user.payment_card_account_id,
        }
    }

    /// What linking a card sets free, before it is linked.
    pub fn linking(&self, merchant: &Slug, token: &SecretString) -> Change {
        Change::linking(vec![(merchant.clone(), self.cards.hash(token))])
    }

    /// The user directory has linked a card to a member: what was answered before is out of date, and lines that were
    /// parked for the card are asked for again.
    pub async fn link(&self, merchant: &Slug, token: &SecretString) -> Result<Reopened, StageError> {
        let change = self.linked(merchant, token).await?;
        self.reopen(&change).await
    }

    /// The first half of [`Harmonia::link`]: what is to be re-opened is left to the caller.
    pub async fn linked(&self, merchant: &Slug, token: &SecretString) -> Result<Change, StageError> {
        self.mark_linked(merchant, &self.cards.hash(token), None, &self.stamp("link")).await?;
        Ok(self.linking(merchant, token))
    }

    /// The card is a member's no more: what was answered before is out of date, and the second directory forgets the
    /// card. What is matched already stays matched.
    pub async fn unlink(&self, merchant: &Slug, token: &SecretString) -> Result<(), StageError> {
        let token = self.cards.hash(token);
        self.store().delete::<DirectoryUser>(&DirectoryUser::key_of(merchant, &token)).await?;
        self.mark_linked(merchant, &token, None, &self.stamp("unlink")).await
    }

    /// Counts the link or unlink, in one transaction with what it is about, if that is ours: answers under the count
    /// before are not used any more.
    async fn mark_linked(
        &self,
        merchant: &Slug,
        token: &TokenHash,
        with: Option<Write>,
        stamp: &Stamp,
    ) -> Result<(), StageError> {
        for _ in 0..TRIES_MAX {
            let key = NewestIdentity::key_of(merchant, token);
            let found: Option<Stored<NewestIdentity>> = self.store().get(&key, Read::Consistent).await?;
            let none = || NewestIdentity::none(merchant.clone(), token.clone());
            let old = found.as_ref().map_or_else(none, |f| f.row.clone());
            let next =
                NewestIdentity { newest: None, at: None, links: old.links + 1, linked_at: Some(self.now()), ..old };
            let expect = found.map_or(Expect::Absent, |found| Expect::Version(found.version));
            let mark = put_write(&next, expect, stamp);
            match self.store().transact(with.iter().cloned().chain([mark]).collect()).await {
                Ok(()) => return Ok(()),
                Err(WriteError::Store(e)) => return Err(e.into()),
                Err(WriteError::Condition(_)) => {}
            }
        }
        Err(StageError::Unsettled { what: "the links of a card", tries: TRIES_MAX })
    }
}
