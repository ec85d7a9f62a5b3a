//! The `[feed]` part: columns that cannot exist, texts that mean nothing, forms that do not go together.

use super::{Checked, ensure};
use crate::feed::{
    AmountField, AmountUnit, Csv, CurrencyField, Encoding, Fields, FixedWidth, Format, IdField, MerchantFeed, PartText,
    SchemeRule, Skip, TextField, TillField, TimeField, TimeText,
};
use harmonia_domain::feed::{Scheme, Transport};

pub(super) fn feed(feed: &MerchantFeed) -> Checked {
    let messages = feed.transport == Transport::Message;
    ensure(messages == (feed.format == Format::Json), "feed.transport", "json comes as messages, all else as files")?;
    let json = matches!(feed.format, Format::Json | Format::JsonLines);
    written("feed", &feed.format, feed.encoding)?;
    columns(&feed.format, used(feed))?;
    schemes(&feed.scheme)?;
    let skips = feed.skip.iter().enumerate();
    skips.map(|(index, one)| (format!("feed.skip.{index}"), one)).try_for_each(|(key, one)| skip(feed, &key, one))?;
    fields(&feed.fields, json)
}

/// How the files of `[feed]` or `[results]` are written.
pub(super) fn written(part: &str, format: &Format, encoding: Encoding) -> Checked {
    let json = matches!(format, Format::Json | Format::JsonLines);
    let one_byte = encoding == Encoding::Latin1;
    ensure(!(one_byte && json), format!("{part}.encoding"), "JSON is always UTF-8")?;
    match format {
        Format::Csv(csv) => dialect(part, csv),
        Format::FixedWidth(fixed) => layout(part, fixed),
        Format::Json | Format::JsonLines => Ok(()),
    }
}

fn dialect(part: &str, csv: &Csv) -> Checked {
    let key = |name: &str| format!("{part}.format.csv.{name}");
    ensure(csv.delimiter != csv.quote, key("quote"), "delimiter and quote are the same")?;
    once(&key("columns"), csv.columns.iter())
}

fn layout(part: &str, fixed: &FixedWidth) -> Checked {
    let key = format!("{part}.format.fixed-width");
    for (index, column) in fixed.columns.iter().enumerate() {
        ensure(column.start > 0, format!("{key}.columns.{index}.start"), "places are counted from 1")?;
        ensure(column.length > 0, format!("{key}.columns.{index}.length"), "a column of no characters")?;
    }
    let blank = fixed.records_start_with.iter().any(String::is_empty);
    ensure(!blank, format!("{key}.records_start_with"), "every line starts with an empty text")?;
    once(&format!("{key}.columns"), fixed.columns.iter().map(|column| &column.name))
}

fn once<'a>(key: &str, names: impl Iterator<Item = &'a String>) -> Checked {
    let mut seen = std::collections::BTreeSet::new();
    let twice = names.into_iter().find(|name| !seen.insert(*name));
    twice.map_or(Ok(()), |name| ensure(false, key, format!("{name:?} stands here twice")))
}

/// Every column that is read exists, as far as the definition itself lists them.
pub(super) fn columns(format: &Format, used: Vec<(String, &str)>) -> Checked {
    let listed: Option<Vec<&str>> = match format {
        Format::Csv(csv) if csv.columns.is_empty() => None,
        Format::Csv(csv) => Some(csv.columns.iter().map(String::as_str).collect()),
        Format::FixedWidth(fixed) => Some(fixed.columns.iter().map(|column| column.name.as_str()).collect()),
        Format::Json | Format::JsonLines => None,
    };
    let json = matches!(format, Format::Json | Format::JsonLines);
    for (key, name) in used {
        ensure(!name.is_empty(), &key, "the name of the column is empty")?;
        ensure(!json || name.split('.').all(|part| !part.is_empty()), &key, "a part of the path is empty")?;
        let known = listed.as_ref().is_none_or(|listed| listed.contains(&name));
        ensure(known, key, format!("the format lists no column {name:?}"))?;
    }
    Ok(())
}

/// The columns that are read, with the keys that name them.
fn used(feed: &MerchantFeed) -> Vec<(String, &str)> {
    let mut all = vec![("feed.scheme.column".to_owned(), feed.scheme.column.as_str())];
    let mut add = |key: String, name| all.push((key, name));
    for (index, skip) in feed.skip.iter().enumerate() {
        skip.column.iter().for_each(|name| add(format!("feed.skip.{index}.column"), name));
    }
    for (index, check) in feed.check.iter().enumerate() {
        add(format!("feed.check.{index}.column"), &check.column);
    }
    feed.scheme.first_six.iter().for_each(|name| add("feed.scheme.first_six".to_owned(), name));
    let fields = &feed.fields;
    match &fields.id {
        IdField::Column(name) => add("feed.fields.id.column".to_owned(), name),
        IdField::Sha256(hashed) => {
            for (index, part) in hashed.parts.iter().enumerate() {
                add(format!("feed.fields.id.sha256.parts.{index}.column"), &part.column);
            }
        }
    }
    let (TillField::Mid(till) | TillField::Location(till)) = &fields.till;
    add("feed.fields.till".to_owned(), till);
    fields.amount.columns.iter().for_each(|name| add("feed.fields.amount.columns".to_owned(), name));
    if let CurrencyField::Column(name) = &fields.currency {
        add("feed.fields.currency.column".to_owned(), name);
    }
    for (key, field) in texts(fields) {
        add(format!("{key}.column"), &field.column);
    }
    fields.time.columns.iter().for_each(|name| add("feed.fields.time.columns".to_owned(), name));
    fields.extra.iter().for_each(|(key, name)| add(format!("feed.fields.extra.{key}"), name));
    all
}

