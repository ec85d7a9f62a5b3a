//! Files described as data.

use super::super::{Checked, ensure};
use crate::export::FileExport;
use std::collections::BTreeSet;

/// Longest name of an object, without what is filled in; S3 takes 1,024 bytes with it.
const NAME_BYTES_MAX: usize = 512;

pub(super) fn file(file: &FileExport) -> Checked {
    let key = |name: &str| format!("export.protocol.file.{name}");
    ensure(!file.columns.is_empty(), key("columns"), "a file without columns")?;
    let mut names = BTreeSet::new();
    for (index, column) in file.columns.iter().enumerate() {
        let key = key(&format!("columns.{index}.name"));
        ensure(!column.name.is_empty(), key.clone(), "a column without a name")?;
        ensure(names.insert(&column.name), key, format!("two columns are called {:?}", column.name))?;
    }
    let unique = file.name.contains("{sequence}") || (file.name.contains("{run}") && file.name.contains("{part}"));
    ensure(unique, key("name"), "needs {sequence}, or {run} and {part}: no two files may have one name")?;
    ensure(file.name.len() <= NAME_BYTES_MAX, key("name"), format!("longer than {NAME_BYTES_MAX} bytes"))?;
    let mut rest = file.name.clone();
    for known in ["{merchant}", "{run}", "{rows}", "{sequence}", "{part}"] {
        rest = rest.replace(known, "_");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let good = rest.chars().all(plain) && !rest.starts_with('/') && !rest.contains("..");
    ensure(good, key("name"), "letters, digits, - _ . / and {merchant} {run} {rows} {sequence} {part} only")
}
