//! The matching engine (design §5, spec match §4.8 and §5): which of the sales in the book belongs to a payment, and
//! why each of the others does not.
//!
//! All of the original's matchers have one shape, so there is one engine and the merchant's policy is data: a key that
//! every candidate has to pass, then fallbacks while more than one is left, then either one is left or nothing is
//! matched. The engine never guesses and never looks at the order of its candidates. It is pure, so that `explain`
//! and `what-if` can ask it again and get the same answer.

mod candidate;
mod check;
mod engine;
mod nearest;
mod reason;
mod window;

pub use candidate::Candidate;
pub use engine::{contends, decide};
pub use nearest::{
    AnySale, Card, Difference, Field, Money, NEAREST_MAX, Near, Nearest, Paid, Span, Standing, evidence_in_words,
    nearest_payments, nearest_sales,
};
pub use reason::{Decision, Evidence, OpenReason, Reason, Verdict, Whose};
pub use window::{in_window, payment_codes, sale_code, sale_times};

#[cfg(test)]
mod tests;
