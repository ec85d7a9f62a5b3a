//! Invariant 7, no card data: none of the known tokens and nothing that reads as a card number stands in a text.

use super::Violation;
use std::collections::{BTreeSet, HashSet};

/// Looked up before whole tokens are; longer ones would cost more than they save.
const PREFIX_MAX: usize = 8;

/// Looks for tokens and card numbers in texts, each text once whatever the number of tokens. A finding names the place,
/// never the token. Texts are numbered from 0 in their order.
pub fn check_card_data<'a>(texts: impl Iterator<Item = &'a str>, tokens: &[String]) -> Vec<Violation> {
    let tokens = Tokens::new(tokens);
    let mut found = Vec::new();
    for (number, text) in texts.enumerate() {
        let bytes = text.as_bytes();
        if let Some(at) = tokens.find(bytes) {
            found.push(format!("text {number} shows a card token at byte {at}"));
        }
        if let Some(at) = card_number(bytes) {
            found.push(format!("text {number} shows a card number at byte {at}"));
        }
    }
    found.into_iter().map(|what| Violation { invariant: 7, what }).collect()
}

/// The tokens, found by their beginnings.
struct Tokens<'t> {
    first_bytes: Vec<bool>,
    prefix: usize,
    prefixes: HashSet<&'t [u8]>,
    lengths: BTreeSet<usize>,
    whole: HashSet<&'t [u8]>,
}

impl<'t> Tokens<'t> {
    fn new(tokens: &'t [String]) -> Self {
        // the empty text is in every text
        let whole: HashSet<&[u8]> = tokens.iter().map(String::as_bytes).filter(|t| !t.is_empty()).collect();
        let prefix = whole.iter().map(|t| t.len()).min().unwrap_or(PREFIX_MAX).min(PREFIX_MAX);
        let mut first_bytes = vec![false; 256];
        for first in whole.iter().filter_map(|t| t.first()) {
            if let Some(seen) = first_bytes.get_mut(usize::from(*first)) {
                *seen = true;
            }
        }
        let prefixes = whole.iter().filter_map(|t| t.get(..prefix)).collect();
        Self { first_bytes, prefix, prefixes, lengths: whole.iter().map(|t| t.len()).collect(), whole }
    }

    fn find(&self, text: &[u8]) -> Option<usize> {
        let begins = |at: usize, window: &[u8]| {
            let first = window.first().and_then(|b| self.first_bytes.get(usize::from(*b)));
            first == Some(&true) && self.prefixes.contains(window) && self.is_at(text, at)
        };
        text.windows(self.prefix).enumerate().find(|(at, window)| begins(*at, window)).map(|(at, _)| at)
    }

    fn is_at(&self, text: &[u8], at: usize) -> bool {
        let here = |length: &usize| text.get(at..at + length).is_some_and(|slice| self.whole.contains(slice));
        self.lengths.iter().any(here)
    }
}

/// Where a word of 13 to 19 digits begins that is a card number by its check digit. Digits inside a hash or an id of
/// letters and digits are none: among thousands of those some pass by chance. Runs that begin with another digit
/// than 2 to 6 are nobody's whose feeds we read, but may be milliseconds since 1970, of which every tenth would pass.
fn card_number(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    for run in text.split(|b| !b.is_ascii_alphanumeric()) {
        if run.iter().all(u8::is_ascii_digit)
            && (13..=19).contains(&run.len())
            && matches!(run.first(), Some(b'2'..=b'6'))
            && luhn(run)
        {
            return Some(at);
        }
        at += run.len() + 1;
    }
    None
}

/// ISO/IEC 7812: from the right every second digit doubled, digits of the products added, divisible by ten.
fn luhn(digits: &[u8]) -> bool {
    let value = |(place, digit): (usize, &u8)| {
        let digit = u32::from(digit - b'0') * if place % 2 == 1 { 2 } else { 1 };
        digit / 10 + digit % 10
    };
    digits.iter().rev().enumerate().map(value).sum::<u32>().is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, tokens: &[&str]) -> Vec<String> {
        let tokens: Vec<String> = tokens.iter().map(|t| (*t).to_owned()).collect();
        check_card_data(std::iter::once(text), &tokens).into_iter().map(|v| v.what).collect()
    }

    #[test]
    fn a_token_is_found_wherever_it_stands() {
        let tokens = ["tok-visa-abcdefgh", "tok-amex-12345678901", "K1"];
        assert_eq!(found("tok-visa-abcdefgh", &tokens), ["text 0 shows a card token at byte 0"]);
        assert_eq!(found(r#"{"t":"tok-amex-12345678901"}"#, &tokens), ["text 0 shows a card token at byte 6"]);
        assert_eq!(found("ends with K1", &tokens), ["text 0 shows a card token at byte 10"]);
        assert!(found("tok-visa-abcdefg tok-amex- K 1", &tokens).is_empty());
        assert!(found("short", &["longer than the text"]).is_empty());
        assert!(found("anything", &[""]).is_empty() && found("", &tokens).is_empty());
    }

    /// Invariant 7 holds for the finding as well.
    #[test]
    fn a_finding_does_not_tell_the_token() {
        let what = found("é tok-visa-abcdefgh 4242424242424242", &["tok-visa-abcdefgh"]).join(" ");
        assert!(!what.contains("tok-visa") && !what.contains("4242"), "{what}");
        assert!(what.contains("byte 3") && what.contains("byte 21"), "{what}");
    }

    #[test]
    fn a_card_number_is_found() {
        for number in ["4242424242424242", "5555555555554444", "378282246310005", "4222222222222"] {
            assert_eq!(found(&format!("card:{number}."), &[]), ["text 0 shows a card number at byte 5"], "{number}");
        }
        for other in ["4242424242424243", "424242424242", "42424242424242424242", "424242******4242", "1710000000000"] {
            assert!(found(other, &[]).is_empty(), "{other}");
        }
    }

    /// Each text is read once, whatever the number of tokens; the limit is generous for a debug build.
    #[test]
    fn many_texts_and_tokens_are_no_matter() {
        let tokens: Vec<String> = (0..1_000).map(|n| format!("tok-visa-{n:014}")).collect();
        let text = "{\"p\":\"tok-visa\",\"st\":\"claimed\",\"to\":\"the token is not here\"}".repeat(6);
        let mut texts = vec![text.as_str(); 20_000];
        texts.push("tok-visa-00000000000999");
        let start = std::time::Instant::now();
        let found = check_card_data(texts.into_iter(), &tokens);
        assert_eq!(found.len(), 1);
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}