fn texts(fields: &Fields) -> impl Iterator<Item = (&'static str, &TextField)> {
    let all = [
        ("feed.fields.auth_code", &fields.auth_code),
        ("feed.fields.first_six", &fields.first_six),
        ("feed.fields.last_four", &fields.last_four),
    ];
    all.into_iter().filter_map(|(key, field)| field.as_ref().map(|field| (key, field)))
}

fn schemes(rule: &SchemeRule) -> Checked {
    let texts = || Scheme::ALL.into_iter().flat_map(|s| rule.texts(s).iter().map(move |text| (s, text)));
    ensure(texts().next().is_some(), "feed.scheme", "no text means any payment scheme")?;
    let doubtful = texts().find(|(scheme, text)| rule.by_name(text) != Some(*scheme));
    doubtful.map_or(Ok(()), |(scheme, text)| {
        ensure(false, format!("feed.scheme.{scheme}"), format!("{text:?} means another payment scheme already"))
    })?;
    let empty = texts().find(|(_, text)| text.is_empty());
    empty.map_or(Ok(()), |(scheme, _)| ensure(false, format!("feed.scheme.{scheme}"), "an empty text names no card"))
}

/// A filter looks either at the amount or at a column.
fn skip(feed: &MerchantFeed, key: &str, skip: &Skip) -> Checked {
    let listed = !(skip.if_in.is_empty() && skip.unless_in.is_empty());
    ensure(!skip.reason.trim().is_empty(), format!("{key}.reason"), "the reason is blank")?;
    match (&skip.column, skip.amount_below) {
        (Some(_), None) => ensure(listed, key, "needs if_in or unless_in")?,
        (None, Some(_)) => ensure(!listed && !skip.ignore_case, key, "amount_below stands alone")?,
        _ => ensure(false, key, "needs either column or amount_below")?,
    }
    let stray = skip.unless_in.iter().find(|text| feed.scheme.by_name(text).is_none());
    match stray.filter(|_| skip.column.as_ref() == Some(&feed.scheme.column)) {
        Some(text) => ensure(false, key, format!("{text:?} is let through but means no payment scheme")),
        None => Ok(()),
    }
}

fn fields(fields: &Fields, json: bool) -> Checked {
    texts(fields).try_for_each(|(key, field)| cut(key, field))?;
    amount("feed.fields.amount", &fields.amount)?;
    time("feed.fields.time", &fields.time, json)?;
    let IdField::Sha256(hashed) = &fields.id else { return Ok(()) };
    let iso = !matches!(fields.time.format, TimeText::Format(_));
    let stamped = hashed.parts.iter().position(|part| part.text == PartText::IsoDatetime);
    stamped.filter(|_| !iso).map_or(Ok(()), |index| {
        let key = format!("feed.fields.id.sha256.parts.{index}.as");
        ensure(false, key, "needs a time whose format is iso or typed-datetime")
    })
}

fn cut(key: &str, field: &TextField) -> Checked {
    let sensible = match (field.first, field.last) {
        (Some(_), Some(_)) => false,
        (first, last) => first.or(last) != Some(0),
    };
    ensure(sensible, key, "takes either the first or the last characters, at least one")
}

pub(super) fn time(key: &str, field: &TimeField, json: bool) -> Checked {
    let typed = field.format == TimeText::Typed;
    ensure(json || !typed, format!("{key}.format"), "only JSON has typed values")?;
    let one = !typed || field.columns.len() == 1;
    ensure(one, format!("{key}.columns"), "a typed value stands in one column")
}

pub(super) fn amount(key: &str, field: &AmountField) -> Checked {
    let mark = |c: char| !c.is_ascii_digit() && !matches!(c, '+' | '-');
    ensure(mark(field.decimal), format!("{key}.decimal"), "a digit or a sign")?;
    let whole = field.unit == AmountUnit::Minor && field.decimal != '.';
    ensure(!whole, format!("{key}.decimal"), "minor units are whole numbers")?;
    let Some(thousands) = field.thousands else { return Ok(()) };
    let apart = mark(thousands) && thousands != field.decimal;
    ensure(apart, format!("{key}.thousands"), "a digit, a sign, or the same as decimal")
}
