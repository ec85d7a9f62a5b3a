//! What the scenarios of `tests/deployed` do to a stack: exports in the shape in which match leaves them, their list
//! and a redrive, files that are not finished, identifiers. It runs with the environment of the functions, so tables,
//! queues and definitions are the same.
//!
//! ```text
//! by-hand seed MERCHANT COUNT             puts exports and sends their message
//! by-hand collect MERCHANT FROM TO        puts exports that wait for a batch run
//! by-hand list MERCHANT STATE             prints them as JSON
//! by-hand redrive MERCHANT STATE RATE     sends them again, so many a minute
//! by-hand files                           prints the files that are not finished
//! by-hand retry ID                        tries a stuck one again
//! by-hand onboard MERCHANT LOCATION MID   onboards a till, and re-opens what waited for it
//! ```

use harmonia_domain::{
    card::{MemberHash, TokenHash},
    export::{BookKey, Export, ExportFacts, ExportState, MatchType},
    feed::{Kind, Scheme, Slug},
    identifier::{Identifier, IdentifierType},
    identity::Identity,
    ids::Id,
    money::{Currency, MinorUnits},
    purchase::{PurchaseKey, Slot},
};
use harmonia_ports::{OutMessage, Queue, Stamp};
use harmonia_runtime::{App, deployed};
use harmonia_stages::{
    export::{Listing, Redrive},
    message::{Body, ExportName, ITEMS_MAX, Message, VERSION},
};
use harmonia_state::{Store, StoredIdentity, file_key};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{env, error::Error, io::Write, ops::Range};

type Failed = Box<dyn Error>;

/// Who these exports are from.
const BY: &str = "by-hand";
const USAGE: &str = "by-hand seed MERCHANT COUNT | collect MERCHANT FROM TO | list MERCHANT STATE | \
                     redrive MERCHANT STATE RATE | files | retry ID | onboard MERCHANT LOCATION MID";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let app = deployed::app().await?;
    let said = match words.as_slice() {
        ["seed", merchant, count] => {
            let names = put(&app, &merchant.parse()?, 0..count.parse()?, &ExportState::Ready).await?;
            send(&app, merchant, &names).await?;
            told(&names)
        }
        ["collect", merchant, from, to] => {
            told(&put(&app, &merchant.parse()?, from.parse()?..to.parse()?, &ExportState::Collecting).await?)
        }
        ["files"] => files(&app).await?,
        ["retry", id] => retry(&app, id).await?,
        ["onboard", merchant, location, mid] => onboard(&app, merchant.parse()?, location, mid).await?,
        ["list", merchant, state] => list(&app, &listing(merchant, state)?).await?,
        ["redrive", merchant, state, rate] => {
            let (sent, more) = app.harmonia.redrive(&listing(merchant, state)?, Some(rate.parse()?), BY).await?;
            json!({ "sent": sent, "more": more })
        }
        _ => return Err(USAGE.into()),
    };
    writeln!(std::io::stdout(), "{said}")?;
    Ok(())
}

fn listing(merchant: &str, state: &str) -> Result<Listing, Failed> {
    let all = [Redrive::Failed, Redrive::Unconfirmed, Redrive::Skipped, Redrive::Held];
    let state = all.into_iter().find(|known| known.as_str() == state).ok_or("no such list")?;
    Ok(Listing { merchant: merchant.parse()?, state, why: None, since: None, until: None })
}

async fn list(app: &App, listing: &Listing) -> Result<Value, Failed> {
    let (listed, more) = app.harmonia.list_exports(listing).await?;
    Ok(json!({ "listed": listed, "more": more }))
}

fn member(merchant: &Slug) -> Identity {
    Identity {
        merchant: merchant.clone(),
        token: TokenHash("card-of-by-hand".to_owned()),
        loyalty_id: "loyalty-1".to_owned(),
        scheme_account_id: 1,
        user_id: 1,
        credentials: String::new(),
        first_six: "400000".to_owned(),
        last_four: "0001".to_owned(),
        payment_card_account_id: None,
        expiry_month: None,
        expiry_year: None,
    }
}

