//! Closed lists of what dimensions may say. Who notes and who sets an alarm take a value from here: neither can call it
//! something else alone.

macro_rules! values {
    ($(#[$about:meta])* $name:ident { $($value:ident = $text:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the names say it, docs/metrics.md says more")]
        pub enum $name {
            $($value),+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];
            /// All of them, as they are told.
            pub const TEXTS: &'static [&'static str] = &[$($text),+];

            /// As it is told.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text),+
                }
            }
        }
    };
}

values! {
    /// How long a payment has been open.
    Age { Day = "day", Window = "window", Older = "older" }
}
values! {
    /// What the user directory may say about a card.
    Answer {
        Known = "known",
        CardNotKnown = "card-not-known",
        NoCardInformation = "no-card-information",
        DirectoryUnavailable = "directory-unavailable",
    }
}
values! {
    /// What may happen to a file.
    FileEvent {
        Closed = "closed",
        Repeated = "repeated",
        Unreadable = "unreadable",
        Empty = "empty",
        Unbalanced = "unbalanced",
        Stuck = "stuck",
    }
}
values! {
    /// What import may say about a line.
    Outcome {
        Accepted = "accepted",
        Duplicate = "duplicate",
        Skipped = "skipped",
        Rejected = "rejected",
        Parked = "parked",
    }
}

/// Classes of errors, as the runtime names them.
pub(crate) const CLASSES: &[&str] = &["retry", "reject", "bug"];
/// Tables, as the ports name them.
pub(crate) const TABLES: &[&str] = &["book", "ledger", "registry"];
/// Types of matches, as the domain names them.
pub(crate) const TYPES: &[&str] = &["loyalty", "spotted", "streamed", "forced", "unmatched"];
/// Verdicts, as the domain names them.
pub(crate) const VERDICTS: &[&str] = &["delivered", "retry", "skipped", "failed", "unconfirmed"];
