//! TGI Fridays (spec match §9.9): a member's history, and points that are given. A gift names a member, points and a
//! place, nothing of the purchase, so every one is a reward. The history shows bills; of which bill a gift was, only
//! the tills know: it shows all bills worth points that were given.

use super::{
    asked::Answered,
    desk::{Door, Visit},
    ledger::Reward,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// What opens its door.
pub(super) const ADMIN_KEY: &str = "played-tgi-fridays";

/// A bill without its tip, as a till printed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// What it came to, in minor units.
    pub minor: i64,
    /// When.
    pub at: Timestamp,
    /// Whose, if the till knows; else it is in everybody's history.
    pub member: Option<String>,
}

impl Bill {
    /// A point for every pound, rounded up from half of one.
    fn points(&self) -> i64 {
        self.minor.saturating_add(50).div_euclid(100)
    }
}

#[derive(Deserialize)]
struct Gift {
    user_id: String,
    message: String,
    #[serde(rename = "gift_count")]
    points: i64,
    location_id: Option<String>,
}

pub(super) fn door(path: &str) -> Option<Door> {
    match path {
        "/tgi-fridays/api2/dashboard/users/extensive_timeline" => Some(("GET", timeline)),
        "/tgi-fridays/api2/dashboard/users/support" => Some(("POST", support)),
        _ => None,
    }
}

fn timeline(visit: &mut Visit<'_>) -> Answered {
    if !visit.asked.is_authorized("Bearer", ADMIN_KEY) {
        return Answered::unauthorized();
    }
    let Some(member) = visit.asked.query.strip_prefix("user_id=").filter(|id| !id.is_empty()) else {
        return Answered::bad("user_id");
    };
    visit.look_up("tgi-fridays", member, |ledger| {
        let own = |bill: &&Bill| bill.member.as_deref().is_none_or(|whose| whose == member);
        let given = ledger.bills.iter().filter(own).filter(|bill| ledger.gifts.contains(&bill.points()));
        let checkins: Vec<Value> = given
            .map(|bill| {
                let amount = format!("{}.{:02}", bill.minor / 100, bill.minor % 100);
                json!({ "receipt_amount": amount, "receipt_date": bill.at.to_string() })
            })
            .collect();
        Answered::new(200, json!({ "checkins": checkins }))
    })
}

fn support(visit: &mut Visit<'_>) -> Answered {
    if !visit.asked.is_authorized("Bearer", ADMIN_KEY) {
        return Answered::unauthorized();
    }
    let told: Option<Gift> = visit.asked.json();
    let Some(told) = told.filter(|gift| !gift.user_id.is_empty() && !gift.message.is_empty()) else {
        return Answered::bad("user_id, message and gift_count");
    };
    let place = told.location_id.unwrap_or_default();
    let what = format!("{} {} {place}", told.user_id, told.points);
    let answered = visit.reward("tgi-fridays", &Reward::Unknown(&what), None, Answered::new(200, json!({})));
    if answered.status == 200 {
        visit.ledger.gifts.insert(told.points);
    }
    answered
}
