mod exports;

use super::*;

const WASABI: &str = include_str!("../../merchants/wasabi-club.toml");
const ICELAND: &str = include_str!("../../merchants/iceland-bonus-card.toml");
const STONEGATE: &str = include_str!("../../merchants/stonegate.toml");
const ITSU: &str = include_str!("../../merchants/itsu.toml");
const SLIM: &str = include_str!("../../merchants/slim-chickens.toml");
const FRIDAYS: &str = include_str!("../../merchants/tgi-fridays.toml");
const WORKS: &str = include_str!("../../merchants/the-works.toml");

fn broken(text: &str, from: &str, to: &str) -> DefinitionError {
    assert!(text.contains(from), "nothing to break: {from}");
    Definition::from_toml(&text.replacen(from, to, 1), "broken.toml").expect_err(to)
}

#[test]
fn the_shipped_definitions_load() {
    let all = Definitions::shipped().unwrap();
    let slugs: Vec<_> = all.iter().map(|d| d.merchant.as_str()).collect();
    let mut files: Vec<_> = SHIPPED.iter().map(|(file, _)| file.strip_suffix(".toml").unwrap()).collect();
    files.sort_unstable();
    assert_eq!(slugs, files);
    let wasabi = all.get(&"wasabi-club".parse().unwrap()).unwrap();
    assert_eq!(wasabi.visa_auth_zone, "UTC");
    assert_eq!(wasabi.feed.as_ref().unwrap().scheme.visa.len(), 4);
    assert_eq!(all.get(&"stonegate".parse().unwrap()).unwrap().visa_auth_zone, "Europe/London");
    assert!(all.get(&"harvey-nichols".parse().unwrap()).is_none());
}

#[test]
fn a_definition_replaces_the_shipped_one() {
    let mut other = Definition::from_toml(WASABI, "wasabi-club.toml").unwrap();
    other.version = "2".into();
    let all = Definitions::shipped().unwrap().with(other);
    assert_eq!(all.get(&"wasabi-club".parse().unwrap()).unwrap().version, "2");
    assert_eq!(all.iter().count(), SHIPPED.len());
}

/// Each mistake is told by file, line and key.
#[test]
fn mistakes_are_located() {
    let zone = broken(WASABI, "zone = \"Europe/London\"", "zone = \"Europe/Londn\"");
    let line = 1 + WASABI.lines().position(|l| l.starts_with("time = ")).unwrap();
    assert_eq!(
        zone.to_string(),
        format!("broken.toml:{line}: feed.fields.time.zone: no time zone is called \"Europe/Londn\"")
    );

    let unknown = broken(WASABI, "transport = ", "transprot = ");
    assert_eq!((unknown.line, unknown.key.as_str()), (10, "feed.transprot"));
    assert!(unknown.reason.contains("unknown field"), "{unknown}");

    let syntax = broken(WASABI, "[feed]", "[feed");
    assert_eq!(syntax.line, 9, "{syntax}");

    let retry = broken(WASABI, "zone = \"UTC\"", "");
    let line = 1 + WASABI.lines().enumerate().filter(|(_, l)| *l == "[[export.retry]]").nth(1).unwrap().0;
    assert_eq!((retry.line, retry.key.as_str()), (line, "export.retry.1"), "{retry}");
}

/// A layout whose first column starts nowhere.
const FIXED: &str = "{ fixed-width = { columns = [{ name = \"id\", start = 0, length = 2 }] } }";

#[test]
fn a_definition_has_a_limit() {
    let error = Definition::from_toml(&format!("{WASABI}#{}", "x".repeat(DEFINITION_BYTES_MAX)), "long.toml");
    assert_eq!(error.unwrap_err().key, "definition");
}

