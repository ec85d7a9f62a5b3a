//! Rotation without redeployment on a laptop: the local cloud reads its secrets file anew, as a function reads Secrets
//! Manager.

use crate::sample::{AT, MID, TOKEN, cloud, day, pay};
use harmonia_domain::{
    export::ExportState,
    identifier::{Identifier, IdentifierType},
};
use harmonia_local::{memory_cloud::MemoryCloud, partners::PlayedPartners, world::Outside};
use harmonia_stages::{Directory, Settings, registry::read_users};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::{fs, path::Path, sync::Arc};

const MERCHANT: &str = "bpl-trenette";

/// The played merchants' places, with this token for one of them.
fn write(file: &Path, token: Option<&str>) {
    let mut outside = serde_json::to_value(PlayedPartners::outside()).unwrap();
    if let Some(token) = token {
        outside["secrets"][MERCHANT]["token"] = json!(token);
    }
    fs::write(file, outside.to_string()).unwrap();
}

async fn member(outside: &Outside) -> MemoryCloud {
    let mut cloud = cloud(1, 0).await;
    let day = day();
    let harmonia = &mut cloud.cloud.app.harmonia;
    harmonia.settings = Arc::new(Settings { directory: Directory::Table });
    harmonia.ports.secrets = outside.secrets(&day.aes_key);
    let till = Identifier {
        scheme: "visa".parse().unwrap(),
        kind: IdentifierType::Primary,
        text: MID.into(),
        merchant: MERCHANT.parse().unwrap(),
        location_id: None,
        merchant_internal_id: None,
        location: None,
        postcode: None,
    };
    harmonia.onboard(&[till]).await.unwrap();
    let member = day.users.iter().find(|user| user.scheme == MERCHANT).unwrap();
    let credentials = member.identity["credentials"].as_str().unwrap();
    let users = format!(
        "merchant,token,loyalty_id,scheme_account_id,user_id,credentials,first_six,last_four\n\
        {MERCHANT},{TOKEN},member-1,1,1,{credentials},450012,8841\n"
    );
    harmonia.import_users(&read_users(users.as_bytes()).users, true).await.unwrap();
    cloud
}

/// The running cloud is told no; the file has a newer secret by then, and the same attempt tells with that.
#[tokio::test]
async fn a_rotated_secrets_file_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("outside.json");
    write(&file, Some("of last year"));
    let outside = Outside::read(&file).unwrap();
    let cloud = member(&outside).await;
    pay(&cloud, "V1", false, AT, "10.00", "111111").await;
    let state = |id: &str| {
        let exports = cloud.rows().unwrap().exports;
        exports.into_iter().find(|x| x.purchase.id == id).unwrap().state
    };
    assert!(matches!(state("V1"), ExportState::Failed { .. }), "{:?}", state("V1"));
    write(&file, None);
    pay(&cloud, "V2", false, AT, "20.00", "222222").await;
    assert!(matches!(state("V2"), ExportState::Delivered { .. }), "{:?}", state("V2"));
}

/// What a person is just writing leaves the old secrets in place, and is never quoted.
#[tokio::test]
async fn a_broken_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("outside.json");
    write(&file, Some("first"));
    let secrets = Outside::read(&file).unwrap().secrets("key");
    let token = async || {
        let now = secrets.current(true).await.unwrap();
        assert_eq!(now.aes_key.expose_secret(), "key");
        now.of(&MERCHANT.parse().unwrap())["token"].clone()
    };
    assert_eq!(token().await, "first");
    fs::write(&file, "{\"secrets\": {\"bpl-tren").unwrap();
    assert_eq!(token().await, "first");
    fs::remove_file(&file).unwrap();
    assert_eq!(token().await, "first");
    write(&file, Some("second"));
    assert_eq!(token().await, Value::from("second"));
}
