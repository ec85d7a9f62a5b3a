//! Invariant 7 for free texts: what people and protocols say may quote a card number.

/// Fewer digits than any card number has (ISO/IEC 7812: 12 to 19), so that no digit of a longer one is left.
const DIGITS_MAX: usize = 11;
/// Longest text of an entry, in characters: a sentence.
const TEXT_CHARS_MAX: usize = 160;
/// What stands for a run of digits.
const MASK: &str = "[digits]";

/// A free text as the log may show it: cut to a sentence, without long runs of digits, whether written in one or in
/// groups.
pub(crate) fn mask(text: &str) -> String {
    let mut shown = String::new();
    let mut run = String::new();
    for c in text.chars() {
        if c.is_numeric() || (!run.is_empty() && matches!(c, ' ' | '-' | '.' | '_')) {
            run.push(c);
        } else {
            show(&mut shown, &mut run);
            shown.push(c);
        }
    }
    show(&mut shown, &mut run);
    shown.chars().take(TEXT_CHARS_MAX).collect()
}

fn show(shown: &mut String, run: &mut String) {
    if run.chars().filter(|c| c.is_numeric()).count() > DIGITS_MAX {
        shown.push_str(MASK);
        let rest = run.trim_end_matches(|c: char| !c.is_numeric()).len();
        shown.push_str(run.get(rest..).unwrap_or_default());
    } else {
        shown.push_str(run);
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn card_numbers_do_not_show() {
        assert_eq!(mask("paid with 4111 1111 1111 1111, twice"), "paid with [digits], twice");
        assert_eq!(mask("4111-1111-1111-1111"), "[digits]");
        assert_eq!(mask("HTTP 500 after 3 s on 2026-11-22"), "HTTP 500 after 3 s on 2026-11-22");
        assert_eq!(mask(&"x".repeat(1_000)).len(), TEXT_CHARS_MAX);
    }

    proptest! {
        /// Invariant 7: whatever surrounds it, and however it is grouped.
        #[test]
        fn no_card_number_is_left(before in "\\PC{0,40}", digits in "[0-9]{13,19}", after in "\\PC{0,40}") {
            let text = format!("{before}{digits}{after}");
            prop_assert!(!mask(&text).contains(&digits));
        }
    }
}
