//! The same in plain English: "same MID and amount, 4 min 10 s apart, limit 3 min".

use super::{Difference, Field, Near};
use harmonia_domain::money::{Currency, MinorUnits};
use jiff::SignedDuration;
use std::fmt;

/// An amount as people write it, two places: the feeds have no other.
#[derive(Debug, Clone, Copy)]
pub struct Money(pub MinorUnits, pub Currency);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Figure(self.0), self.1)
    }
}

struct Figure(MinorUnits);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, minor) = (if self.0.0 < 0 { "-" } else { "" }, self.0.0.unsigned_abs());
        write!(f, "{sign}{}.{:02}", minor / 100, minor % 100)
    }
}

/// A distance in time without its direction: `4 min 10 s`, `2 d 3 h`. Seconds are exact below an hour.
#[derive(Debug, Clone, Copy)]
pub struct Span(pub SignedDuration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.unsigned_abs();
        let (all, nanos) = (size.as_secs(), size.subsec_nanos());
        let (days, hours, minutes, seconds) = (all / 86_400, all / 3_600 % 24, all / 60 % 60, all % 60);
        match (days, hours, minutes) {
            (1.., 0, _) => write!(f, "{days} d"),
            (1.., _, _) => write!(f, "{days} d {hours} h"),
            (0, 1.., 0) => write!(f, "{hours} h"),
            (0, 1.., _) => write!(f, "{hours} h {minutes} min"),
            (0, 0, 1..) if seconds == 0 && nanos == 0 => write!(f, "{minutes} min"),
            (0, 0, minutes) => {
                if minutes > 0 {
                    write!(f, "{minutes} min ")?;
                }
                write!(f, "{seconds}")?;
                if nanos > 0 {
                    write!(f, ".{}", format!("{nanos:09}").trim_end_matches('0'))?;
                }
                f.write_str(" s")
            }
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mid => "MID",
            Self::Amount => "amount",
            Self::AuthCode => "auth code",
            Self::Card => "last four",
        })
    }
}

/// `same MID, amount and auth code, 4 min 10 s apart, limit 3 min`.
impl fmt::Display for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let same = listed(&self.same.iter().map(ToString::to_string).collect::<Vec<_>>());
        let mut parts = if same.is_empty() { Vec::new() } else { vec![format!("same {same}")] };
        let mut timed = false;
        for difference in &self.differences {
            timed |= matches!(difference, Difference::Time { .. });
            parts.push(difference.to_string());
        }
        if !timed {
            let apart = if self.apart.is_zero() {
                "at the same time".to_owned()
            } else {
                format!("{} apart", Span(self.apart))
            };
            parts.push(apart);
        }
        f.write_str(&parts.join(", "))
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(words: &[String]) -> String {
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// The payment's value comes first.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tied { left, barred } => {
                write!(f, "{} sales fit equally", Number(*left))?;
                f.write_str(if *barred { " (no fallback, as the payment shows its digits)" } else { "" })
            }
            Self::Scheme { payment, sale } => write!(f, "payment scheme {payment} against {sale}"),
            Self::Mid { payment, sale } => write!(f, "MID {payment} against {}", sale.join(" or ")),
            Self::Currency { payment, sale } => write!(f, "{payment} against {sale}"),
            Self::Amount { payment, sale, currency, authorised } => {
                let (paid, sold) = (Money(*payment, *currency), Figure(*sale));
                let apart = MinorUnits(payment.0.saturating_sub(sale.0));
                let more = if apart.0 < 0 { "less" } else { "more" };
                let apart = Figure(MinorUnits(apart.0.saturating_abs()));
                write!(f, "{paid} against {sold}, {apart} {more} than the sale")?;
                f.write_str(if authorised.is_some() { " (the settlement changed it: the auth was equal)" } else { "" })
            }
            Self::OutOfWindow { days, apart } => write!(f, "arrived {} apart, limit {days} days", Span(*apart)),
            Self::AuthCode { payment, sale } if sale.is_empty() => write!(f, "auth code {payment} against none"),
            Self::AuthCode { payment, sale } => write!(f, "auth code {payment} against {sale}"),
            Self::Day { payment, sale } => write!(f, "UTC day {payment} against {sale}"),
            Self::Time { off_by, limit_s } => {
                write!(f, "{} apart, limit {}", Span(*off_by), Span(SignedDuration::from_secs(i64::from(*limit_s))))
            }
            Self::Digits { of_member, first_six, last_four, payment, sale } => {
                let whose = if *of_member { "the member's card" } else { "the payment" };
                digits(f, *first_six, "first six", (payment.first_six.as_deref(), sale.first_six.as_deref()))?;
                f.write_str(if *first_six && *last_four { ", " } else { "" })?;
                digits(f, *last_four, "last four", (payment.last_four.as_deref(), sale.last_four.as_deref()))?;
                write!(f, " (of {whose})")
            }
            Self::Claimed { by } => write!(f, "matched with payment {by}"),
            Self::Barred => f.write_str("a person has undone their match"),
            Self::FileNotClosed => f.write_str("its file is not closed yet"),
        }
    }
}

fn digits(
    f: &mut fmt::Formatter<'_>,
    differ: bool,
    name: &str,
    (payment, sale): (Option<&str>, Option<&str>),
) -> fmt::Result {
    if !differ {
        return Ok(());
    }
    let shown = |digits: Option<&str>| digits.filter(|d| !d.is_empty()).unwrap_or("none").to_owned();
    write!(f, "{name} {} against {}", shown(payment), shown(sale))
}

/// Small numbers as words, as people say them.
struct Number(usize);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
        match words.get(self.0) {
            Some(word) => f.write_str(word),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A reason code of a match (see [`Decision::Match`](crate::Decision)) in words; one that is not known is told as it
/// stands.
pub fn evidence_in_words(code: &str) -> String {
    let words = match code {
        "auth-code" => "equal auth code",
        "same-utc-day" => "same UTC day",
        "digits" => "the payment's card digits",
        "identity-digits" => "first six and last four of the member's card",
        "identity-last4" => "last four of the member's card",
        "only-candidate" => "the only sale with this MID, currency and amount",
        "forced" => "a person's word",
        "other-mid" => "though the MIDs differ",
        "other-payment-scheme" => "though the payment schemes differ",
        "other-currency" => "though the currencies differ",
        "other-auth-code" => "though the auth codes differ",
        "spotted" => "a purchase by itself: its merchant has no sales here",
        other => return timed(other).unwrap_or_else(|| other.to_owned()),
    };
    words.to_owned()
}

/// `time:+19s`, `amount:+500` and `streamed:auth`.
fn timed(code: &str) -> Option<String> {
    if let Some(kind) = code.strip_prefix("streamed:") {
        return Some(format!("its merchant is told of each {kind} line"));
    }
    if let Some(minor) = code.strip_prefix("amount:") {
        let minor = MinorUnits(minor.parse().ok()?);
        return Some(format!("though the sale's amount differs by {}", Figure(minor)));
    }
    let seconds = code.strip_prefix("time:")?.strip_suffix('s')?;
    let (sale, seconds) = match seconds.split_at_checked(1)? {
        ("-", seconds) => ("before", seconds),
        (_, seconds) => ("after", seconds),
    };
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    let apart = SignedDuration::new(whole.parse().ok()?, nanos);
    Some(if apart.is_zero() {
        "at the same time".to_owned()
    } else {
        format!("the sale {} {sale} the payment", Span(apart))
    })
}
