//! Files that definitions describe (spec match §8.8, §9.8): the worked example to the byte, names that no two files
//! share, and what is a delivery.

use super::{AES_KEY, credentials_of_e, done, export, identity, transient};
use crate::{Answer, Attempt, BatchRun, BuildError, Conversation, Fault, File, Finding, Step, Target, Telling, begin};
use harmonia_definitions::{Definition, Export};
use harmonia_domain::{identity::Identity, ids::sha256_hex};
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

type Purchase = (harmonia_domain::export::Export, Identity);

fn purchase(id: &str, member: &str, place: Option<&str>, minor: i64, at: &str) -> Purchase {
    let (mut export, mut identity) = (export(id), identity(1, 1, &credentials_of_e()));
    export.id = harmonia_domain::ids::Id::derive("export", &[id]);
    export.facts.location_id = place.map(str::to_owned);
    export.facts.amount.0 = minor;
    export.facts.at = at.parse().unwrap();
    identity.loyalty_id = member.into();
    (export, identity)
}

/// The two rows of §9.8.
fn two() -> Vec<Purchase> {
    vec![
        purchase("582228491099278", "stonegate-123", Some("store_1a"), 7645, "2024-03-17T17:13:59Z"),
        purchase("123456789_20240306", "LEM\"25,1", None, 3301, "2024-03-06T15:01:00Z"),
    ]
}

/// The shipped definition.
fn stonegate() -> Export {
    let text = include_str!("../../../definitions/merchants/stonegate-unmatched.toml");
    Definition::from_toml(text, "stonegate-unmatched.toml").unwrap().export.unwrap()
}

fn run() -> BatchRun<'static> {
    let run = "2024-03-20T00:00:05Z".parse().unwrap();
    BatchRun { uid: "c3cb6bf3-46a2-4d2c-a77c-e06ac9981f0f", run, number: 0, sequence: None }
}

fn talk(
    definition: &Export,
    purchases: &[Purchase],
    batch: Option<BatchRun<'_>>,
    before: u32,
) -> Result<Conversation, BuildError> {
    let merchant = "stonegate-unmatched".parse().unwrap();
    let aes_key = SecretString::from(AES_KEY);
    let target = Target { merchant: &merchant, definition, aes_key: &aes_key, secrets: &Value::Null };
    let extra = Map::from_iter([("note".to_owned(), json!("two\nlines")), ("list".to_owned(), json!([1, "a"]))]);
    let tellings: Vec<_> =
        purchases.iter().map(|(export, identity)| Telling { export, identity, extra: &extra }).collect();
    // another minute for every attempt
    let now = run().run + jiff::SignedDuration::from_mins(i64::from(before));
    begin(&Attempt { target, tellings: &tellings, batch, before, unsure: false, now, token: None })
}

fn file(definition: &Export, purchases: &[Purchase], batch: BatchRun<'_>) -> File {
    match talk(definition, purchases, Some(batch), 0).unwrap().next(None) {
        Step::Put(file) => file,
        other => panic!("{other:?}"),
    }
}

fn text(file: &File) -> &str {
    std::str::from_utf8(&file.bytes).unwrap()
}

/// The `[export]` part with this file.
fn described(file: &str) -> Export {
    let text = format!(
        "merchant = \"linde\"\nversion = \"1\"\n[export]\nrepeat = \"same-key\"\nbatch = {{ size = 9, every_s = 60 }}\n\
        [export.protocol.file]\n{file}"
    );
    Definition::from_toml(&text, "linde.toml").unwrap_or_else(|e| panic!("{e}")).export.unwrap()
}

/// §9.8, worked example. Its uids are random ones of the original; ours are derived from the exports (D13), so they
/// are put in the place of ours before the bytes are compared.
#[test]
fn the_file_to_the_byte() {
    let purchases = two();
    let told = file(&stonegate(), &purchases, run());
    assert_eq!(told.name, "stonegate-unmatched/stonegate_date20240320T000005_rows2_data.csv");
    let text = text(&told)
        .replace(&purchases[0].0.id.as_uuid(), "6f1d5a4e-0c5b-4a3e-9a55-2f0c7c1f7d10")
        .replace(&purchases[1].0.id.as_uuid(), "0d8d6c1a-3b0f-4b3e-8a8e-6a6d2a0f4c11");
    assert_eq!((told.bytes.len(), text.len()), (300, 300));
    let sha256 = "654db113a98d17b42f6b1caadbd705fbd608fe4dbab43d09d9d81d0123c6858a";
    assert_eq!(sha256_hex(text.as_bytes()), sha256, "{text}");
}

/// A run's first file has no part, the others count from two; a sequence has six digits or more.
#[test]
fn names() {
    let definition = stonegate();
    for (number, part) in [(0, ""), (1, "-2"), (2, "-3"), (u32::MAX, "-4294967296")] {
        let told = file(&definition, &two(), BatchRun { number, ..run() });
        assert_eq!(told.name, format!("stonegate-unmatched/stonegate_date20240320T000005_rows2{part}_data.csv"));
    }
    let columns = r#"columns = [{ name = "id", value = { fact = "id" } }]"#;
    let sequenced = described(&format!("format = \"csv\"\nname = \"x/{{sequence}}_{{rows}}.csv\"\n{columns}"));
    for (sequence, name) in [(1, "x/000001_2.csv"), (u64::MAX, "x/18446744073709551615_2.csv")] {
        assert_eq!(file(&sequenced, &two(), BatchRun { sequence: Some(sequence), ..run() }).name, name);
    }
    assert_eq!(talk(&sequenced, &two(), Some(run()), 0).unwrap_err(), Fault::NoSequence.into());
    let zoned = format!("format = \"csv\"\nname = \"{{run}}{{part}}\"\nzone = \"America/New_York\"\n{columns}");
    assert_eq!(file(&described(&zoned), &two(), run()).name, "20240319T200005");
}

