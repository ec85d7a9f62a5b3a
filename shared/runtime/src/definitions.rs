//! Merchant definitions as they are found where we run: those shipped with the product, and a folder's own beside them
//! or in their place. The local cloud has that folder in its state; a function has it in its package.

use harmonia_definitions::{AddressError, Definition, DefinitionError, Definitions};
use harmonia_domain::feed::Slug;
use std::{collections::BTreeMap, io, path::Path};

/// Definitions that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FoundError {
    /// A folder or file cannot be read.
    #[error("{path}: {source}")]
    Disk {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// See [`DefinitionError`].
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// See [`AddressError`].
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The text of the addresses is no JSON object of texts by merchant.
    #[error("addresses: {why} at line {line} column {column}")]
    Addresses {
        /// syntax, data or end of file
        why: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
}

/// The shipped definitions with those of a folder, one TOML file each; without a folder the shipped ones.
pub fn in_folder(folder: &Path) -> Result<Definitions, FoundError> {
    let disk = |path: &Path, source| FoundError::Disk { path: path.display().to_string(), source };
    let definitions = Definitions::shipped()?;
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(definitions),
        Err(e) => return Err(disk(folder, e)),
    };
    entries.into_iter().try_fold(definitions, |definitions, entry| {
        let path = entry.map_err(|e| disk(folder, e))?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            return Ok(definitions);
        }
        let text = std::fs::read_to_string(&path).map_err(|e| disk(&path, e))?;
        Ok(definitions.with(Definition::from_toml(&text, &path.display().to_string())?))
    })
}

/// Where a merchant is: its base URL, or that and the second address of a protocol that has two.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Address {
    Base(String),
    Both { base: String, second: String },
}

/// Definitions with the addresses of `text`: a JSON object of base URLs by merchant, `{"base": URL, "second": URL}` for
/// a merchant with two; empty: none.
pub fn addressed(definitions: Definitions, text: &str) -> Result<Definitions, FoundError> {
    if text.trim().is_empty() {
        return Ok(definitions);
    }
    let addresses: BTreeMap<Slug, Address> = serde_json::from_str(text).map_err(|e| FoundError::Addresses {
        why: format!("{:?}", e.classify()),
        line: e.line(),
        column: e.column(),
    })?;
    let (mut base_urls, mut second_urls) = (BTreeMap::new(), BTreeMap::new());
    for (merchant, address) in addresses {
        let base = match address {
            Address::Base(base) => base,
            Address::Both { base, second } => {
                second_urls.insert(merchant.clone(), second);
                base
            }
        };
        base_urls.insert(merchant, base);
    }
    Ok(definitions.addressed(&base_urls, &second_urls)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base_url(definitions: &Definitions, merchant: &str) -> String {
        definitions.get(&merchant.parse().unwrap()).unwrap().export.as_ref().unwrap().base_url.clone()
    }

    /// A misspelt name or address stops the function: it would tell the merchant at its real address.
    #[test]
    fn addresses_of_an_environment() {
        let read = |text: &str| addressed(Definitions::shipped().unwrap(), text);
        assert_eq!(read(" ").unwrap(), Definitions::shipped().unwrap());
        let other = read(r#"{"wasabi-club": "http://127.0.0.1:9/w"}"#).unwrap();
        assert_eq!(base_url(&other, "wasabi-club"), "http://127.0.0.1:9/w");
        assert_eq!(base_url(&other, "stonegate"), base_url(&Definitions::shipped().unwrap(), "stonegate"));
        let both =
            read(r#"{"the-works": {"base": "http://127.0.0.1:9/w/", "second": "http://127.0.0.1:9/f/"}}"#).unwrap();
        let works = &both.get(&"the-works".parse().unwrap()).unwrap().export;
        let shown = format!("{works:?}");
        assert!(shown.contains("http://127.0.0.1:9/w/") && shown.contains("http://127.0.0.1:9/f/"), "{shown}");
        for (text, words) in [
            (r#"{"wasabi-club": "ftp://u:secret@h/"}"#, "address of wasabi-club: not an http or https address"),
            (r#"{"wasabi": "http://secret/"}"#, "address of wasabi: no such merchant"),
            (r#"{"stonegate-unmatched": "http://secret/"}"#, "address of stonegate-unmatched: a file has no address"),
            (
                r#"{"wasabi-club": {"base": "http://h/", "second": "http://s/"}}"#,
                "address of wasabi-club: it has no second address",
            ),
            (r#"{"wasabi-club": 1}"#, "addresses: Data at line 1 column 18"),
            ("secret", "addresses: Syntax at line 1 column 1"),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), words);
        }
    }

    #[test]
    fn a_folder_beside_those_shipped() {
        let shipped = Definitions::shipped().unwrap();
        assert_eq!(in_folder(Path::new("no/such/folder")).unwrap(), shipped);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/deployed/definitions");
        let found = in_folder(&folder).unwrap();
        assert_eq!(found.iter().count(), shipped.iter().count() + 4);
        assert!(in_folder(&folder.join("patient.toml")).is_err(), "a file is no folder");
    }
}
