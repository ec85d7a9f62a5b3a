//! The `[results]` part: only what was told in files under an id of its own can be answered.

use super::{Checked, ensure, feed};
use crate::{
    Definition, ResultFeed, ResultFields,
    export::{Fact, Protocol},
    feed::Format,
};

pub(super) fn results(definition: &Definition, results: &ResultFeed) -> Checked {
    ensure(definition.feed.is_none(), "results", "files of this merchant are its feed's: it needs a name of its own")?;
    let told = definition.export.as_ref().is_some_and(|export| match &export.protocol {
        Protocol::File(file) => file.columns.iter().any(|column| matches!(column.value, Fact::Id {})),
        _ => false,
    });
    ensure(told, "results", "needs an [export] by file, one of whose columns tells the fact id")?;
    ensure(results.format != Format::Json, "results.format", "json comes as messages, results as files")?;
    feed::written("results", &results.format, results.encoding)?;
    feed::columns(&results.format, used(&results.fields))?;
    let blank = results.rewarded.iter().position(|word| word.trim().is_empty());
    blank.map_or(Ok(()), |index| ensure(false, format!("results.rewarded.{index}"), "an empty word"))?;
    let json = results.format == Format::JsonLines;
    let ResultFields { amount, time, .. } = &results.fields;
    amount.as_ref().map_or(Ok(()), |field| feed::amount("results.fields.amount", field))?;
    time.as_ref().map_or(Ok(()), |field| feed::time("results.fields.time", field, json))
}

/// The columns that are read, with the keys that name them.
fn used(fields: &ResultFields) -> Vec<(String, &str)> {
    let ResultFields { uid, result, transaction_id, member, location, amount, time } = fields;
    let plain = [
        ("uid", Some(uid)),
        ("result", Some(result)),
        ("transaction_id", transaction_id.as_ref()),
        ("member", member.as_ref()),
        ("location", location.as_ref()),
    ];
    let plain = plain.into_iter().filter_map(|(key, name)| name.map(|name| (key, name.as_str())));
    let amount = amount.iter().flat_map(|field| field.columns.iter().map(|name| ("amount.columns", name.as_str())));
    let time = time.iter().flat_map(|field| field.columns.iter().map(|name| ("time.columns", name.as_str())));
    plain.chain(amount).chain(time).map(|(key, name)| (format!("results.fields.{key}"), name)).collect()
}
