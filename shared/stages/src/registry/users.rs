//! Linking cards, and the second user directory: a table of members for those who have no directory to ask. Loading a
//! line that says something new links that card.

use super::{Change, Reopened, UserRow};
use crate::{Harmonia, StageError};
use harmonia_domain::{card::TokenHash, feed::Slug};
use harmonia_ports::{Read, Stamp};
use harmonia_state::{DirectoryUser, NewestIdentity, Row, Stored};
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
            match there.map(|s| s.row) {
                Some(old) if old == row => {
                    done.unchanged += 1;
                    continue;
                }
                Some(_) => done.changed += 1,
                None => done.added += 1,
            }
            if write {
                self.store().put(&row, &stamp).await?;
                self.mark_linked(&row.merchant, &row.token, &stamp).await?;
            }
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
        self.mark_linked(merchant, &self.cards.hash(token), &self.stamp("link")).await?;
        Ok(self.linking(merchant, token))
    }

    /// The card is a member's no more: what was answered before is out of date, and the second directory forgets the
    /// card. What is matched already stays matched.
    pub async fn unlink(&self, merchant: &Slug, token: &SecretString) -> Result<(), StageError> {
        let token = self.cards.hash(token);
        self.store().delete::<DirectoryUser>(&DirectoryUser::key_of(merchant, &token)).await?;
        self.mark_linked(merchant, &token, &self.stamp("unlink")).await
    }

    /// Counts the link or unlink: answers under the count before are not used any more.
    async fn mark_linked(&self, merchant: &Slug, token: &TokenHash, stamp: &Stamp) -> Result<(), StageError> {
        for _ in 0..TRIES_MAX {
            let key = NewestIdentity::key_of(merchant, token);
            let found: Option<Stored<NewestIdentity>> = self.store().get(&key, Read::Consistent).await?;
            let none = || NewestIdentity::none(merchant.clone(), token.clone());
            let old = found.as_ref().map_or_else(none, |f| f.row.clone());
            let next =
                NewestIdentity { newest: None, at: None, links: old.links + 1, linked_at: Some(self.now()), ..old };
            let marked = match &found {
                Some(found) => self.store().replace(found, &next, stamp).await?,
                None => self.store().insert(&next, stamp).await?.is_none(),
            };
            if marked {
                return Ok(());
            }
        }
        Err(StageError::Unsettled { what: "the links of a card", tries: TRIES_MAX })
    }
}
