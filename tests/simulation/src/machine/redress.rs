//! What people do to matches while everything else goes on.

use super::Machine;
use harmonia_domain::{
    feed::Slug,
    purchase::{PurchaseKey, PurchaseState},
    sale::SaleState,
};
use harmonia_runtime::App;
use harmonia_stages::redress::{RedressError, Words};
use serde_json::Value;

/// What a person has made up their mind to do.
#[derive(Debug, Clone)]
pub(super) enum Redress {
    /// These belong together.
    Force { p: PurchaseKey, merchant: Slug, sale: String },
    /// This payment is in the wrong match.
    Unmatch { p: PurchaseKey },
}

impl Redress {
    /// Does it. What is refused, because somebody was quicker, is done with; everything else is tried again.
    pub(super) async fn done(self, app: App) -> Result<Value, String> {
        let words = Words::new("a person", "it was so").map_err(|e| e.to_string())?;
        let done = match &self {
            Self::Force { p, merchant, sale } => {
                app.harmonia.force_match(p, merchant, sale, &words).await.map(|_| Value::Null)
            }
            Self::Unmatch { p } => app.harmonia.unmatch(p, &words).await.map(|_| Value::Null),
        };
        match done {
            Err(RedressError::Stage(e)) => Err(e.to_string()),
            Err(_) => Ok(Value::Null),
            Ok(done) => Ok(done),
        }
    }
}

impl Machine {
    /// The first match that there is is a mistake.
    pub(super) fn first_match(&self) -> Option<Redress> {
        let rows = self.rows().ok()?;
        let matched = rows.purchases.iter().find(|p| matches!(p.state, PurchaseState::Claimed { .. }));
        matched.map(|p| Redress::Unmatch { p: p.key.clone() })
    }

    /// Any match that there is, or any two of one merchant that are open.
    pub(super) fn redress(&mut self) -> Option<Redress> {
        let rows = self.rows().ok()?;
        let matched = rows.purchases.iter().filter(|p| matches!(p.state, PurchaseState::Claimed { .. }));
        let matched: Vec<_> = matched.map(|p| p.key.clone()).collect();
        if !matched.is_empty() && self.dice.below(3) > 0 {
            return Some(Redress::Unmatch { p: self.dice.pick(&matched).clone() });
        }
        let open = rows.purchases.iter().filter_map(|p| Some((p, p.current().filter(|_| p.is_live())?)));
        let mut pairs = Vec::new();
        for (purchase, now) in open {
            let merchant = &now.identifier.merchant;
            let sales = rows.sales.iter().filter(|s| s.merchant == *merchant && s.state == SaleState::Live);
            pairs.extend(sales.map(|s| (purchase.key.clone(), merchant.clone(), s.id.clone())));
        }
        if pairs.is_empty() {
            return None;
        }
        let (p, merchant, sale) = self.dice.pick(&pairs).clone();
        Some(Redress::Force { p, merchant, sale })
    }
}
