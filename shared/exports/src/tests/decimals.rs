//! Spec match §18: numbers as merchants get and send them; and addresses put together (§9.4, §9.5, §9.9).

use crate::{
    address::{joined, resolved},
    decimal::{Decimal, float, pounds},
};
use harmonia_domain::money::MinorUnits;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn pounds_as_the_works_gets_them() {
    for (minor, text) in [
        (5566, "55.66"),
        (5550, "55.5"),
        (5500, "55"),
        (1, "0.01"),
        (0, "0"),
        (100_000, "1000"),
        (1250, "12.5"),
        (-1250, "-12.5"),
        (-5, "-0.05"),
    ] {
        assert_eq!(pounds(MinorUnits(minor)), text);
    }
}

#[test]
fn floats_as_itsu_gets_them() {
    for (minor, text) in [
        (5500, "55.0"),
        (1234, "12.34"),
        (1999, "19.99"),
        (100, "1.0"),
        (0, "0.0"),
        (9650, "96.5"),
        (-1234, "-12.34"),
        (-100, "-1.0"),
    ] {
        assert_eq!(float(MinorUnits(minor)), text);
    }
    assert_eq!(float(MinorUnits(i64::MIN)), "-92233720368547758.08");
}

/// §9.9, §9.10, §18: text; hundredths, whole number, nearest whole number.
#[test]
fn decimals_as_histories_write_them() {
    for (text, hundredths, truncated, rounded) in [
        ("50.60", 5060, 50, 51),
        ("50.50", 5050, 50, 51),
        ("50.49", 5049, 50, 50),
        ("50.499", 5049, 50, 50),
        ("0.49", 49, 0, 0),
        ("0.50", 50, 0, 1),
        ("51.5", 5150, 51, 52),
        ("2.5", 250, 2, 3),
        ("-2.5", -250, -2, -3),
        ("-0.9", -90, 0, -1),
        ("275", 27_500, 275, 275),
        (" +7. ", 700, 7, 7),
        (".5", 50, 0, 1),
    ] {
        let read = Decimal::read(text).unwrap();
        assert_eq!((read.hundredths(), read.truncated(), read.rounded()), (hundredths, truncated, rounded), "{text}");
    }
    for text in ["", " ", ".", "-", "1e2", "1,000", "1 0", "--1", "+-1", "£5", "NaN", "1.2.3", "9999999999999999999"] {
        assert_eq!(Decimal::read(text), None, "{text}");
    }
    let of = |value| Decimal::of(&value).map(Decimal::hundredths);
    assert_eq!(
        (of(json!(25.5)), of(json!("25.50")), of(json!(30)), of(json!(-1))),
        (Some(2550), Some(2550), Some(3000), Some(-100))
    );
    assert_eq!((of(json!(true)), of(json!(null)), of(json!(["1"])), of(json!(1e300))), (None, None, None, None));
}

/// §9.9: the rule of TGI Fridays' addresses.
#[test]
fn addresses_joined() {
    for base in ["https://x.test/mock/", "https://x.test/mock", " https://x.test/mock// "] {
        assert_eq!(joined(base, "/api2/support/"), "https://x.test/mock/api2/support");
    }
}

/// §9.5: as Python's `urljoin`.
#[test]
fn addresses_resolved() {
    for (base, path, whole) in [
        ("https://localhost-auth", "search", "https://localhost-auth/search"),
        ("https://localhost-auth/", "search", "https://localhost-auth/search"),
        ("https://x.test/a/b", "search", "https://x.test/a/search"),
        ("https://x.test/a/b/?q=/c/", "search", "https://x.test/a/b/search"),
        ("https://x.test?q=1", "search", "https://x.test/search"),
        ("https://localhost", "/2.0/redeem", "https://localhost/2.0/redeem"),
        ("https://x.test:8443/a/b/", "/2.0/redeem", "https://x.test:8443/2.0/redeem"),
        ("https://x.test#f", "/2.0/redeem", "https://x.test/2.0/redeem"),
    ] {
        assert_eq!(resolved(base, path), whole);
    }
}

proptest! {
    #[test]
    fn pounds_read_back(minor in any::<i32>()) {
        let minor = i64::from(minor);
        for text in [pounds(MinorUnits(minor)), float(MinorUnits(minor))] {
            prop_assert_eq!(Decimal::read(&text).map(Decimal::hundredths), Some(minor));
        }
    }

    #[test]
    fn no_text_panics(text in ".*", path in ".*") {
        let _ = Decimal::read(&text).map(|d| (d.hundredths(), d.truncated(), d.rounded()));
        let _ = (joined(&text, &path), resolved(&text, &path));
    }
}