#[test]
fn nonsense_is_refused() {
    for (text, from, to, key) in [
        (WASABI, "DD/MM/YYYY HH:mm:ss", "DD/MM/YY HH:mm:ss", "feed.fields.time.format"),
        (WASABI, "\"GBP\"", "\"pounds\"", "feed.fields.currency"),
        (WASABI, "\"Visa\", ", "\"Visa\", \"Girocard\", ", "feed.skip.0"),
        (WASABI, "if_in = [\"\\u0000\"]", "", "feed.skip.1"),
        (WASABI, "if_in = [\"\\u0000\"]", "if_in = []", "feed.skip.1.if_in"),
        (WASABI, "amex = [\"American Express\"]", "amex = [\"Visa\"]", "feed.scheme.amex"),
        (WASABI, "amex = [\"American Express\"]", "amex = []", "feed.scheme.amex"),
        (WASABI, "first = 6", "first = 0", "feed.fields.first_six"),
        (WASABI, "columns = [\"Date\", \"Time\"]", "columns = []", "feed.fields.time.columns"),
        (WASABI, "transport = \"file\"", "transport = \"message\"", "feed.transport"),
        (WASABI, "csv = {}", "xml = {}", "feed.format.xml"),
        (WASABI, "csv = {}", "csv = { delimiter = \"\" }", "feed.format.csv.delimiter"),
        (WASABI, "csv = {}", "csv = { delimiter = \"\\n\" }", "feed.format.csv.delimiter"),
        (WASABI, "csv = {}", "csv = { quote = \",\" }", "feed.format.csv.quote"),
        (WASABI, "csv = {}", "csv = { columns = [] }", "feed.format.csv.columns"),
        (WASABI, "csv = {}", "csv = { columns = [\"a\", \"a\"] }", "feed.format.csv.columns"),
        (WASABI, "csv = {}", "csv = { columns = [\"a\"] }", "feed.scheme.column"),
        (WASABI, "{ csv = {} }", "\"json-lines\"\nencoding = \"latin-1\"", "feed.encoding"),
        (WASABI, "{ csv = {} }", "{ csv = {} }\nencoding = \"ebcdic\"", "feed.encoding"),
        (WASABI, "{ csv = {} }", FIXED, "feed.format.fixed-width.columns.0.start"),
        (WASABI, "DD/MM/YYYY HH:mm:ss", "typed-datetime", "feed.fields.time.format"),
        (WASABI, "unit = \"major\"", "unit = \"major\", decimal = \"1\"", "feed.fields.amount.decimal"),
        (WASABI, "unit = \"major\"", "unit = \"minor\", decimal = \",\"", "feed.fields.amount.decimal"),
        (WASABI, "unit = \"major\"", "unit = \"major\", thousands = \".\"", "feed.fields.amount.thousands"),
        (WASABI, "till = { mid = ", "till = { shop = ", "feed.fields.till.shop"),
        (ITSU, "amount_below = 500", "amount_below = 500\nif_in = [\"a\"]", "feed.skip.0"),
        (ITSU, "amount_below = 500", "", "feed.skip.0"),
        (ITSU, "reason = \"below-minimum\"", "reason = \"\"", "feed.skip.0.reason"),
        (ITSU, "key = \"auth-code\"", "key = \"auth-code\"\nwithin_s = 180", "match.visa.within_s"),
        (STONEGATE, "metadata.AccountID\"", "metadata..AccountID\"", "feed.fields.extra.account_id"),
        (STONEGATE, "[\"american express\"", "[\"\", \"american express\"", "feed.scheme.amex"),
        (STONEGATE, "format = \"typed-datetime\"", "format = \"YYYY-MM-DD\"", "feed.fields.id.sha256.parts.0.as"),
        (STONEGATE, "columns = [\"date\"]", "columns = [\"date\", \"time\"]", "feed.fields.time.columns"),
        (STONEGATE, "transport = \"message\"", "transport = \"file\"", "feed.transport"),
        (WASABI, "merchant = \"wasabi-club\"", "merchant = \"visa-auth\"", "merchant"),
        (WASABI, "merchant = \"wasabi-club\"", "merchant = \"Wasabi Club\"", "merchant"),
        (WASABI, "version = \"1\"", "version = \" \"", "version"),
        (WASABI, "version = \"1\"", "version = \"1\"\nvisa_auth_zone = \"Mars\"", "visa_auth_zone"),
        (WASABI, "within_s = 180", "within_s = 0", "match.visa.within_s"),
        (WASABI, "window_days = 14", "window_days = 61", "match.window_days"),
        (WASABI, "http://localhost", "", "export.base_url"),
        (WASABI, "http://localhost", "http:///", "export.base_url"),
        (WASABI, "at = \"10:00\"", "at = \"25:00\"", "export.retry.1.at"),
        (WASABI, "at = \"10:00\"", "at = \"10:00\"\nafter_s = 5", "export.retry.1"),
        (WASABI, "after_s = 1200", "after_s = 0", "export.retry.0.after_s"),
        (WASABI, "attempts = 6", "attempts = 0", "export.retry.1.attempts"),
        (ICELAND, "is = \"integer\"", "is = \"number\"", "feed.check.0.is"),
        (ICELAND, "size = 200", "size = 0", "export.batch.size"),
        (ICELAND, "every_s = 60", "every_s = 86401", "export.batch.every_s"),
        (STONEGATE, "at = \"10:30\"", "at = \"noon\"", "export.first.time-of-day.at"),
        (STONEGATE, "zone = \"UTC\"", "zone = \"Mars\"", "export.first.time-of-day.zone"),
        (FRIDAYS, "after-purchase-s = 86400", "after-purchase-s = 0", "export.first"),
        (SLIM, "https://localhost-auth", "localhost-auth", "export.protocol.slim-chickens.auth_url"),
        (WORKS, "failover_url = \"https:", "failover_url = \"", "export.protocol.the-works.failover_url"),
        (WORKS, RATE, &promotion("2024-06-02", "2024-06-01", "UTC"), "export.protocol.the-works.promotion.to"),
        (WORKS, RATE, &promotion("2024-06-01", "2024-06-01", "Mars"), "export.protocol.the-works.promotion.zone"),
    ] {
        let error = broken(text, from, to);
        assert_eq!(error.key, key, "{to}: {error}");
        assert!(error.line > 0 && !error.reason.is_empty());
    }
}

const RATE: &str = "points_per_major = 5\n";

fn promotion(from: &str, to: &str, zone: &str) -> String {
    format!("{RATE}promotion = {{ points_per_major = 10, from = {from:?}, to = {to:?}, zone = {zone:?} }}\n")
}

/// Spec match §9.10: both days count.
#[test]
fn a_promotion_of_one_day() {
    let text = WORKS.replacen(RATE, &promotion("2024-06-01", "2024-06-01", "Europe/London"), 1);
    let export = Definition::from_toml(&text, "the-works.toml").unwrap().export.unwrap();
    let crate::Protocol::TheWorks(works) = export.protocol else { panic!("not The Works") };
    assert_eq!((works.points_per_major, works.promotion.unwrap().points_per_major), (5, 10));
}

/// Every shipped merchant is told of what is matched or streamed for it.
#[test]
fn every_shipped_merchant_is_told() {
    for definition in Definitions::shipped().unwrap().iter() {
        assert!(definition.export.is_some(), "{}", definition.merchant);
    }
}

#[test]
fn a_missing_part_is_named() {
    let error = Definition::from_toml("merchant = \"x\"\n", "x.toml").unwrap_err();
    assert_eq!((error.file.as_str(), error.line), ("x.toml", 1));
    assert!(error.reason.contains("missing field"), "{error}");
}
