//! What a process remembers of telling: tokens that merchants gave out, and how each merchant is told at present.

use harmonia_domain::{control::Control, feed::Slug};
use harmonia_exports::Token;
use harmonia_state::Stored;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// A token is not used in its last minute: it has to be good until the merchant looks at it.
const TOKEN_REST_S: i64 = 60;
/// How a merchant is told is believed so long: a pause takes hold within it.
const CONTROL_KEEP_S: i64 = 10;

/// See the module.
#[derive(Default)]
pub struct Memory {
    tokens: Mutex<HashMap<Slug, (SecretString, Timestamp)>>,
    controls: Mutex<HashMap<Slug, (Stored<Control>, Timestamp)>>,
}

impl Memory {
    pub(super) fn token(&self, merchant: &Slug, now: Timestamp) -> Option<SecretString> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(merchant).filter(|(_, until)| *until > now).map(|(token, _)| token.clone())
    }

    pub(super) fn keep_token(&self, merchant: &Slug, token: Token, now: Timestamp) {
        let good_for = SignedDuration::from_secs(i64::from(token.good_for_s) - TOKEN_REST_S);
        let until = now.saturating_add(good_for).unwrap_or(now);
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(merchant.clone(), (token.value, until));
    }

    pub(super) fn control(&self, merchant: &Slug, now: Timestamp) -> Option<Stored<Control>> {
        let controls = self.controls.lock().unwrap_or_else(PoisonError::into_inner);
        let (control, read) = controls.get(merchant)?;
        let age_s = now.duration_since(*read).as_secs();
        (0..CONTROL_KEEP_S).contains(&age_s).then(|| control.clone())
    }

    pub(super) fn keep_control(&self, control: &Stored<Control>, now: Timestamp) {
        let mut controls = self.controls.lock().unwrap_or_else(PoisonError::into_inner);
        controls.insert(control.row.merchant.clone(), (control.clone(), now));
    }
}
