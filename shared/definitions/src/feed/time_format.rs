//! Time formats as definitions write them (spec import §3.2 b): taken apart once, when the definition is read.

use std::str::FromStr;

/// A format such as `YYYY-MM-DD HH:mm:ss`. What stands in brackets is no token: `YYYY-MM-DD[T]HH:mm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFormat(Vec<TimePart>);

/// A part of a [`TimeFormat`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum TimePart {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    /// Exactly this character.
    Literal(char),
}

/// A text that is no time format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeFormatError {
    /// Letters that mean nothing.
    #[error("a time format knows YYYY MM DD HH mm ss, not {0:?}; a text stands in brackets, as in [T]")]
    UnknownLetter(char),
    /// A text that does not end.
    #[error("a bracket is not closed")]
    OpenBracket,
    /// Nothing of a time in it.
    #[error("the time format names no part of a time")]
    Empty,
    /// A part twice, or no full date.
    #[error("a time format needs YYYY, MM and DD, and each part only once")]
    Incomplete,
}

const TOKENS: [(&str, TimePart); 6] = [
    ("YYYY", TimePart::Year),
    ("MM", TimePart::Month),
    ("DD", TimePart::Day),
    ("HH", TimePart::Hour),
    ("mm", TimePart::Minute),
    ("ss", TimePart::Second),
];

impl TimeFormat {
    /// The parts in their order.
    pub fn parts(&self) -> &[TimePart] {
        &self.0
    }

    /// A format that times are only written by: parts may be missing, or come twice.
    pub fn to_write(text: &str) -> Result<Self, TimeFormatError> {
        let parts = take_apart(text)?;
        let said = parts.iter().any(|part| !matches!(part, TimePart::Literal(_)));
        if said { Ok(Self(parts)) } else { Err(TimeFormatError::Empty) }
    }
}

fn take_apart(text: &str) -> Result<Vec<TimePart>, TimeFormatError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('[') {
            let (literal, tail) = quoted.split_once(']').ok_or(TimeFormatError::OpenBracket)?;
            parts.extend(literal.chars().map(TimePart::Literal));
            rest = tail;
            continue;
        }
        let token = TOKENS.iter().find_map(|(token, part)| rest.strip_prefix(token).map(|tail| (*part, tail)));
        let (part, tail) = match token {
            Some(found) => found,
            None if next.is_alphanumeric() => return Err(TimeFormatError::UnknownLetter(next)),
            None => (TimePart::Literal(next), rest.strip_prefix(next).unwrap_or_default()),
        };
        parts.push(part);
        rest = tail;
    }
    Ok(parts)
}

impl FromStr for TimeFormat {
    type Err = TimeFormatError;

    fn from_str(text: &str) -> Result<Self, TimeFormatError> {
        let parts = take_apart(text)?;
        let count = |wanted: TimePart| parts.iter().filter(|part| **part == wanted).count();
        let dated = [TimePart::Year, TimePart::Month, TimePart::Day].into_iter().all(|part| count(part) == 1);
        let timed = [TimePart::Hour, TimePart::Minute, TimePart::Second].into_iter().all(|part| count(part) <= 1);
        if dated && timed { Ok(Self(parts)) } else { Err(TimeFormatError::Incomplete) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_formats_are_checked() {
        use TimePart::{Day, Hour, Literal, Minute, Month, Year};
        let tgx2: TimeFormat = "YYYYMMDD HHmm".parse().unwrap();
        assert_eq!(tgx2.parts(), [Year, Month, Day, Literal(' '), Hour, Minute]);
        for bad in ["", "YYYY-MM", "YYYY-MM-DD DD", "HH:mm"] {
            assert_eq!(bad.parse::<TimeFormat>(), Err(TimeFormatError::Incomplete), "{bad}");
        }
        assert_eq!("DD MMM YYYY".parse::<TimeFormat>(), Err(TimeFormatError::UnknownLetter('M')));
        let with_text: TimeFormat = "YYYY[DD]MMDD".parse().unwrap();
        assert_eq!(with_text.parts(), [Year, Literal('D'), Literal('D'), Month, Day]);
        assert_eq!("YYYY-MM-DD[T".parse::<TimeFormat>(), Err(TimeFormatError::OpenBracket));
        assert_eq!(TimeFormat::to_write("HH:mm").unwrap().parts(), [Hour, Literal(':'), Minute]);
        assert_eq!(TimeFormat::to_write("[HH]"), Err(TimeFormatError::Empty));
        assert_eq!("YYYY-MM-DD hh".parse::<TimeFormat>(), Err(TimeFormatError::UnknownLetter('h')));
    }
}
