//! What a merchant may do to a request, and when it does which.

use harmonia_domain::ids::sha256_hex;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Situation {
    /// It is answered as it should be.
    Well,
    /// 500, and nothing is done.
    Error,
    /// 429 with so many seconds in `Retry-After`, and nothing is done.
    BusyFor,
    /// 429 with an instant in `Retry-After`, and nothing is done.
    BusyUntil,
    /// The connection is reset before the request is read.
    ResetUnread,
    /// The request is read, the connection is reset, nothing is done.
    ResetRead,
    /// It is done, and the connection is closed without an answer.
    Lost,
    /// It is done, and the answer is cut off.
    Half,
    /// Nothing is done or said until the deadline.
    Silence,
    /// 307 to the same address, and nothing is done.
    Redirect,
    /// It is done, and the answer says that it is HTML.
    WrongType,
    /// It is done, and the answer has 10 MB.
    Huge,
    /// A gateway's page with 200, and nothing is done.
    Page,
}

impl Situation {
    /// Does the partner get the request?
    pub(super) fn is_done(self) -> bool {
        matches!(self, Self::Well | Self::Lost | Self::Half | Self::WrongType | Self::Huge)
    }
}

/// When what happens.
pub(super) enum Plan {
    /// By what the request is and how often it came. Pages are left out: whoever takes every 2xx for a yes believes
    /// them.
    Dice { seed: u64 },
    /// This to the first request that tells.
    First(Situation),
}

/// Times that one request is ill-treated: one that asks (for a token, a wallet, a history) once, one that tells twice.
/// The shortest schedules have five attempts.
const ILL_MAX: [usize; 2] = [1, 2];

impl Plan {
    /// What happens to a request that came `before` times.
    pub(super) fn situation(&self, tells: bool, about: &str, before: usize, told_before: usize) -> Situation {
        match self {
            Self::First(situation) if tells && told_before == 0 => *situation,
            Self::First(_) => Situation::Well,
            Self::Dice { .. } if before >= ILL_MAX[usize::from(tells)] => Situation::Well,
            Self::Dice { seed } => {
                let hash = sha256_hex(format!("{seed} {about} {before}").as_bytes());
                match u32::from_str_radix(&hash[..8], 16).unwrap() % 100 {
                    0..14 => Situation::Error,
                    14..20 => Situation::BusyFor,
                    20..26 => Situation::BusyUntil,
                    26..33 => Situation::ResetRead,
                    33..42 => Situation::Lost,
                    42..49 => Situation::Half,
                    49..52 => Situation::Silence,
                    52..58 => Situation::Redirect,
                    58..62 => Situation::WrongType,
                    62..65 => Situation::Huge,
                    _ => Situation::Well,
                }
            }
        }
    }
}
