use super::*;
use crate::{FileFormat, Numbered, read_file};
use harmonia_domain::{
    feed::Scheme,
    line::Till,
    money::{Currency, MinorUnits},
};

const ICELAND_HEADER: &str = "TransactionCardFirst6,TransactionCardLast4,TransactionCardExpiry,TransactionCardSchemeId,\
    TransactionCardScheme,TransactionStore_Id,TransactionTimestamp,TransactionAmountValue,TransactionAmountUnit,\
    TransactionCashbackValue,TransactionCashbackUnit,TransactionId,TransactionAuthCode";
const ICELAND_ROW: &str =
    "450012,8841,01/30,2,Visa Debit,02894843,2024-06-18 13:41:07,23.45,GBP,.00,GBP,ICE-000771,390211";
const WASABI_HEADER: &str = "Store No_,Entry No_,Transaction No_,Tender Type,Amount,Card Number,Card Type Name,\
    Auth_code,Authorisation Ok,Date,Time,EFT Merchant No_,Receipt No_";
const WASABI_ROW: &str = "A076,16277,123456789,3,23.45,450012******8841,Visa Debit,390211,1,09/01/2024,18:05:42,\
    15819661,0000A00000000000417";

fn definition(merchant: &str) -> Definition {
    Definitions::shipped().unwrap().get(&merchant.parse().unwrap()).unwrap().clone()
}

fn file(merchant: &str, text: &str) -> Result<Vec<Numbered>, Unreadable> {
    let definition = definition(merchant);
    read_file(FileFormat::Merchant(&definition), text.as_bytes()).map(Iterator::collect)
}

fn iceland(row: &str) -> Record {
    let mut read = file("iceland-bonus-card", &format!("{ICELAND_HEADER}\r\n{row}\r\n")).unwrap();
    assert_eq!(read.len(), 1, "{row}");
    read.remove(0).record
}

fn wasabi(row: &str) -> Record {
    let mut read = file("wasabi-club", &format!("{WASABI_HEADER}\n{row}\n")).unwrap();
    assert_eq!(read.len(), 1, "{row}");
    read.remove(0).record
}

/// Spec import §7.10, the worked example.
#[test]
fn iceland_example() {
    let expected = SaleLine {
        scheme: Scheme::Visa,
        id: "ICE-000771".into(),
        till: Till::Mid("02894843".into()),
        at: "2024-06-18T12:41:07Z".parse().unwrap(),
        amount: MinorUnits(2345),
        currency: Currency::GBP,
        auth_code: "390211".into(),
        first_six: Some("450012".into()),
        last_four: Some("8841".into()),
        extra: None,
    };
    assert_eq!(sale(iceland(ICELAND_ROW)), expected);
}

/// Spec import §7.15, the worked example.
#[test]
fn wasabi_example() {
    let sale = sale(wasabi(WASABI_ROW));
    assert_eq!((sale.scheme, sale.id.as_str()), (Scheme::Visa, "0000A00000000000417"));
    assert_eq!((&sale.till, sale.amount), (&Till::Mid("15819661".into()), MinorUnits(2345)));
    assert_eq!((sale.currency, sale.auth_code.as_str()), (Currency::GBP, "390211"));
    assert_eq!(sale.at.to_string(), "2024-01-09T18:05:42Z");
    assert_eq!((sale.first_six.as_deref(), sale.last_four.as_deref()), (Some("450012"), Some("8841")));
}

/// Spec import §7.10: the filters' texts are exact, and come first (D2).
#[test]
fn iceland_filters() {
    assert_eq!(skipped(iceland(&ICELAND_ROW.replace("390211", "DeClInE"))), "declined");
    for name in ["Diners", "visa", "Visa ", ""] {
        assert_eq!(skipped(iceland(&ICELAND_ROW.replace("Visa Debit", name))), "card-type", "{name}");
    }
    assert_eq!(skipped(iceland("450012,8841,01/30,2,Diners")), "card-type");
    assert_eq!(skipped(iceland(&ICELAND_ROW.replace("390211", "decline").replace("23.45", "ten"))), "declined");
    for (name, scheme) in [
        ("Amex", Scheme::Amex),
        ("Electron", Scheme::Visa),
        ("Visa CPC", Scheme::Visa),
        ("MasterCard/MasterCard One", Scheme::Mastercard),
        ("Maestro", Scheme::Mastercard),
        ("EDC/Maestro (INT) / Laser", Scheme::Mastercard),
        ("MasterCard Debit", Scheme::Mastercard),
        ("Mastercard One", Scheme::Mastercard),
    ] {
        assert_eq!(sale(iceland(&ICELAND_ROW.replace("Visa Debit", name))).scheme, scheme, "{name}");
    }
}