/// As match leaves it: a payment that counts by itself.
fn export(merchant: &Slug, identity: &Identity, number: u32, now: Timestamp, state: &ExportState) -> Export {
    let id = format!("{merchant}-{number}");
    let (currency, amount) = (Currency::GBP, MinorUnits(1_000 + i64::from(number)));
    let mid = "mid-1".to_owned();
    Export {
        id: Id::derive("export", &[BY, &id]),
        merchant: merchant.clone(),
        created: now,
        order: format!("{number:06}"),
        match_type: MatchType::Spotted,
        purchase: PurchaseKey { scheme: Scheme::Visa, id: id.clone(), slot: Slot::P },
        kind: Kind::Settled,
        sale: None,
        identity: identity.pointer(MemberHash("member-of-by-hand".to_owned())),
        evidence: Vec::new(),
        book_key: BookKey { scheme: Scheme::Visa, mid: mid.clone(), currency, minor: amount },
        definition: "1".to_owned(),
        facts: ExportFacts {
            transaction_id: id.clone(),
            at: now,
            amount,
            currency,
            mid,
            location_id: None,
            merchant_internal_id: None,
            settlement_key: id,
            auth_code: String::new(),
            approval_code: String::new(),
        },
        generation: 0,
        attempts: 0,
        last: None,
        corrected: None,
        paid: None,
        forced: None,
        unsure: false,
        adjusts: None,
        answer: None,
        state: state.clone(),
    }
}

async fn put(app: &App, merchant: &Slug, numbers: Range<u32>, state: &ExportState) -> Result<Vec<ExportName>, Failed> {
    let ports = &app.harmonia.ports;
    let (now, store) = (ports.clock.now(), Store::new(ports.tables.as_ref()));
    let stamp = Stamp { by: BY.to_owned(), on: now };
    let identity = member(merchant);
    store.put(&StoredIdentity(identity.clone()), &stamp).await?;
    let mut names = Vec::new();
    for number in numbers {
        let export = export(merchant, &identity, number, now, state);
        if store.insert(&export, &stamp).await?.is_some() {
            return Err(format!("{} is there already", export.key().sk).into());
        }
        names.push(ExportName { x: export.key(), generation: export.generation });
    }
    Ok(names)
}

fn told(names: &[ExportName]) -> Value {
    json!({ "exports": names.iter().map(|name| &name.x).collect::<Vec<_>>() })
}

async fn send(app: &App, merchant: &str, names: &[ExportName]) -> Result<(), Failed> {
    let message = |items: &[ExportName]| {
        let message = Message { v: VERSION, t: BY.to_owned(), body: Body::Exports { items: items.to_vec() } };
        let body = serde_json::to_string(&message)?;
        Ok::<_, Failed>(OutMessage { body, group: Some(merchant.to_owned()), delay_s: 0 })
    };
    let messages = names.chunks(ITEMS_MAX).map(message).collect::<Result<Vec<_>, _>>()?;
    app.harmonia.ports.queues.send(Queue::Export, messages).await?;
    Ok(())
}

async fn files(app: &App) -> Result<Value, Failed> {
    let open = app.harmonia.open_files().await?;
    Ok(json!({ "files": open.iter().map(|stored| &stored.row).collect::<Vec<_>>() }))
}

async fn retry(app: &App, id: &str) -> Result<Value, Failed> {
    let open = app.harmonia.open_files().await?;
    let file = open.iter().map(|stored| &stored.row).find(|file| file.id.as_str() == id).ok_or("no such file")?;
    let file = app.harmonia.retry_file(&file_key(&file.feed, file.arrived, &file.id)).await?;
    Ok(json!(file))
}

async fn onboard(app: &App, merchant: Slug, location: &str, mid: &str) -> Result<Value, Failed> {
    let till = Identifier {
        scheme: Scheme::Visa,
        kind: IdentifierType::Primary,
        text: mid.to_owned(),
        merchant,
        location_id: Some(location.to_owned()),
        merchant_internal_id: None,
        location: None,
        postcode: None,
    };
    let onboarded = app.harmonia.onboard(&[till]).await?;
    let done = app.harmonia.reopen(&onboarded.change).await?;
    Ok(json!({ "onboarded": onboarded.onboarded, "sales": done.sales, "in_open_files": done.in_open_files,
        "goes_on": done.goes_on }))
}
