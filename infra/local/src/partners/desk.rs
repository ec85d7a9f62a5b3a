//! Where all partners sit, without any transport: who is asked by which path, and the user directory (spec import §9).

use super::{
    acteol,
    asked::{Answered, Asked},
    bpl, costa, described,
    faults::{Fate, Faults},
    iceland, itsu,
    ledger::{Ledger, PartnerReport, Reward},
    slim_chickens, squaremeal,
    tgi_fridays::{self, Bill},
    the_works,
};
use harmonia_gen::User;
use harmonia_ports::Clock;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The directory's service key: both sides of it are played.
pub(super) const DIRECTORY_KEY: &str = "played-directory";
const DIRECTORY: &str = "/payment_cards/accounts/payment_card_user_info/";
/// Under which requests to anywhere else are counted: their paths are whatever somebody sends.
const ELSEWHERE: &str = "elsewhere";

#[derive(Deserialize)]
struct Cards {
    payment_cards: Vec<String>,
}

/// See the module.
pub(super) struct Desk {
    /// By merchant and token.
    users: Mutex<BTreeMap<(String, String), Value>>,
    faults: Faults,
    clock: Arc<dyn Clock>,
    ledger: Mutex<Ledger>,
}

/// One request at the desk.
pub(super) struct Visit<'a> {
    pub(super) asked: &'a Asked<'a>,
    pub(super) ledger: &'a mut Ledger,
    pub(super) clock: &'a dyn Clock,
    faults: &'a Faults,
}

impl Visit<'_> {
    /// Fails by plan: what the request is about for the first time may go wrong.
    pub(super) fn unless_it_fails(
        &mut self,
        whom: &str,
        about: &str,
        per_mille: u16,
        well: impl FnOnce(&mut Ledger) -> Answered,
    ) -> Answered {
        self.by_plan(whom, about, (per_mille, None), well)
    }

    /// Looks something up, which may fail as everything may.
    pub(super) fn look_up(&mut self, whom: &str, about: &str, well: impl FnOnce(&mut Ledger) -> Answered) -> Answered {
        self.by_plan(whom, about, (self.faults.merchant_500, None), well)
    }

    /// Counts a reward, unless it fails by plan, or the merchant has not heard of the purchase yet: `not_yet`, if it
    /// knows such an answer.
    pub(super) fn reward(
        &mut self,
        merchant: &str,
        reward: &Reward<'_>,
        not_yet: Option<Value>,
        well: Answered,
    ) -> Answered {
        let about = reward.about();
        self.ledger.came(merchant, reward, self.asked.body);
        self.by_plan(merchant, about, (self.faults.merchant_500, not_yet), |ledger| {
            ledger.count(merchant, reward);
            well
        })
    }

    pub(super) fn faults(&self) -> &Faults {
        self.faults
    }

    fn by_plan(
        &mut self,
        whom: &str,
        about: &str,
        (errors, not_yet): (u16, Option<Value>),
        well: impl FnOnce(&mut Ledger) -> Answered,
    ) -> Answered {
        let attempt = self.ledger.attempt(whom, about);
        let slow = self.faults.slow(about, attempt);
        let late = if not_yet.is_some() { self.faults.not_yet } else { 0 };
        let answered = match (Faults::fate(whom, about, attempt, (errors, late)), not_yet) {
            (Fate::Error, _) => Answered::new(500, json!({ "Error": "Internal Error", "Message": null })),
            (Fate::NotYet, Some(said)) => Answered::new(200, said),
            _ => well(self.ledger),
        };
        Answered { slow, ..answered }
    }
}

impl Desk {
    pub(super) fn new(users: &[User], faults: Faults, clock: Arc<dyn Clock>) -> Self {
        let users = users.iter().map(|u| ((u.scheme.clone(), u.token.clone()), u.identity.clone())).collect();
        Self { users: Mutex::new(users), faults, clock, ledger: Mutex::default() }
    }

    pub(super) fn learn(&self, user: &User) {
        self.users().insert((user.scheme.clone(), user.token.clone()), user.identity.clone());
    }

    pub(super) fn print(&self, bills: &[Bill]) {
        self.ledger().bills.extend_from_slice(bills);
    }

    fn users(&self) -> MutexGuard<'_, BTreeMap<(String, String), Value>> {
        // nothing panics while holding it
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // nothing panics while holding it
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn report(&self) -> PartnerReport {
        self.ledger().report()
    }

    pub(super) fn answer(&self, asked: &Asked<'_>) -> Answered {
        let ledger = &mut *self.ledger();
        let mut visit = Visit { asked, ledger, clock: self.clock.as_ref(), faults: &self.faults };
        let (known, method, answer) = self.door(asked.path);
        let answered = match answer {
            Some(_) if asked.method != method => Answered::new(405, json!({ "error": format!("{method} only") })),
            Some(answer) => answer(&mut visit),
            None => Answered::new(404, json!({ "error": "nothing here" })),
        };
        let path = if known { asked.path } else { ELSEWHERE };
        ledger.request(path, answered.status);
        answered
    }

    /// Who is behind a path: whether it is one of ours, its method, and who answers.
    fn door<'d>(&'d self, path: &'d str) -> (bool, &'static str, Option<Answers<'d>>) {
        if let Some(merchant) = path.strip_prefix(DIRECTORY).filter(|slug| !slug.is_empty() && !slug.contains('/')) {
            let known = self.users().keys().any(|(slug, _)| slug == merchant);
            return (known, "POST", Some(Box::new(move |visit| self.directory(visit, merchant))));
        }
        let merchants: [fn(&str) -> Option<Door>; 10] = [
            acteol::door,
            bpl::door,
            costa::door,
            described::door,
            iceland::door,
            itsu::door,
            slim_chickens::door,
            squaremeal::door,
            tgi_fridays::door,
            the_works::door,
        ];
        match merchants.iter().find_map(|door| door(path)) {
            Some((method, answer)) => (true, method, Some(Box::new(answer))),
            None => (false, "POST", None),
        }
    }

    fn directory(&self, visit: &mut Visit<'_>, merchant: &str) -> Answered {
        if !visit.asked.is_authorized("Token", DIRECTORY_KEY) {
            return Answered::unauthorized();
        }
        let Ok(cards) = serde_json::from_slice::<Cards>(visit.asked.body) else {
            return Answered::bad("payment_cards");
        };
        let about = format!("{merchant} {}", cards.payment_cards.join(" "));
        let errors = visit.faults().directory_503;
        let mut answered = visit.unless_it_fails("directory", &about, errors, |_| {
            let users = self.users();
            let found = cards.payment_cards.into_iter().filter_map(|token| {
                let identity = users.get(&(merchant.to_owned(), token.clone()))?;
                Some((token, identity.clone()))
            });
            Answered::new(200, Value::Object(found.collect::<Map<_, _>>()))
        });
        if answered.status == 500 {
            answered.status = 503;
        }
        answered
    }
}

/// A method, and who answers.
pub(super) type Door = (&'static str, fn(&mut Visit<'_>) -> Answered);
type Answers<'a> = Box<dyn FnOnce(&mut Visit<'_>) -> Answered + 'a>;
