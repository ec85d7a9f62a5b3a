use super::*;

const WASABI: &str = SHIPPED[1].1;
const ICELAND: &str = SHIPPED[0].1;

fn broken(text: &str, from: &str, to: &str) -> DefinitionError {
    assert!(text.contains(from), "nothing to break: {from}");
    Definition::from_toml(&text.replacen(from, to, 1), "broken.toml").expect_err(to)
}

#[test]
fn the_shipped_definitions_load() {
    let all = Definitions::shipped().unwrap();
    let slugs: Vec<_> = all.iter().map(|d| d.merchant.as_str()).collect();
    assert_eq!(slugs, ["iceland-bonus-card", "wasabi-club"]);
    let wasabi = all.get(&"wasabi-club".parse().unwrap()).unwrap();
    assert_eq!(wasabi.visa_auth_zone, "UTC");
    assert_eq!(wasabi.feed.as_ref().unwrap().scheme.visa.len(), 4);
    assert!(all.get(&"costa".parse().unwrap()).is_none());
}

#[test]
fn a_definition_replaces_the_shipped_one() {
    let mut other = Definition::from_toml(WASABI, "wasabi-club.toml").unwrap();
    other.version = "2".into();
    let all = Definitions::shipped().unwrap().with(other);
    assert_eq!(all.get(&"wasabi-club".parse().unwrap()).unwrap().version, "2");
    assert_eq!(all.iter().count(), 2);
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
    ] {
        let error = broken(text, from, to);
        assert_eq!(error.key, key, "{to}: {error}");
        assert!(error.line > 0 && !error.reason.is_empty());
    }
}

#[test]
fn a_missing_part_is_named() {
    let error = Definition::from_toml("merchant = \"x\"\n", "x.toml").unwrap_err();
    assert_eq!((error.file.as_str(), error.line), ("x.toml", 1));
    assert!(error.reason.contains("missing field"), "{error}");
}
