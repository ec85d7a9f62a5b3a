//! Places in a TOML text: from a byte offset to line and key, and back.

use toml::de::{DeTable, DeValue};

/// Line and key at a byte offset.
pub(super) fn of_offset(text: &str, offset: usize) -> (usize, String) {
    let key = DeTable::parse(text).ok().and_then(|table| key_in_table(table.get_ref(), offset));
    (line(text, offset), key.unwrap_or_else(|| "definition".to_owned()))
}

/// The line of a key such as `export.retry.1.at`, or of the nearest part of it that stands in the text.
pub(super) fn line_of_key(text: &str, key: &str) -> usize {
    let Ok(table) = DeTable::parse(text) else { return 1 };
    let mut parts = key.split('.');
    let first = parts.next().and_then(|part| table.get_ref().get_key_value(part));
    let Some((name, mut value)) = first else { return 1 };
    let mut found = name.span().start;
    for part in parts {
        let next = match value.get_ref() {
            DeValue::Table(inner) => inner.get_key_value(part).map(|(name, value)| (name.span().start, value)),
            DeValue::Array(list) => {
                part.parse::<usize>().ok().and_then(|index| list.get(index)).map(|item| (item.span().start, item))
            }
            _ => None,
        };
        let Some((start, inner)) = next else { break };
        (found, value) = (start, inner);
    }
    line(text, found)
}

fn line(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn key_in_table(table: &DeTable<'_>, offset: usize) -> Option<String> {
    table.iter().find_map(|(name, value)| {
        let within = || name.span().contains(&offset) || value.span().contains(&offset);
        match key_in_value(value.get_ref(), offset) {
            Some(inner) => Some(format!("{}.{inner}", name.get_ref())),
            None => within().then(|| name.get_ref().to_string()),
        }
    })
}

fn key_in_value(value: &DeValue<'_>, offset: usize) -> Option<String> {
    match value {
        DeValue::Table(table) => key_in_table(table, offset),
        DeValue::Array(list) => {
            list.iter().enumerate().find_map(|(index, item)| match key_in_value(item.get_ref(), offset) {
                Some(inner) => Some(format!("{index}.{inner}")),
                None => item.span().contains(&offset).then(|| index.to_string()),
            })
        }
        _ => None,
    }
}
