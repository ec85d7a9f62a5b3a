//! By what a merchant knows a member, as the original's audit messages say it (spec match §9, §11.1), as far as it does
//! not stand in the member's encrypted credentials: nobody opens those but to build a request.

use crate::iceland_bonus_card;
use harmonia_definitions::Protocol;
use harmonia_domain::identity::Identity;

/// `loyalty_identifier`.
pub fn loyalty_identifier<'a>(protocol: &Protocol, identity: &'a Identity) -> Option<&'a str> {
    match protocol {
        Protocol::Costa
        | Protocol::SlimChickens(_)
        | Protocol::Squaremeal
        | Protocol::TgiFridays(_)
        | Protocol::TheWorks(_)
        | Protocol::Http(_)
        | Protocol::File(_) => Some(&identity.loyalty_id),
        // a membership or card number of the credentials, or a hash of their e-mail address
        Protocol::Bpl | Protocol::IcelandBonusCard | Protocol::Itsu | Protocol::Stonegate | Protocol::WasabiClub => {
            None
        }
    }
}

/// `record_uid`: Iceland's own.
pub fn record_uid(protocol: &Protocol, identity: &Identity) -> Option<String> {
    match protocol {
        Protocol::IcelandBonusCard => iceland_bonus_card::record_uid(identity),
        _ => None,
    }
}
