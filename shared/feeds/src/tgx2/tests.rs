use super::*;
use crate::{FileFormat, Numbered, Unreadable, read_file};
use harmonia_domain::{ids::sha256_hex, money::AMOUNT_MINOR_MAX, outcome::RejectReason};
use jiff::civil;
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};

/// A line of blanks with texts written at their columns, as spec import §7.7 builds its example.
fn detail(fields: &[(usize, &str)]) -> String {
    let mut line = vec![' '; 770];
    for (start, text) in [(0, "D")].iter().chain(fields) {
        for (n, c) in text.chars().enumerate() {
            line[start + n] = c;
        }
    }
    line.into_iter().collect()
}

const EXAMPLE: [(usize, &str); 9] = [
    (21, "MCTok5512"),
    (102, "20240618"),
    (451, "521900311"),
    (500, "LOC000044551"),
    (512, "AGG771"),
    (518, "000000002345"),
    (563, "1341"),
    (567, "390211"),
    (761, "QK7Z19ABC"),
];

fn with(start: usize, text: &'static str) -> String {
    let mut fields = EXAMPLE;
    fields.iter_mut().filter(|(at, _)| *at == start).for_each(|(_, old)| *old = text);
    detail(&fields)
}

fn file(lines: &[&str]) -> String {
    let frame = |text: &str| format!("{text:<850}");
    let (header, trailer) = (frame("H20240619030000"), frame("T20240619030000"));
    [&[header.as_str()], lines, &[&trailer]].concat().join("\n")
}

fn read_all(text: &str) -> Vec<Numbered> {
    read_file(FileFormat::Tgx2(PaymentFeed::MastercardSettled), text.as_bytes()).unwrap().collect()
}

fn payment(record: &Record) -> &PaymentLine {
    match record {
        Record::Payment(line) => line,
        other => panic!("{other:?}"),
    }
}

fn rejected(line: &str) -> (String, RejectReason) {
    match &read_all(&file(&[line]))[0].record {
        Record::Rejected(reject) => (reject.field.clone(), reject.reason),
        other => panic!("{other:?}"),
    }
}

/// Spec import §7.7, the worked example, bytes included.
#[test]
fn example() {
    let line = detail(&EXAMPLE);
    assert_eq!(sha256_hex(line.as_bytes()), "6b1bd9ead81011c900417cc34b63fec35a2bf90ffceeb1f372b2b02adf237725");
    let text = file(&[&line]);
    assert_eq!(text.len(), 2472);
    assert_eq!(sha256_hex(text.as_bytes()), "b45a56f123744c62b94b49dcdded59af8b3dbda6db8a91739974a61be2d537ba");
    let read = read_all(&text);
    assert_eq!((read.len(), read[0].line, read[0].offset), (1, 2, 851));
    let line = payment(&read[0].record);
    assert_eq!(line.id, "QK7Z19ABC_20240618");
    assert_eq!(line.settlement_key, "b80334dd8963c28e0030d5b4e89865a9bd00b11bc5eca81c69bfdf93570b8dba");
    assert_eq!(line.time, LineTime::Instant("2024-06-18T12:41:00Z".parse().unwrap()));
    assert_eq!((line.amount, line.currency), (MinorUnits(2345), Currency::GBP));
    assert_eq!(line.token.expose_secret(), "MCTok5512");
    assert_eq!((line.auth_code.as_str(), line.approval_code.as_str()), ("390211", ""));
    let mids =
        MidTexts { primary: "521900311".into(), secondary: Some("LOC000044551".into()), psimi: Some("AGG771".into()) };
    assert_eq!(line.mids, mids);
    assert_eq!((&line.first_six, &line.last_four), (&None, &None));
}

fn refunds(text: &str) -> Vec<Numbered> {
    read_file(FileFormat::Tgx2(PaymentFeed::MastercardRefund), text.as_bytes()).unwrap().collect()
}

/// Spec import §7.8, the worked example, but for the sign (D3).
#[test]
fn refund_example() {
    let line = detail(&[
        (21, "MCTok5512"),
        (102, "20240620"),
        (451, "600700800"),
        (512, "AGG990"),
        (518, "000000001000"),
        (563, "0905"),
        (761, "RF0000017"),
    ]);
    assert_eq!(sha256_hex(line.as_bytes()), "bede226b4928e82ed7aae8f7d6ccbfb97dcba59d12769e3d534b93ade0062874");
    let read = refunds(&file(&[&line]));
    let refund = payment(&read[0].record);
    assert_eq!((refund.kind, refund.id.as_str()), (Kind::Refund, "RF0000017_20240620"));
    assert_eq!(refund.time, LineTime::Instant("2024-06-20T08:05:00Z".parse().unwrap()));
    assert_eq!((refund.amount, refund.auth_code.as_str()), (MinorUnits(-1000), ""));
    assert_eq!(refund.settlement_key, "f3ef2ffe584b208207e41ec74755c092b3e6ce2d6a45eb1737ade7d9e15df83a");
    let mids = MidTexts { primary: "600700800".into(), secondary: None, psimi: Some("AGG990".into()) };
    assert_eq!(refund.mids, mids);
}

