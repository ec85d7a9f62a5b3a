use super::*;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn in_zone(text: &str, name: &str) -> Option<Timestamp> {
    iso(text)?.instant(&zone(name).unwrap())
}

fn formatted(format: &str, text: &str) -> Option<String> {
    by_format(&format.parse().unwrap(), text).map(|wall| wall.to_string())
}

/// Spec import §3.2 (a).
#[test]
fn iso_like_forms() {
    for (text, wall) in [
        ("2024-06-18", "2024-06-18T00:00:00"),
        ("20240618", "2024-06-18T00:00:00"),
        ("2024-06-18 13", "2024-06-18T13:00:00"),
        ("2024-06-18T13:41", "2024-06-18T13:41:00"),
        ("2024-06-18 13:41:07", "2024-06-18T13:41:07"),
        ("2024-06-18 3:4:7", "2024-06-18T03:04:07"),
        ("20240618T134107", "2024-06-18T13:41:07"),
        ("20240618T1341", "2024-06-18T13:41:00"),
        ("2024-06-18T13:41:07.5", "2024-06-18T13:41:07.5"),
        ("2024-06-18T13:41:07,123456789", "2024-06-18T13:41:07.123456"),
    ] {
        let read = iso(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!((read.wall.to_string().as_str(), read.offset), (wall, None), "{text}");
    }
    for text in ["2024-06-18T13:41:07", "2024-06-18T13:41:07.000001", "2024-06-18 13:41", "20240618T134107"] {
        for (sign, seconds) in [("Z", 0), ("+01", 3600), ("+0130", 5400), ("-07:00", -25_200), ("+00:00", 0)] {
            let read = iso(&format!("{text}{sign}")).unwrap_or_else(|| panic!("{text}{sign}"));
            assert_eq!(read.offset.map(Offset::seconds), Some(seconds), "{text}{sign}");
        }
    }
}

#[test]
fn other_forms_are_refused() {
    for text in [
        "",
        " ",
        "now",
        "yesterday",
        "03/06/2024 11:42",
        "2024/06/18 13:41:07",
        "2024-W25-2",
        "2024-170",
        "13:41",
        "2024-13-45 10:00:00",
        "2024-02-30",
        "0000-01-01",
        "2024-6-18",
        "2024-06-18-13.41.07",
        "2024-06-18 24:00",
        "2024-06-18 13:60",
        "2024-06-18 13:41:60",
        "2024-06-18 13:41:07 ",
        " 2024-06-18",
        "2024-06-18T",
        "2024-06-18 13:",
        "2024-06-18 13:41:07.",
        "2024-06-18 13:41:07.1234567890",
        "2024-06-18 13:41:07 +01:00",
        "2024-06-18T13:41:07+1",
        "2024-06-18T13:41:07+24:00",
        "2024-06-18T13:41:07+01:60",
        "2024-06-18T13:41:07+01:",
        "2024-06-18Z",
        "20240618T134",
        "2024-06-18T13:41:07ZZ",
        "２０２４-06-18",
    ] {
        assert_eq!(iso(text), None, "{text}");
    }
}

/// D16: the repeated hour means the second one, skipped times move forward by the gap.
#[test]
fn daylight_saving() {
    for (text, instant) in [
        ("2024-10-27 00:59:59", "2024-10-26T23:59:59Z"),
        ("2024-10-27 01:00:00", "2024-10-27T01:00:00Z"),
        ("2024-10-27 01:30", "2024-10-27T01:30:00Z"),
        ("2024-10-27 02:00", "2024-10-27T02:00:00Z"),
        ("2024-03-31 00:59:59", "2024-03-31T00:59:59Z"),
        ("2024-03-31 01:00", "2024-03-31T01:00:00Z"),
        ("2024-03-31 01:30", "2024-03-31T01:30:00Z"),
        ("2024-03-31 02:00", "2024-03-31T01:00:00Z"),
        ("2024-10-27 01:30+01:00", "2024-10-27T00:30:00Z"),
    ] {
        assert_eq!(in_zone(text, "Europe/London"), Some(at(instant)), "{text}");
    }
    let wall = "2024-06-18T13:41:07".parse().unwrap();
    assert_eq!(wall_in_zone(wall, "Europe/London"), Some(at("2024-06-18T12:41:07Z")));
    assert_eq!(wall_in_zone(wall, "UTC"), Some(at("2024-06-18T13:41:07Z")));
    assert_eq!(wall_in_zone(wall, "Nowhere"), None);
}

/// Spec import §3.2 (b).
#[test]
fn formats() {
    let wasabi = "DD/MM/YYYY HH:mm:ss";
    assert_eq!(formatted(wasabi, "3/6/2024 9:05:00").as_deref(), Some("2024-06-03T09:05:00"));
    assert_eq!(formatted(wasabi, "03/06/2024 12:42:00").as_deref(), Some("2024-06-03T12:42:00"));
    for bad in
        ["", "2024-06-03 12:42:00", "03/06/2024 12:42", "03/06/2024 12:42:00 ", "31/06/2024 1:1:1", "1/1/20245 1:1:1"]
    {
        assert_eq!(formatted(wasabi, bad), None, "{bad}");
    }
    let tgx2 = "YYYYMMDD HHmm";
    assert_eq!(formatted(tgx2, "20240618 1341").as_deref(), Some("2024-06-18T13:41:00"));
    // one digit is left for each part that touches
    assert_eq!(formatted(tgx2, "2024061 134").as_deref(), Some("2024-06-01T13:04:00"));
    for bad in ["20241301 1200", "20240618 ", "20240618 1", " ", "20240618 2400", "20240618 13411"] {
        assert_eq!(formatted(tgx2, bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn every_time_reads_back(second in -60_000_000_000_i64..250_000_000_000, micros in 0_i64..1_000_000) {
        let instant = Timestamp::from_microsecond(second * 1_000_000 + micros).unwrap();
        prop_assert_eq!(in_zone(&instant.to_string(), "Europe/London"), Some(instant));
        let wall = Offset::UTC.to_datetime(instant);
        prop_assert_eq!(iso(&wall.to_string()).map(|read| read.wall), Some(wall));
        let text = wall.strftime("%d/%m/%Y %H:%M:%S").to_string();
        let whole = wall.with().subsec_nanosecond(0).build().unwrap();
        prop_assert_eq!(formatted("DD/MM/YYYY HH:mm:ss", &text), Some(whole.to_string()));
    }

    #[test]
    fn no_text_panics(text in "[-+0-9TZ:., /]{0,40}|\\PC*") {
        let _ = (iso(&text), formatted("YYYYMMDD HHmm", &text), formatted("YYYY-MM-DD HH:mm:ss", &text));
    }
}

/// Spec import §3.2 (b), §7.5: 12 AM is midnight, 12 PM noon; the half of the day is needed, in capitals.
#[test]
fn american_times_have_twelve_hours() {
    for (text, read) in [
        ("6/18/2024 12:41:7 PM", "2024-06-18T12:41:07"),
        ("6/18/2024 12:41:07 AM", "2024-06-18T00:41:07"),
        ("06/18/2024 1:1:1 PM", "2024-06-18T13:01:01"),
    ] {
        assert_eq!(american(text), Some(read.parse().unwrap()), "{text}");
    }
    for text in [
        "18/6/2024 1:1:1 PM",
        "6/18/2024 13:1:1 PM",
        "6/18/2024 1:1:1",
        "6/18/2024 1:1:1 pm",
        "6/18/2024 0:1:1 AM",
        "2/30/2024 1:1:1 PM",
    ] {
        assert_eq!(american(text), None, "{text}");
    }
}