/// Quotes only where needed; what is no text is written as JSON; what is not there is empty.
#[test]
fn columns() {
    let definition = described(
        r#"
        format = "csv"
        name = "{sequence}"
        columns = [
            { name = "a,b", value = { fact = "extra", name = "note" } },
            { name = "list", value = { fact = "extra", name = "list" } },
            { name = "none", value = { fact = "extra", name = "none" } },
            { name = "card", value = { fact = "credential", name = "card_number" } },
            { name = "amount", value = { fact = "amount", as = "major-number" } },
            { name = "unix", value = { fact = "time", format = "unix-seconds" } },
        ]"#,
    );
    let told = file(&definition, &two()[..1], BatchRun { sequence: Some(1), ..run() });
    let expected =
        "\"a,b\",list,none,card,amount,unix\r\n\"two\nlines\",\"[1,\"\"a\"\"]\",,loyalty-123,76.45,1710695639\r\n";
    assert_eq!(text(&told), expected);
}

/// One object a line, members in the order of the columns.
#[test]
fn json_lines() {
    let definition = described(
        r#"
        format = "json-lines"
        name = "{sequence}"
        columns = [
            { name = "uid", value = { fact = "transaction-id" } },
            { name = "member", value = { fact = "loyalty-id" } },
            { name = "amount", value = { fact = "amount", as = "major-number" } },
            { name = "at", value = { fact = "location-id" } },
        ]"#,
    );
    let told = file(&definition, &two(), BatchRun { sequence: Some(1), ..run() });
    let expected = concat!(
        r#"{"uid":"582228491099278","member":"stonegate-123","amount":76.45,"at":"store_1a"}"#,
        "\n",
        r#"{"uid":"123456789_20240306","member":"LEM\"25,1","amount":33.01,"at":null}"#,
        "\n",
    );
    assert_eq!(text(&told), expected);
}

/// Only what is stored is delivered; everything else is put there again.
#[test]
fn what_an_answer_means() {
    let heard = |answer| {
        let mut talk = talk(&stonegate(), &two(), Some(run()), 0).unwrap();
        assert!(matches!(talk.next(None), Step::Put(_)));
        done(talk.next(answer))
    };
    assert_eq!(heard(Some(Answer::Stored)), Finding::Delivered);
    assert_eq!(heard(Some(Answer::NotSent { why: "refused" })), transient("not sent: refused"));
    assert_eq!(heard(Some(Answer::Unknown { why: "timeout" })), transient("no answer: timeout"));
    assert_eq!(heard(None), transient("no answer"));
    for status in [200, 403, 500] {
        let answer = Answer::Response { status, body: vec![] };
        assert_eq!(heard(Some(answer)), transient(&format!("HTTP {status}")));
    }
}

/// A file needs its batch and rows; a row that cannot be written is named, so that the others can be told without it.
#[test]
fn what_cannot_be_built() {
    let definition = stonegate();
    assert_eq!(talk(&definition, &two(), None, 0).unwrap_err(), Fault::NoBatchUid.into());
    assert_eq!(talk(&definition, &[], Some(run()), 0).unwrap_err(), Fault::Number { told: 0 }.into());
    let mut purchases = two();
    purchases[1].1.credentials = "closed".into();
    assert!(talk(&definition, &purchases, Some(run()), 0).is_ok(), "nobody asks for the credentials");
    let asks = described(
        "format = \"csv\"\nname = \"{sequence}\"\n\
        columns = [{ name = \"card\", value = { fact = \"credential\", name = \"card_number\" } }]",
    );
    let sequenced = BatchRun { sequence: Some(1), ..run() };
    assert_eq!(talk(&asks, &purchases, Some(sequenced), 0).unwrap_err().telling, Some(1));
}

proptest! {
    /// Invariant 3: all attempts write the same file, and a reader of CSV finds what was told.
    #[test]
    fn files_read_back(
        rows in prop::collection::vec((".*", ".*", prop::option::of(".*"), any::<i64>()), 1..6), before in 1_u32..50,
    ) {
        let definition = stonegate();
        let purchases: Vec<_> = rows
            .iter()
            .map(|(id, member, place, minor)| purchase(id, member, place.as_deref(), *minor, "2024-03-06T15:01:00Z"))
            .collect();
        let first = file(&definition, &purchases, run());
        let Step::Put(second) = talk(&definition, &purchases, Some(run()), before).unwrap().next(None) else {
            panic!("no file")
        };
        prop_assert_eq!((&first.name, &first.bytes), (&second.name, &second.bytes));
        let read: Vec<csv::StringRecord> =
            csv::Reader::from_reader(first.bytes.as_slice()).into_records().map(Result::unwrap).collect();
        prop_assert_eq!(read.len(), rows.len());
        for (read, (id, member, place, minor)) in read.iter().zip(&rows) {
            let told: Vec<_> = read.iter().take(4).collect();
            let minor = minor.to_string();
            prop_assert_eq!(told, [id, member, place.as_deref().unwrap_or_default(), &minor]);
        }
    }
}