/// D3: never positive, whatever sign the file has.
#[test]
fn refunds_are_never_positive() {
    for (text, amount) in
        [("000000002345", -2345), ("-00000002345", -2345), ("+00000002345", -2345), ("000000000000", 0)]
    {
        let read = refunds(&file(&[&with(518, text)]));
        assert_eq!(payment(&read[0].record).amount, MinorUnits(amount), "{text}");
    }
}

/// Spec import §14.2, mastercard-settled: the mid is cut to its column, other record types yield nothing, the id is
/// the given one and the date, the code is the file's.
#[test]
fn published_table() {
    let line = detail(&[
        (21, "token-123"),
        (102, "20201027"),
        (451, "test_primary_mi"),
        (518, "000000001222"),
        (563, "1501"),
        (567, "666666"),
        (761, "48156a45-"),
    ]);
    let read = read_all(&file(&[&line, &line.replacen('D', "A", 1)]));
    assert_eq!(read.len(), 1);
    let settled = payment(&read[0].record);
    assert_eq!((settled.id.as_str(), settled.mids.primary.as_str()), ("48156a45-_20201027", "test_primary_mi"));
    assert_eq!(settled.time, LineTime::Instant("2020-10-27T15:01:00Z".parse().unwrap()));
    assert_eq!((settled.amount, settled.auth_code.as_str()), (MinorUnits(1222), "666666"));
    let short = line.replace("test_primary_mi", "test-mid-123   ");
    let key = "fa912d5e0751841ff24f028100de1234046f9c71377759eb8f4ea95cc845eae0";
    assert_eq!(payment(&read_all(&file(&[&short]))[0].record).settlement_key, key);
}

/// The first line is discarded whatever it says; only `D` lines are read; CR does no harm.
#[test]
fn lines() {
    let line = detail(&EXAMPLE);
    let other = line.replacen('D', "X", 1);
    assert_eq!(read_all(&format!("{line}\n{line}\r\n{other}\n\n{line}")).len(), 2);
    assert!(read_all("").is_empty() && read_all(&line).is_empty());
    let read = read_all(&format!("\r\n{line}\r\nT\n"));
    assert_eq!((read[0].line, read[0].offset, payment(&read[0].record).id.as_str()), (2, 2, "QK7Z19ABC_20240618"));
    let none = MidTexts { primary: "521900311".into(), secondary: None, psimi: None };
    let blank = with(500, "            ").replace("AGG771", "      ");
    assert_eq!(payment(&read_all(&file(&[&blank]))[0].record).mids, none);
}

/// Positions are counted in characters.
#[test]
fn characters_not_bytes() {
    let line = with(21, "MCTok\u{e9}5512");
    let read = read_all(&file(&[&line]));
    let read = payment(&read[0].record);
    assert_eq!((read.id.as_str(), read.token.expose_secret()), ("QK7Z19ABC_20240618", "MCTok\u{e9}5512"));
    let cut: String = line.chars().take(765).collect();
    assert_eq!(payment(&read_all(&file(&[&cut]))[0].record).id, "QK7Z_20240618");
}

/// D2: a bad line is rejected by itself.
#[test]
fn rejects() {
    use RejectReason::{BadAmount, BadCardToken, BadDate};
    assert_eq!(rejected("D"), ("date".into(), BadDate));
    assert_eq!(rejected(&with(102, "20241301")), ("date".into(), BadDate));
    assert_eq!(rejected(&with(563, "    ")), ("date".into(), BadDate));
    assert_eq!(rejected(&with(518, "00000000A100")), ("amount".into(), BadAmount));
    assert_eq!(rejected(&with(518, "            ")), ("amount".into(), BadAmount));
    assert_eq!(rejected(&with(21, "         ")), ("token".into(), BadCardToken));
    assert_eq!(rejected(&format!("D{}", " ".repeat(limits::LINE_BYTES_MAX))).1, RejectReason::TooLong);
    let signed = with(518, "-00000000100");
    assert_eq!(payment(&read_all(&file(&[&signed]))[0].record).amount, MinorUnits(-100));
}