/// D2: which values make a row bad, by field and reason.
#[test]
fn iceland_rejects() {
    use RejectReason::{AmountTooLarge, BadAmount, BadCardDigits, BadCurrency, BadDate, BadNumber, TooLong};
    for (from, to, field, reason) in [
        ("23.45", ".50", "TransactionAmountValue", BadAmount),
        ("23.45", "5.", "TransactionAmountValue", BadAmount),
        ("23.45", "1e2", "TransactionAmountValue", BadAmount),
        ("23.45", "\"1,234.50\"", "TransactionAmountValue", BadAmount),
        ("23.45", "10.999", "TransactionAmountValue", BadAmount),
        ("23.45", "12.x", "TransactionAmountValue", BadAmount),
        ("23.45", "", "TransactionAmountValue", BadAmount),
        ("23.45", "99999999.00", "TransactionAmountValue", AmountTooLarge),
        ("2024-06-18", "2024-13-45", "TransactionTimestamp", BadDate),
        ("2024-06-18 13:41:07", "18/06/2024 13:41", "TransactionTimestamp", BadDate),
        (",GBP,.00", ",G8P,.00", "TransactionAmountUnit", BadCurrency),
        (",GBP,.00", ",POUND,.00", "TransactionAmountUnit", TooLong),
        (",2,Visa", ",two,Visa", "TransactionCardSchemeId", BadNumber),
        (",2,Visa", ",,Visa", "TransactionCardSchemeId", BadNumber),
        (".00,", "free,", "TransactionCashbackValue", BadNumber),
        (".00,", ".,", "TransactionCashbackValue", BadNumber),
        ("450012", "4500123", "TransactionCardFirst6", BadCardDigits),
        (",8841", ",4500128841884118", "TransactionCardLast4", BadCardDigits),
        ("390211", "390211390211390211390", "TransactionAuthCode", TooLong),
    ] {
        assert!(ICELAND_ROW.contains(from), "{from}");
        assert_eq!(rejected(iceland(&ICELAND_ROW.replace(from, to))), (field.into(), reason), "{to}");
    }
    let long = |chars| ICELAND_ROW.replace("ICE-000771", &"é".repeat(chars));
    assert_eq!(rejected(iceland(&long(101))), ("TransactionId".into(), TooLong));
    assert_eq!(sale(iceland(&long(100))).id.chars().count(), 100);
    assert_eq!(rejected(iceland(&ICELAND_ROW.replace("02894843", &"9".repeat(51)))).1, TooLong);
}

/// D2, D6 and spec import §3.1: what is unusual but good.
#[test]
fn iceland_accepts() {
    let amount = |text: &str| sale(iceland(&ICELAND_ROW.replace("23.45", text))).amount;
    assert_eq!(
        (amount(" 10.00 "), amount("-5.00"), amount("7"), amount("+7.5")),
        (MinorUnits(1000), MinorUnits(-500), MinorUnits(700), MinorUnits(750))
    );
    assert_eq!(sale(iceland(&ICELAND_ROW.replace("ICE-000771", ""))).id, "");
    assert_eq!(sale(iceland(&ICELAND_ROW.replace("450012,8841", ","))).first_six.as_deref(), Some(""));
    assert_eq!(sale(iceland(&ICELAND_ROW.replace(",GBP,.00", ",826, 1E+2 "))).currency, Currency::GBP);
    assert_eq!(sale(iceland(&ICELAND_ROW.replace("390211", "decline "))).auth_code, "decline ");
    assert_eq!(sale(iceland(&format!("{ICELAND_ROW},surplus,values"))).id, "ICE-000771");
}

/// Spec import §7.15: unknown names, the NUL receipt, and declined sales, which are imported (Q41).
#[test]
fn wasabi_filters_and_rejects() {
    assert_eq!(skipped(wasabi(&WASABI_ROW.replace("Visa Debit", "Gift"))), "card-type");
    assert_eq!(skipped(wasabi(&WASABI_ROW.replace("0000A00000000000417", "\0"))), "nul-receipt");
    assert_eq!(sale(wasabi(&WASABI_ROW.replace("0000A00000000000417", "\0\0"))).id, "\0\0");
    assert_eq!(sale(wasabi(&WASABI_ROW.replace(",1,09", ",0,9"))).at.to_string(), "2024-01-09T18:05:42Z");
    assert_eq!(sale(wasabi(&WASABI_ROW.replace("Visa Debit", "Visa (Enhanced Management Info"))).scheme, Scheme::Visa);
    assert_eq!(
        rejected(wasabi(&WASABI_ROW.replace("09/01/2024", "2024-01-09"))),
        ("Date".into(), RejectReason::BadDate)
    );
    let digits = |card: &str| {
        let sale = sale(wasabi(&WASABI_ROW.replace("450012******8841", card)));
        (sale.first_six.unwrap(), sale.last_four.unwrap())
    };
    assert_eq!(digits("4500120000008841"), ("450012".into(), "8841".into()));
    assert_eq!(digits("12"), ("12".into(), "12".into()));
    assert_eq!(digits(""), (String::new(), String::new()));
}

