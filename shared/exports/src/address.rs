//! Addresses put together as the original does it (spec match §9.4, §9.5, §9.9).

/// One slash between, whatever blanks and slashes there are at the ends.
pub(crate) fn joined(base: &str, path: &str) -> String {
    let inner = |part: &str| part.trim_matches(|c: char| c == '/' || c.is_whitespace()).to_owned();
    format!("{}/{}", inner(base), inner(path))
}

/// A path seen from an address, as a browser follows a link (RFC 3986 §5.2): one that begins with a slash replaces the
/// whole path, another one what comes after the last slash.
pub(crate) fn resolved(base: &str, path: &str) -> String {
    let host = base.find("://").map_or(0, |at| at.saturating_add("://".len()));
    let rest = base.get(host..).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).map_or(base.len(), |at| host.saturating_add(at));
    let (origin, old) = base.split_at_checked(end).unwrap_or((base, ""));
    if path.starts_with('/') {
        return format!("{origin}{path}");
    }
    let old = old.split(['?', '#']).next().unwrap_or_default();
    let folder = old.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{origin}{folder}/{path}")
}
