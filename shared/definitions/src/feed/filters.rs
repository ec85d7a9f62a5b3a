//! Which lines are left out on purpose, and which are broken though nobody reads the broken value.

use super::not_empty;
use serde::Deserialize;

/// Lines left out on purpose: by a column, or because the amount is small.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    /// Counted and reported by this name.
    pub reason: String,
    /// Leave the line out if its amount is below this many minor units. The amount of every line that comes so far is
    /// read, and a bad one rejects the line; so the place of this filter among the others matters (spec import §7.11).
    pub amount_below: Option<i64>,
    /// The column that decides.
    pub column: Option<String>,
    /// Leave the line out if the column is one of these …
    #[serde(default, deserialize_with = "not_empty")]
    pub if_in: Vec<String>,
    /// … or if it is none of these.
    #[serde(default, deserialize_with = "not_empty")]
    pub unless_in: Vec<String>,
    /// Compare without regard to ASCII case.
    #[serde(default)]
    pub ignore_case: bool,
}

impl Skip {
    /// Is a line with this value in the column left out? `None`: it has no value there.
    pub fn applies(&self, value: Option<&str>) -> bool {
        let equal = |one: &String, other: &str| {
            if self.ignore_case { one.eq_ignore_ascii_case(other) } else { one == other }
        };
        let within = |list: &[String]| value.is_some_and(|v| list.iter().any(|one| equal(one, v)));
        within(&self.if_in) || !(self.unless_in.is_empty() || within(&self.unless_in))
    }
}

/// A column whose value must be of a kind, though nobody uses it (spec import §7.10 "row transforms").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellCheck {
    /// The column.
    pub column: String,
    /// What it must be.
    pub is: Check,
}

/// Kinds of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    /// Optional sign and digits.
    Integer,
    /// A decimal number, `.00` and `1e2` included.
    Decimal,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(if_in: &[&str], unless_in: &[&str], ignore_case: bool) -> Skip {
        let list = |texts: &[&str]| texts.iter().map(|&t| t.to_owned()).collect();
        let (if_in, unless_in) = (list(if_in), list(unless_in));
        Skip { reason: "r".into(), amount_below: None, column: Some("c".into()), if_in, unless_in, ignore_case }
    }

    /// Spec import §7.10: `decline` in any case, exact otherwise, blanks not trimmed (Q39).
    #[test]
    fn filters_compare_whole_values() {
        let declined = skip(&["decline"], &[], true);
        assert!(declined.applies(Some("DECLINE")));
        assert!(!declined.applies(Some(" decline")) && !declined.applies(Some("")) && !declined.applies(None));
        let known = skip(&[], &["Visa"], false);
        assert!(known.applies(Some("visa")) && known.applies(Some("")) && known.applies(None));
        assert!(!known.applies(Some("Visa")));
    }
}
