//! Columns at fixed places of a line, counted in characters.

/// The text of `length` characters from the place `start` (from 0), without blanks around it; shorter or empty if the
/// line is short.
pub(crate) fn column(line: &str, start: usize, length: usize) -> &str {
    let text = if line.is_ascii() {
        line.get(start..).map(|rest| rest.get(..length).unwrap_or(rest))
    } else {
        let mut starts = line.char_indices().map(|(at, _)| at).skip(start);
        let from = starts.next();
        let to = length.checked_sub(1).and_then(|more| starts.nth(more)).unwrap_or(line.len());
        from.and_then(|from| line.get(from..to))
    };
    text.unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_in_characters() {
        for (line, start, length, text) in [
            ("abcdef", 1, 2, "bc"),
            ("abcdef", 4, 9, "ef"),
            ("abcdef", 6, 1, ""),
            ("abcdef", 9, 1, ""),
            ("äöüßef", 1, 2, "öü"),
            ("äöü", 1, 9, "öü"),
            ("äöü", 3, 1, ""),
            ("a  b ", 1, 4, "b"),
        ] {
            assert_eq!(column(line, start, length), text, "{line} {start} {length}");
        }
    }
}
