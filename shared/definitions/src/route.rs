//! What happens to a merchant's payment lines (spec import §8, design §3): matched, spotted, streamed, or stored only.

use harmonia_domain::feed::Kind;

/// The routes of one merchant. Nothing given: lines are stored and nothing follows.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// What auths and settlements become part of.
    #[serde(rename = "match")]
    pub matched: Option<MatchedAs>,
    /// Kinds of payment lines that the merchant is told of one by one.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::kinds")]
    pub stream: Vec<Kind>,
}

/// How a purchase becomes a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MatchedAs {
    /// With a sale of the merchant's own feed.
    Loyalty,
    /// By itself: the merchant has no feed.
    Spotted,
}

impl Route {
    /// Does a purchase become a match, and how? Refunds never do (spec import §8).
    pub fn matched(&self, kind: Kind) -> Option<MatchedAs> {
        self.matched.filter(|_| matches!(kind, Kind::Auth | Kind::Settled))
    }

    /// Is the merchant told of lines of this kind one by one?
    pub fn streams(&self, kind: Kind) -> bool {
        self.stream.contains(&kind)
    }

    /// Does anything follow from a line of this kind?
    pub fn follows(&self, kind: Kind) -> bool {
        self.matched(kind).is_some() || self.streams(kind)
    }

    /// Amex auths are not imported for spotted and streamed merchants (spec import §7.1).
    pub fn refuses_amex_auths(&self) -> bool {
        self.matched == Some(MatchedAs::Spotted) || !self.stream.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spec import §8, the table of routes, and §7.1 for the amex auths.
    #[test]
    fn the_original_routes() {
        let route = |matched, stream: &[Kind]| Route { matched, stream: stream.to_vec() };
        let own = route(Some(MatchedAs::Loyalty), &[]);
        let slim = route(Some(MatchedAs::Spotted), &[]);
        let viator = route(Some(MatchedAs::Spotted), &[Kind::Refund]);
        let square = route(None, &[Kind::Auth, Kind::Settled, Kind::Refund]);
        let other = Route::default();
        for (route, auth, refund, amex_auths) in [
            (&own, Some(MatchedAs::Loyalty), false, true),
            (&slim, Some(MatchedAs::Spotted), false, false),
            (&viator, Some(MatchedAs::Spotted), true, false),
            (&square, None, true, false),
            (&other, None, false, true),
        ] {
            assert_eq!(route.matched(Kind::Auth), auth);
            assert_eq!(route.matched(Kind::Settled), auth);
            assert_eq!(route.matched(Kind::Refund), None);
            assert_eq!(route.streams(Kind::Refund), refund);
            assert_eq!(!route.refuses_amex_auths(), amex_auths);
        }
        assert!(square.follows(Kind::Auth) && !viator.streams(Kind::Auth) && !other.follows(Kind::Refund));
    }
}
