//! Where the played partners are, and how they know us.

use super::{bpl, described, desk::DIRECTORY_KEY, iceland, itsu, slim_chickens, tgi_fridays, the_works};
use crate::world::Outside;
use harmonia_domain::feed::Slug;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn named<T>(entries: impl IntoIterator<Item = (&'static str, T)>) -> BTreeMap<Slug, T> {
    entries.into_iter().filter_map(|(name, value)| Some((name.parse().ok()?, value))).collect()
}

/// Where partners that listen under `base` are, and how they know us.
pub fn outside_at(base: &str) -> Outside {
    let at = |path: &str| format!("{base}{path}");
    let mut base_urls = named([
        ("costa", at("/costa/")),
        ("iceland-bonus-card", at(iceland::BATCH)),
        ("itsu", at("/itsu/")),
        ("slim-chickens", base.to_owned()),
        ("squaremeal", at("/squaremeal")),
        ("stonegate", at("/stonegate")),
        ("tgi-fridays", at("/tgi-fridays/")),
        ("the-works", at(the_works::FIRST)),
        ("wasabi-club", at("/wasabi")),
    ]);
    let bpl_at = bpl::PLACE.trim_end_matches('/');
    base_urls.extend(named(bpl::MERCHANTS.map(|merchant| (merchant, at(bpl_at)))));
    Outside {
        directory_url: base.to_owned(),
        directory_key: DIRECTORY_KEY.to_owned(),
        base_urls,
        second_urls: named([("slim-chickens", at("/slim-chickens/")), ("the-works", at(the_works::FAILOVER))]),
        secrets: secrets(&at(iceland::TOKEN)),
        file: None,
    }
}

fn secrets(iceland_tokens: &str) -> BTreeMap<Slug, Value> {
    let iceland = json!({
        "service": "oauth", "url": iceland_tokens, "prefix": "Bearer",
        "payload": { "grant_type": "client_credentials", "client_id": "harmonia", "client_secret": "played" },
    });
    let slim_chickens = json!({
        "channel_key": slim_chickens::CHANNEL_KEY, "client_id": slim_chickens::CLIENT_ID,
        "client_secret": slim_chickens::CLIENT_SECRET,
    });
    let mut secrets = named([
        ("iceland-bonus-card", iceland),
        ("itsu", json!({ "username": itsu::USERNAME, "password": itsu::PASSWORD })),
        ("slim-chickens", slim_chickens),
        ("tgi-fridays", json!({ "admin_key": tgi_fridays::ADMIN_KEY })),
        ("the-works", json!({ "user_id": the_works::USER_ID, "password": the_works::PASSWORD })),
    ]);
    secrets.extend(named(bpl::MERCHANTS.map(|merchant| (merchant, json!({ "token": bpl::TOKEN })))));
    secrets
}

/// Adds a merchant whose request is described by its definition.
pub fn add_described(outside: &mut Outside, merchant: &Slug) {
    let base = outside.directory_url.clone();
    outside.base_urls.insert(merchant.clone(), format!("{base}{}{merchant}", described::PLACE));
    outside.second_urls.insert(merchant.clone(), format!("{base}{}{merchant}", described::TOKENS));
    let secret = json!({ "client_id": described::CLIENT_ID, "client_secret": described::CLIENT_SECRET });
    outside.secrets.insert(merchant.clone(), secret);
}
