use super::*;
use proptest::prelude::*;
use secrecy::ExposeSecret;

const EXAMPLE: &str = "visa,40417722,PRIMARY,tgi-fridays,T-017,,TGI Fridays,London,SW1A 1AA,A";

/// Spec import §10.4: the example, values trimmed, quotes read as quotes, a byte order mark accepted, only A rows.
#[test]
fn identifiers_are_read() {
    let quoted = " amex , 9 ,psimi,itsu, ,K1,\"a \"\"b\"\"\",\"London, UK\",\"E1\n1AA\",a";
    let text = format!("\u{feff}{EXAMPLE}\r\n\r\n{quoted}\n{EXAMPLE}x\nvisa,1,\n");
    let read = read_identifiers(text.as_bytes());
    assert_eq!((read.identifiers.len(), read.ignored, read.rejected.len()), (2, 1, 1), "{:?}", read.rejected);
    let (first, second) = (&read.identifiers[0], &read.identifiers[1]);
    assert_eq!((first.text.as_str(), first.location_id.as_deref()), ("40417722", Some("T-017")));
    assert_eq!((first.location.as_deref(), first.postcode.as_deref()), (Some("London"), Some("SW1A 1AA")));
    assert_eq!((second.text.as_str(), second.location_id.as_ref()), ("9", None));
    assert_eq!((second.location.as_deref(), second.postcode.as_deref()), (Some("London, UK"), Some("E1\n1AA")));
    assert_eq!(read.rejected[0].to_string(), "line 6: the row has 3 columns, not 10 (value: Text)");
}

/// D2: a wrong row names its line, field and reason, and does not cost the others.
#[test]
fn wrong_rows_do_not_cost_the_others() {
    let row = |at: usize, value: &str| {
        let mut cells: Vec<&str> = EXAMPLE.split(',').collect();
        cells[at] = value;
        cells.join(",")
    };
    let long = "x".repeat(251);
    let rows = [
        (row(0, "paypal"), "line 1, payment provider slug: not one of our payment schemes: visa, mastercard, amex"),
        (row(1, ""), "line 2, identifier: needed"),
        (row(1, &long[..51]), "line 3, identifier: longer than 50 characters"),
        (row(2, "THIRD"), "line 4, identifier type: not PRIMARY, SECONDARY or PSIMI"),
        (row(3, "TGI"), "line 5, loyalty scheme slug: not a slug"),
        (row(4, &long[..51]), "line 6, location id: longer than 50 characters"),
        (row(7, &long), "line 7, location: longer than 250 characters"),
        (row(8, &long[..17]), "line 8, postcode: longer than 16 characters"),
        (format!("{EXAMPLE},x"), "line 9: the row has 11 columns, not 10: this is the squaremeal layout"),
    ];
    let mut text: Vec<u8> = rows.iter().flat_map(|(row, _)| format!("{row}\n").into_bytes()).collect();
    text.extend(b"visa,\xff,PRIMARY,a,,,,,,A\n");
    text.extend(EXAMPLE.as_bytes());
    let read = read_identifiers(&text);
    assert_eq!((read.identifiers.len(), read.rejected.len()), (1, rows.len() + 1));
    for (reject, (_, expected)) in read.rejected.iter().zip(&rows) {
        assert!(reject.to_string().starts_with(expected), "{reject} / {expected}");
    }
    assert_eq!(read.rejected.last().unwrap().problem, RowProblem::NotUtf8);
}

/// A users file names its columns; what a directory may leave out may be blank.
#[test]
fn users_are_read() {
    let needed = "merchant,token,loyalty_id,scheme_account_id,user_id,credentials,first_six,last_four";
    let header = format!("{needed},expiry_month,expiry_year,note,payment_card_account_id");
    let rows = "wasabi-club,Tok-1,L1,431,52,,522222,8841,1,2030,x,977
wasabi-club,Tok-2,L2,432,53,abc,,,,,,
wasabi-club,4242424242424242,L3,x,53,,,,,,,
wasabi-club,Tok-4,L4,1,2,,522222,,,,,
wasabi-club,Tok-5,,1,2
";
    let read = read_users(format!("{header}\n{rows}").as_bytes());
    assert_eq!((read.users.len(), read.rejected.len()), (2, 3));
    let (first, second) = (&read.users[0], &read.users[1]);
    assert_eq!((first.token.expose_secret(), first.payment_card_account_id), ("Tok-1", Some(977)));
    assert_eq!(first.digits, Some(("522222".to_owned(), "8841".to_owned())));
    assert_eq!((&second.digits, second.expiry_month, second.credentials.as_str()), (&None, None, "abc"));
    let told: Vec<String> = read.rejected.iter().map(ToString::to_string).collect();
    assert_eq!(told[0], "line 4, scheme_account_id: not a whole number (value: Text)");
    assert!(told[1].starts_with("line 5, first_six: first six and last four belong together"), "{told:?}");
    assert!(told[2].starts_with("line 6, loyalty_id: needed"), "{told:?}");
    // invariant 7
    assert!(!format!("{read:?}").contains("Tok-1") && !told.join(" ").contains("4242"));
}

/// Without the needed columns no row means anything.
#[test]
fn a_users_file_needs_its_header() {
    let read = read_users(b"wasabi-club,Tok-1,L1,431,52,,522222,8841\nwasabi-club,Tok-1,L1,431,52,,522222,8841\n");
    assert!(read.users.is_empty());
    assert_eq!(read.rejected[0].problem, RowProblem::NoColumn);
    assert!(read_users(b"").users.is_empty() && read_users(b"").rejected.is_empty());
}

proptest! {
    /// No input makes the readers fail, and every record has one outcome.
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let read = read_identifiers(&bytes);
        let mut records = 0;
        let mut none = Vec::new();
        rows(&bytes, &mut none, |_| { records += 1; Ok(()) });
        records += none.len();
        prop_assert_eq!(read.identifiers.len() + read.ignored + read.rejected.len(), records);
        read_users(&bytes);
    }

    /// Quoting as every spreadsheet writes it comes back as it was.
    #[test]
    fn quoted_values_survive(location in "[ -~]{1,40}") {
        let row = format!("visa,1,PRIMARY,itsu,,,,\"{}\",,A\n", location.replace('"', "\"\""));
        let read = read_identifiers(row.as_bytes());
        prop_assert_eq!(read.identifiers[0].location.as_deref().unwrap_or_default(), location.trim());
    }
}
