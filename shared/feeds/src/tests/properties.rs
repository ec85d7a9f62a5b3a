//! What holds for every input: nothing panics, every line is told once and in order, and no card data is told.

use crate::{FileFormat, Record, read_file, read_message};
use harmonia_definitions::Definitions;
use harmonia_domain::feed::PaymentFeed;
use proptest::prelude::*;

/// Lines that look like records of one feed or another, so that random bytes get past the first check.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let wasabi = "Store No_,Amount,Card Number,Card Type Name,Auth_code,Date,Time,EFT Merchant No_,Receipt No_\n";
    let iceland = "TransactionCardFirst6,TransactionCardLast4,TransactionCardSchemeId,TransactionCardScheme,\
        TransactionStore_Id,TransactionTimestamp,TransactionAmountValue,TransactionAmountUnit,\
        TransactionCashbackValue,TransactionId,TransactionAuthCode\n";
    let cell =
        "([0-9]{1,6}(\\.[0-9]{2})?|Visa|Amex|GBP|2024-06-18 13:41:07|18/06/2024|13:41:07|\"[^\"]?\"|\"|\\PC{0,3})";
    let rows = format!("(({cell},){{0,11}}{cell}(\r?\n)){{0,6}}");
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400),
        rows.prop_map_into_file(wasabi),
        rows.prop_map_into_file(iceland),
        "\n(D[ 0-9é]{0,800}\r?\n){0,4}".prop_map(String::into_bytes),
    ]
}

trait IntoFile {
    fn prop_map_into_file(&self, header: &'static str) -> BoxedStrategy<Vec<u8>>;
}

impl IntoFile for String {
    fn prop_map_into_file(&self, header: &'static str) -> BoxedStrategy<Vec<u8>> {
        let rows = prop::string::string_regex(self).expect("a pattern");
        rows.prop_map(move |rows| format!("{header}{rows}").into_bytes()).boxed()
    }
}

proptest! {
    #[test]
    fn no_file_panics_and_lines_are_in_order(bytes in file()) {
        let definitions = Definitions::shipped().unwrap();
        let csv = definitions.iter().map(FileFormat::Merchant);
        for format in csv.chain([FileFormat::Tgx2(PaymentFeed::MastercardSettled)]) {
            let Ok(records) = read_file(format, &bytes) else { continue };
            let mut before = None;
            for numbered in records {
                prop_assert!(before < Some((numbered.line, numbered.offset)));
                before = Some((numbered.line, numbered.offset));
                let start = usize::try_from(numbered.offset).unwrap();
                let line = bytes[..start].split(|byte| *byte == b'\n').count();
                prop_assert_eq!(u64::try_from(line).unwrap(), numbered.line);
            }
        }
    }

    #[test]
    fn no_message_panics(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "\\{(\"(mid|time|amount|third_party_id|dpan|MessageElementsCollection)\":\
            (1e9|null|\\[\\]|\"[0-9X]{0,20}\"),){0,4}\"a\":1\\}"
            .prop_map(String::into_bytes),
    ]) {
        for feed in PaymentFeed::ALL {
            read_message(feed, &bytes);
        }
    }

    /// Invariant 7: neither a good nor a bad line shows its token or more digits of the card than allowed.
    #[test]
    fn nothing_shows_card_data(card in "[0-9]{16}", amount in "(10\\.00|ten)") {
        let token = format!("tok-{card}");
        let message = format!(
            r#"{{"transactionId":"1","merchantNumber":"2","transactionDate":"2024-06-18","transactionAmount":"{amount}",
                "dpan":"{card}","cardToken":"{token}"}}"#
        );
        let shown = format!("{:?}", read_message(PaymentFeed::AmexSettlement, message.as_bytes()));
        prop_assert!(!shown.contains(&card), "{}", shown);
        let definitions = Definitions::shipped().unwrap();
        let wasabi = definitions.get(&"wasabi-club".parse().unwrap()).unwrap();
        let file = format!(
            "Amount,Card Number,Card Type Name,Auth_code,Date,Time,EFT Merchant No_,Receipt No_\n\
             {amount},{card},Visa,1,18/06/2024,13:41:07,m,r\n"
        );
        let records: Vec<_> = read_file(FileFormat::Merchant(wasabi), file.as_bytes()).unwrap().collect();
        prop_assert_eq!(records.len(), 1);
        let sold = matches!(records[0].record, Record::Sale(_));
        prop_assert_eq!(sold, amount != "ten");
        let shown = format!("{records:?}");
        prop_assert!(!shown.contains(&card));
    }
}