/// Short rows miss needed fields; long rows are fine; the cut card type is a filter's business.
#[test]
fn short_rows() {
    let short = ICELAND_ROW.rsplit_once(',').unwrap().0;
    assert_eq!(rejected(iceland(short)), ("TransactionAuthCode".into(), RejectReason::MissingField));
    assert_eq!(skipped(iceland("450012")), "card-type");
}

/// Spec import §3.3: order is free, of two equal names the last counts, unneeded columns may be missing.
#[test]
fn headers() {
    let slug = "wasabi-club";
    let turned = |text: &str| text.split(',').rev().collect::<Vec<_>>().join(",");
    let read = |text: String| sale(file(slug, &text).unwrap().remove(0).record);
    let plain = read(format!("{WASABI_HEADER}\n{WASABI_ROW}"));
    assert_eq!(read(format!("{}\n{}", turned(WASABI_HEADER), turned(WASABI_ROW))), plain);
    assert_eq!(read(format!("\u{feff}{WASABI_HEADER}\n{WASABI_ROW}")), plain);
    assert_eq!(read(format!("Amount,{WASABI_HEADER}\n1.00,{WASABI_ROW}")), plain);
    assert_eq!(read(format!("\"{}\"\n{WASABI_ROW}", WASABI_HEADER.replace(',', "\",\""))), plain);
    let thin = WASABI_HEADER.replace("Store No_,Entry No_,", "");
    assert_eq!(read(format!("{thin}\n{}", WASABI_ROW.replace("A076,16277,", ""))), plain);

    let missing = |column: &str| Err::<Vec<Numbered>, _>(Unreadable::MissingColumn { column: column.into() });
    let header = |text: String| file(slug, &text).map(|_| Vec::<Numbered>::new());
    assert_eq!(header(WASABI_HEADER.replace("Auth_code", "auth_code")).unwrap_err(), missing("Auth_code").unwrap_err());
    assert_eq!(header(WASABI_ROW.to_owned()).unwrap_err(), missing("Card Type Name").unwrap_err());
    assert_eq!(header(format!("\n{WASABI_HEADER}\n{WASABI_ROW}")).unwrap_err(), Unreadable::NoHeader);
    assert_eq!(header(format!("\"{WASABI_HEADER}\n{WASABI_ROW}")).unwrap_err(), Unreadable::NoHeader);
}

/// D22: empty files are files.
#[test]
fn files_without_rows() {
    for text in ["", "\n", "\r\n\r\n", "\u{feff}", WASABI_HEADER, &format!("{WASABI_HEADER}\r\n\r\n")] {
        assert!(file("wasabi-club", text).unwrap().is_empty(), "{text:?}");
    }
}

/// D2: good rows are read, bad ones rejected, each with its own place.
#[test]
fn one_bad_row_is_one_bad_row() {
    let bad = WASABI_ROW.replace("23.45", "10.999");
    let open = WASABI_ROW.replace("390211", "\"390211");
    let text = format!("{WASABI_HEADER}\r\n\r\n{bad}\r\n{WASABI_ROW}\r\n{open}\r\n{WASABI_ROW}\r\n");
    let read = file("wasabi-club", &text).unwrap();
    let lines: Vec<u64> = read.iter().map(|numbered| numbered.line).collect();
    assert_eq!(lines, [3, 4, 5, 6]);
    for numbered in &read {
        let start = usize::try_from(numbered.offset).unwrap();
        assert!(text[start..].starts_with("A076,"), "line {}", numbered.line);
    }
    let kinds: Vec<bool> = read.iter().map(|numbered| matches!(numbered.record, Record::Sale(_))).collect();
    assert_eq!(kinds, [false, true, false, true]);
    assert_eq!(rejected(read[2].record.clone()), ("Auth_code".into(), RejectReason::BadQuoting));
}

#[test]
fn bytes_that_are_not_utf_8_make_a_file_unreadable() {
    let definition = definition("wasabi-club");
    let bytes = [WASABI_HEADER.as_bytes(), b"\n\xff"].concat();
    let error = read_file(FileFormat::Merchant(&definition), &bytes).map(|_| ()).unwrap_err();
    assert_eq!(error, Unreadable::NotUtf8 { line: 2, offset: crate::count(WASABI_HEADER.len()) + 1 });
}
