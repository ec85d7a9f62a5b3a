//! Lines as partners write them (spec import §7): the shortest that each reader takes.

use harmonia_domain::feed::Scheme;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

/// A payment as its payment scheme writes it.
#[derive(Debug, Clone)]
pub(crate) struct PaymentText<'a> {
    pub(crate) id: &'a str,
    pub(crate) token: &'a str,
    pub(crate) digits: Option<(&'a str, &'a str)>,
    pub(crate) mid: &'a str,
    /// Visa's other name of the till.
    pub(crate) store: Option<&'a str>,
    pub(crate) pence: i64,
    pub(crate) code: &'a str,
    pub(crate) at: Timestamp,
    /// Visa auths carry the merchant's wall clock.
    pub(crate) london: bool,
}

/// A sale as its till writes it.
#[derive(Debug, Clone)]
pub(crate) struct SaleText<'a> {
    pub(crate) merchant: &'a str,
    pub(crate) id: &'a str,
    pub(crate) scheme: Scheme,
    pub(crate) mid: &'a str,
    pub(crate) location: &'a str,
    pub(crate) pence: i64,
    pub(crate) code: &'a str,
    pub(crate) digits: Option<(&'a str, &'a str)>,
    pub(crate) at: Timestamp,
}

fn pounds(pence: i64) -> String {
    format!("{}.{:02}", pence / 100, pence % 100)
}

fn written(at: Timestamp, zone: &str, format: &str) -> String {
    let zone = TimeZone::get(zone).expect("the zones of this file exist");
    at.to_zoned(zone).strftime(format).to_string()
}

/// In London's time.
pub(crate) fn london(at: Timestamp, format: &str) -> String {
    written(at, "Europe/London", format)
}

fn utc(at: Timestamp, format: &str) -> String {
    written(at, "UTC", format)
}

const STAMP: &str = "%Y-%m-%d %H:%M:%S";
const ISO: &str = "%Y-%m-%dT%H:%M:%S";

fn element(key: &str, value: &str) -> Value {
    json!({ "Key": key, "Value": value })
}

fn envelope(token: &str, elements: &[Value]) -> String {
    json!({ "ExternalUserId": token, "MessageElementsCollection": elements }).to_string()
}

pub(crate) fn visa_auth(p: &PaymentText<'_>) -> String {
    let stamp = if p.london { london(p.at, STAMP) } else { utc(p.at, STAMP) };
    let elements = [
        element("Transaction.TimeStampYYMMDD", &stamp),
        element("Transaction.MerchantCardAcceptorId", p.mid),
        element("Transaction.TransactionAmount", &pounds(p.pence)),
        element("Transaction.VipTransactionId", p.id),
        element("Transaction.AuthCode", p.code),
        element("Transaction.VisaStoreId", p.store.unwrap_or_default()),
        element("Transaction.VisaMerchantId", ""),
    ];
    envelope(p.token, &elements)
}

pub(crate) fn visa_settlement(p: &PaymentText<'_>) -> String {
    let elements = [
        element("Transaction.MerchantDateTimeGMT", &utc(p.at, STAMP)),
        element("Transaction.MerchantCardAcceptorId", p.mid),
        element("Transaction.SettlementAmount", &pounds(p.pence)),
        element("Transaction.VipTransactionId", p.id),
        element("Transaction.AuthCode", p.code),
        element("Transaction.VisaStoreId", p.store.unwrap_or_default()),
        element("Transaction.VisaMerchantId", ""),
    ];
    envelope(p.token, &elements)
}

pub(crate) fn visa_refund(p: &PaymentText<'_>) -> String {
    let elements = [
        element("ReturnTransaction.DateTime", &utc(p.at, "%-m/%-d/%Y %-I:%-M:%-S %p")),
        element("ReturnTransaction.CardAcceptorIdCode", p.mid),
        element("ReturnTransaction.Amount", &pounds(p.pence)),
        element("ReturnTransaction.VipTransactionId", p.id),
        element("ReturnTransaction.AuthCode", p.code),
        element("ReturnTransaction.VisaStoreId", p.store.unwrap_or_default()),
        element("ReturnTransaction.VisaMerchantId", ""),
    ];
    envelope(p.token, &elements)
}

pub(crate) fn mastercard_auth(p: &PaymentText<'_>) -> String {
    json!({
        "third_party_id": p.id, "time": london(p.at, STAMP), "amount": pounds(p.pence), "currency_code": "GBP",
        "payment_card_token": p.token, "mid": p.mid,
    })
    .to_string()
}

/// Characters of a TGX2 detail line.
const DETAIL: usize = 770;

/// A detail line of TGX2.
pub(crate) fn tgx2_detail(p: &PaymentText<'_>) -> String {
    let (date, time) = (london(p.at, "%Y%m%d"), london(p.at, "%H%M"));
    let amount = format!("{:012}", p.pence);
    let columns = [
        (21, p.token),
        (102, date.as_str()),
        (451, p.mid),
        (518, amount.as_str()),
        (563, time.as_str()),
        (567, p.code),
        (761, p.id),
    ];
    let mut line = "D".to_owned();
    for (start, text) in columns {
        line = format!("{line:start$}{text}");
    }
    format!("{line:DETAIL$}")
}

pub(crate) fn tgx2_file(details: &[String], made: &str) -> String {
    let mut lines = vec![format!("H{made}")];
    lines.extend_from_slice(details);
    lines.push(format!("T{made}"));
    lines.join("\n")
}

