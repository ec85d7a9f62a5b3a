//! The generator against its own promises, with readers that know the formats and nothing else.

mod certain;
mod counts;
mod readers;

use crate::{Day, Plan, generate};

fn small(seed: u64) -> Day {
    generate(&Plan { seed, payments: 300, sales: 450, ..Plan::default() })
}

#[test]
fn a_seed_is_a_day() {
    assert_eq!(small(7), small(7));
    assert_ne!(small(7).drops, small(8).drops);
}

#[test]
fn drops_come_in_order_and_have_names_of_their_own() {
    let day = generate(&Plan::default());
    assert!(day.drops.is_sorted_by_key(|drop| drop.at));
    let names: std::collections::HashSet<_> = day.drops.iter().map(|drop| &drop.name).collect();
    assert_eq!(names.len(), day.drops.len());
}

#[test]
fn nothing_looks_like_a_card_number() {
    for drop in generate(&Plan::default()).drops {
        let text = String::from_utf8(drop.bytes).unwrap();
        for run in text.split(|letter: char| !letter.is_ascii_digit()).filter(|run| run.len() >= 13) {
            assert!(run.len() > 19 || !crate::mastercard::luhn(run), "{run} in {}", drop.name);
        }
    }
}

#[test]
fn the_check_sum_is_the_one_of_card_numbers() {
    // The textbook example, which is nobody's card.
    assert!(crate::mastercard::luhn("79927398713"));
    assert!(!crate::mastercard::luhn("79927398710"));
}

/// The worked example of the format's description, whose check sum is given there.
#[test]
fn detail_lines_have_the_agreed_layout() {
    let line = crate::mastercard::Detail {
        token: "MCTok5512",
        date: "20240618",
        mid: "521900311",
        location_id: "LOC000044551",
        aggregate: "AGG771",
        amount: "000000002345",
        time: "1341",
        auth_code: "390211",
        id: "QK7Z19ABC",
    }
    .line();
    assert_eq!(line.len(), 770);
    let sum = <sha2::Sha256 as sha2::Digest>::digest(line.as_bytes());
    assert_eq!(hex::encode(sum), "6b1bd9ead81011c900417cc34b63fec35a2bf90ffceeb1f372b2b02adf237725");
}

/// The published example of the original's credentials.
#[test]
fn credentials_are_sealed_as_the_directory_does() {
    let plain =
        r#"{"card_number": "loyalty-123", "merchant_identifier": "88899966", "email": "test-123@testbink.com"}"#;
    let iv = std::array::from_fn(|n| u8::try_from(n).unwrap());
    let sealed = crate::vault::seal("value-123", iv, plain);
    assert!(sealed.starts_with("AAECAwQFBgcICQoLDA0OD+pbu1SmQ/V8D9gcv5aPKCk4RVUy"));
    assert!(sealed.ends_with("YpyFizS6Navk8B3/q4nmTYCYbD3EX0vd"));
}