/// D6: without an id, the content and the position among equal lines make one, and the settlement key follows it.
#[test]
fn lines_without_an_id() {
    let nameless = with(761, "         ");
    let other = nameless.replace("390211", "390212");
    let read = read_all(&file(&[&nameless, &other, &format!("{}\r", nameless.trim_end())]));
    let ids: Vec<&str> = read.iter().map(|numbered| payment(&numbered.record).id.as_str()).collect();
    let hash = sha256_hex(nameless.trim_end().as_bytes());
    let other_hash = sha256_hex(other.trim_end().as_bytes());
    assert_eq!(ids, [format!("{hash}.0"), format!("{other_hash}.0"), format!("{hash}.1")]);
    let key = sha256_hex(format!("mastercard.{hash}.1.2024-06-18.521900311.MCTok5512").as_bytes());
    assert_eq!(payment(&read[2].record).settlement_key, key);
}

#[test]
fn unreadable_files() {
    let feed = FileFormat::Tgx2(PaymentFeed::MastercardSettled);
    assert_eq!(read_file(feed, b"H\n\xff").map(|_| ()).unwrap_err(), Unreadable::NotUtf8 { line: 2, offset: 2 });
    let wrong = FileFormat::Tgx2(PaymentFeed::VisaAuth);
    assert_eq!(read_file(wrong, b"").map(|_| ()).unwrap_err(), Unreadable::NotAFileFeed(PaymentFeed::VisaAuth));
}

prop_compose! {
    /// A settlement as its columns can hold it, and when it was by London's clock.
    fn a_settlement()(
        id in "[!-~é]{1,9}",
        token in "[!-~é]([ -~é]{0,28}[!-~é])?",
        (mid, location, aggregate) in ("[!-~é]{0,15}", "[!-~é]{1,12}", "[!-~é]{1,6}"),
        (located, aggregated) in (any::<bool>(), any::<bool>()),
        (days, minutes) in (0_i64..20_000, 0_i64..1440),
        amount in -AMOUNT_MINOR_MAX..=AMOUNT_MINOR_MAX,
        auth_code in "[!-~]{0,6}",
    ) -> (PaymentLine, civil::DateTime) {
        let wall = civil::date(2000, 1, 1).at(0, 0, 0, 0);
        let wall = wall + jiff::Span::new().days(days).minutes(minutes);
        let token = SecretString::from(token);
        let amount = MinorUnits(amount);
        let line = PaymentLine {
            scheme: harmonia_domain::feed::Scheme::Mastercard,
            kind: Kind::Settled,
            settlement_key: settlement_key(&id, wall.date(), &mid, &token),
            id: format!("{id}_{}", wall.strftime("%Y%m%d")),
            mids: MidTexts {
                primary: mid, secondary: located.then_some(location), psimi: aggregated.then_some(aggregate),
            },
            time: LineTime::Instant(crate::wall_in_zone(wall, "Europe/London").unwrap()),
            amount, currency: Currency::GBP, token, first_six: None, last_four: None, auth_code,
            approval_code: String::new(),
        };
        (line, wall)
    }
}

fn written((line, wall): &(PaymentLine, civil::DateTime)) -> String {
    let MidTexts { primary, secondary, psimi } = &line.mids;
    let (id, _) = line.id.rsplit_once('_').unwrap();
    detail(&[
        (21, line.token.expose_secret()),
        (102, &wall.strftime("%Y%m%d").to_string()),
        (451, primary),
        (500, secondary.as_deref().unwrap_or_default()),
        (512, psimi.as_deref().unwrap_or_default()),
        (518, &format!("{:>012}", line.amount.0)),
        (563, &wall.strftime("%H%M").to_string()),
        (567, &line.auth_code),
        (761, id),
    ])
}

proptest! {
    /// What the columns hold is what is read: parse(write(line)) = line.
    #[test]
    fn lines_read_back(settled in prop::collection::vec(a_settlement(), 0..4)) {
        let lines: Vec<String> = settled.iter().map(written).collect();
        let text = file(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let read = read_all(&text);
        prop_assert_eq!(read.len(), settled.len());
        for (numbered, (line, _)) in read.iter().zip(&settled) {
            let read = payment(&numbered.record);
            prop_assert_eq!(read.token.expose_secret(), line.token.expose_secret());
            prop_assert_eq!(format!("{read:?}"), format!("{line:?}"));
        }
    }
}
