//! JSON as Python's `json.dumps` writes it, which is what merchants get today (spec match §9): `", "` and `": "`
//! between, everything outside printable ASCII escaped, keys in the order of the struct.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{
    ser::{Formatter, Serializer},
    value::RawValue,
};
use std::io::{self, Write};

/// The exact bytes of a body.
pub(crate) fn to_bytes(body: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::new();
    body.serialize(&mut Serializer::with_formatter(&mut bytes, Python))?;
    Ok(bytes)
}

/// A number whose text is given, e.g. by [`crate::decimal::float`].
pub(crate) fn number(text: String) -> Result<Box<RawValue>, serde_json::Error> {
    RawValue::from_string(text)
}

/// A secret where the merchant is to read it.
pub(crate) fn exposed<S: serde::Serializer>(text: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.expose_secret())
}

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut units = [0_u16; 2];
        for c in fragment.chars() {
            if matches!(c, ' '..='~') {
                write!(writer, "{c}")?;
                continue;
            }
            for unit in c.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}