/// Mountain standard time all year (spec import §3.2).
pub(crate) fn amex_auth(p: &PaymentText<'_>) -> String {
    let mountain = p.at.saturating_add(jiff::SignedDuration::from_hours(-7)).unwrap_or(p.at);
    json!({
        "transaction_id": p.id, "transaction_time": utc(mountain, STAMP), "transaction_amount": pounds(p.pence),
        "cm_alias": p.token, "merchant_number": p.mid, "approval_code": p.code,
    })
    .to_string()
}

pub(crate) fn amex_settlement(p: &PaymentText<'_>) -> String {
    let dpan = p.digits.map(|(six, four)| format!("{six}XXXXX{four}")).unwrap_or_default();
    json!({
        "transactionId": p.id, "transactionDate": london(p.at, STAMP), "transactionAmount": pounds(p.pence),
        "cardToken": p.token, "merchantNumber": p.mid, "approvalCode": p.code, "dpan": dpan,
    })
    .to_string()
}

/// First line of a merchant's files; none for a merchant whose sales come as messages.
pub(crate) fn header(merchant: &str) -> Option<&'static str> {
    Some(match merchant {
        "wasabi-club" => {
            "Store No_,Entry No_,Transaction No_,Tender Type,Amount,Card Number,Card Type Name,Auth_code,\
             Authorisation Ok,Date,Time,EFT Merchant No_,Receipt No_"
        }
        "iceland-bonus-card" => {
            "TransactionCardFirst6,TransactionCardLast4,TransactionCardExpiry,TransactionCardSchemeId,\
             TransactionCardScheme,TransactionStore_Id,TransactionTimestamp,TransactionAmountValue,\
             TransactionAmountUnit,TransactionCashbackValue,TransactionCashbackUnit,TransactionId,TransactionAuthCode"
        }
        "itsu" => {
            "transaction_id,payment_card_type,payment_card_first_six,payment_card_last_four,amount,currency_code,\
             auth_code,date,merchant_identifier,retailer_location_id,transaction_data,customer_id"
        }
        "tgi-fridays" => {
            "transaction_id,payment_card_type,payment_card_first_six,payment_card_last_four,amount,gratuity_amount,\
             currency_code,auth_code,date,merchant_identifier,retailer_location_id"
        }
        _ => return None,
    })
}

/// What guests of TGI Fridays leave beside the bill.
pub(crate) const TIP_PENCE: i64 = 200;

/// A sale in its till's format: a row of a file, or a message.
pub(crate) fn sale(s: &SaleText<'_>) -> String {
    let (six, four) = s.digits.unwrap_or_default();
    let (amount, SaleText { id, mid, location, code, at, .. }) = (pounds(s.pence), s);
    let label = label(s.merchant, s.scheme);
    match s.merchant {
        "wasabi-club" => {
            let card = if six.is_empty() { String::new() } else { format!("{six}******{four}") };
            let (day, time) = (london(*at, "%d/%m/%Y"), london(*at, "%H:%M:%S"));
            format!("A076,16277,1,3,{amount},{card},{label},{code},1,{day},{time},{mid},{id}")
        }
        "iceland-bonus-card" => {
            let stamp = london(*at, STAMP);
            format!("{six},{four},01/30,2,{label},{mid},{stamp},{amount},GBP,.00,GBP,{id},{code}")
        }
        "itsu" => {
            let stamp = utc(*at, ISO);
            format!("{id},{label},{six},{four},{amount},GBP,{code},{stamp},,{location},,")
        }
        "tgi-fridays" => {
            let (bill, tip, stamp) = (pounds(s.pence - TIP_PENCE), pounds(TIP_PENCE), london(*at, STAMP));
            format!("{id},{label},{six},{four},{bill},{tip},GBP,{code},{stamp},{mid},")
        }
        "costa" => json!({
            "transaction_id": id, "payment_card_type": label, "payment_card_first_six": six,
            "payment_card_last_four": four, "amount": amount, "currency_code": "GBP", "auth_code": code,
            "date": { "__type__": "datetime", "__value__": format!("{}+00:00", utc(*at, ISO)) },
            "merchant_identifier": mid, "retailer_location_id": location, "metadata": {}, "items_ordered": "{}",
        })
        .to_string(),
        _ => json!({
            "transaction_id": id, "payment_card_type": label, "payment_card_first_six": six,
            "payment_card_last_four": four, "amount": amount, "currency_code": "GBP", "auth_code": code,
            "date": { "__type__": "datetime", "__value__": london(*at, ISO) },
            "retailer_location_id": location, "metadata": { "AccountID": format!("acc-{id}") },
        })
        .to_string(),
    }
}

/// What a merchant's tills call the payment scheme.
fn label(merchant: &str, scheme: Scheme) -> &'static str {
    match (merchant, scheme) {
        ("wasabi-club" | "iceland-bonus-card", Scheme::Visa) => "Visa",
        ("wasabi-club", Scheme::Mastercard) => "Mastercard",
        ("wasabi-club", Scheme::Amex) => "American Express",
        ("iceland-bonus-card", Scheme::Mastercard) => "MasterCard Debit",
        ("iceland-bonus-card", Scheme::Amex) => "Amex",
        (_, scheme) => scheme.as_str(),
    }
}
