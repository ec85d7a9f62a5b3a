//! What merchants are told, as pure conversations (design §2, spec match §8 and §9).
//!
//! A [`Conversation`] is asked for the next step and given what came back; it never sends anything itself. So the same
//! code runs against the real merchant, in the simulator and in tests, and what an answer means is decided in one place
//! for each protocol. What a finding leads to is the merchant's schedule ([`verdict`]).
//!
//! Whatever a protocol finds is one of four things ([`Finding`], D8): delivered, already there, transient (the schedule
//! goes on), refused (given up, listed, redrivable). Requests and answers never show their content when printed
//! (invariant 7).

mod acteol;
mod address;
mod answer;
mod bpl;
mod build;
mod conversation;
mod costa;
mod credentials;
mod decimal;
mod facts;
mod file;
mod form;
mod http;
mod iceland_bonus_card;
mod itsu;
mod login;
mod names;
mod one_request;
mod python_json;
mod schedule;
mod slim_chickens;
mod squaremeal;
mod stonegate;
mod tgi_fridays;
mod the_works;
mod wasabi_club;

pub use answer::{Answer, Finding};
pub use build::{Attempt, BatchRun, BuildError, Fault, Target, Telling};
pub use conversation::{Conversation, File, Purpose, Request, Step, Token, begin};
pub use credentials::{Credentials, CredentialsError};
pub use names::{loyalty_identifier, record_uid};
pub use schedule::{Outcome, before, first_due, next_batch_run, verdict};

#[cfg(test)]
mod tests;
