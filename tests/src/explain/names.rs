//! What goes by a name: ids of several sides, files by key, name and id, lines of files, and nothing at all.

use super::{Asked, auth, headline};
use harmonia_domain::feed::Scheme;
use harmonia_stages::explain::{Became, Explained, Explanation, FileExplained, LineExplained, Question};
use jiff::SignedDuration;

const ROWS: [&str; 5] = [
    "23.45,424242******4242,Visa,390211,18/06/2026,13:41:20,40417722,R1",
    "abc,424242******4242,Visa,390211,18/06/2026,13:41:20,40417722,R2",
    "23.45,424242******4242,Gift,390211,18/06/2026,13:41:20,40417722,R3",
    "23.45,424242******4242,Visa,390211,18/06/2026,13:41:20,40417722,R1",
    "23.45,424242******4242,Visa,390211,18/06/2026,13:41:20,40417722,V1",
];

async fn asked() -> Asked {
    let asked = Asked::new().await;
    asked.wasabi("day.csv", &ROWS).await;
    asked
}

fn file(explained: &Explained) -> &FileExplained {
    let [Explanation::File(file)] = &explained.answers[..] else { panic!("{explained}") };
    file
}

fn line(explained: &Explained) -> &LineExplained {
    let [Explanation::Line(line)] = &explained.answers[..] else { panic!("{explained}") };
    line
}

#[tokio::test]
async fn an_id_of_both_sides_is_told_for_both() {
    let asked = asked().await;
    asked.deliver("visa-auth", "", &auth(["V1", "40417722", "99.99", "111111", "2026-06-18T12:41:07"])).await;
    let both = asked.ask("V1").await;
    assert!(matches!(both.answers[..], [Explanation::Payment(_), Explanation::Sale(_)]), "{both}");
    let harmonia = &asked.0.cloud.app.harmonia;
    let ask = |scheme, merchant: Option<&str>| {
        let merchant = merchant.map(|m| m.parse().unwrap());
        let question = Question { what: "V1".into(), scheme, merchant };
        async move { harmonia.explain(&question).await.unwrap() }
    };
    assert!(matches!(ask(Some(Scheme::Visa), None).await.answers[..], [Explanation::Payment(_)]));
    assert!(matches!(ask(None, Some("wasabi-club")).await.answers[..], [Explanation::Sale(_)]));
    assert_eq!(ask(Some(Scheme::Amex), None).await.answers, []);
    assert_eq!(ask(None, Some("itsu")).await.answers, []);
}

#[tokio::test]
async fn a_file_is_found_by_each_of_its_names() {
    let asked = asked().await;
    let by_name = asked.ask("day.csv").await;
    let found = file(&by_name);
    let totals = found.file.totals;
    assert_eq!((totals.read, totals.accepted, totals.duplicate, totals.skipped, totals.rejected), (5, 2, 1, 1, 1));
    assert_eq!((found.skipped.get("card-type"), found.rejects[0].line), (Some(&1), 3));
    let text = by_name.to_string();
    assert!(text.starts_with("file imports/wasabi-club/day.csv: closed\n"), "{text}");
    assert!(text.contains("5 read = 2 accepted + 1 duplicate (0 of them differ) + 1 skipped + 1 rejected + 0 parked"));
    assert!(text.contains("rejected   line 3: field Amount, bad amount (the value is: text)\n"), "{text}");
    let archived = format!("archive/wasabi-club/2026/06/19/{}-day.csv", found.file.id);
    for name in ["imports/wasabi-club/day.csv", "wasabi-club/day.csv", found.file.id.as_str(), &archived] {
        assert_eq!(asked.ask(name).await.answers, by_name.answers, "{name}");
    }
    // the same bytes once more are another file
    asked.wasabi("again.csv", &ROWS).await;
    let again = asked.ask("again.csv").await;
    let says = format!("file imports/wasabi-club/again.csv: the same bytes as file {}", found.file.id);
    assert!(again.to_string().starts_with(&says), "{again}");
    let explained = asked.ask("again.csv:2").await;
    assert_eq!(line(&explained).became, Became::OfRepeatedFile { of: found.file.id.clone() });
}

#[tokio::test]
async fn a_line_tells_what_it_became() {
    let asked = asked().await;
    let mut told = Vec::new();
    for number in 1..=7 {
        told.push(asked.ask(&format!("day.csv:{number}")).await);
    }
    let id = line(&told[0]).file.id.clone();
    let headlines: Vec<String> =
        told.iter().map(|e| headline(&e.to_string()).split_once(".csv: ").unwrap().1.to_owned()).collect();
    assert_eq!(
        headlines,
        [
            "no record begins there".to_owned(),
            "stored as sale R1 of wasabi-club".to_owned(),
            "rejected: field Amount, bad amount (the value is: text)".to_owned(),
            "left out: card-type".to_owned(),
            format!("a duplicate of sale R1 of wasabi-club, which came 2026-06-19 03:00:00 UTC (from {id} line 2)"),
            "stored as sale V1 of wasabi-club".to_owned(),
            "no record begins there".to_owned(),
        ]
    );
    assert!(matches!(line(&told[1]).now.as_deref(), Some(Explanation::Sale(sale)) if sale.sale.id == "R1"));
    assert!(told[1].to_string().contains("\n\nsale R1 of wasabi-club: "), "{}", told[1]);
}

#[tokio::test]
async fn a_file_that_is_refused_says_why() {
    let asked = Asked::new().await;
    asked.deliver("wasabi-club", "broken.csv", "Amount\n23.45\n").await;
    let text = asked.ask("broken.csv").await.to_string();
    assert!(
        text.starts_with("file imports/wasabi-club/broken.csv: refused whole: the CSV header has no column"),
        "{text}"
    );
    let explained = asked.ask("broken.csv:2").await;
    assert!(matches!(line(&explained).became, Became::Refused { .. }), "{explained}");
}

/// What is not there is told with the places that were looked at; the name itself is not repeated.
#[tokio::test]
async fn nothing_says_where_it_was_looked_for() {
    let asked = asked().await;
    for name in
        ["no such thing", "", "a:b:c", "imports/", "imports/wasabi-club/x.csv:0", "#", "archive/a/b/c/d/e", "é/ü:9"]
    {
        let nothing = asked.ask(name).await;
        assert_eq!(nothing.answers, [], "{name}");
        assert!(nothing.looked.starts_with(&["payments of visa".to_owned(), "payments of mastercard".to_owned()]));
        assert!(nothing.looked.iter().any(|place| place == "sales of wasabi-club"), "{:?}", nothing.looked);
    }
    let nothing = asked.ask("no such thing").await;
    assert!(nothing.looked.iter().any(|place| place == "files of itsu"), "{:?}", nothing.looked);
}

/// A file is found as long as it is kept, the latest of its name first.
#[tokio::test]
async fn an_old_file_is_found() {
    let asked = asked().await;
    asked.0.clock.advance(SignedDuration::from_hours(24 * 390));
    assert_eq!(file(&asked.ask("day.csv").await).file.totals.read, 5);
    asked.wasabi("day.csv", &ROWS[..1]).await;
    assert_eq!(file(&asked.ask("day.csv").await).file.totals.read, 1);
}
