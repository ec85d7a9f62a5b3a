//! Explanations (invariant 6): why a payment, a sale, a file or a line of one is what it is, and what comes nearest to
//! it. Nothing is changed and nothing is scanned: every answer is a few reads by key and some ranges of the book, each
//! within a limit that the answer names where it was reached. What is asked for itself is read consistently; what is
//! only searched through may be a moment old, and whatever is told of it is read again from its own item.

mod day;
mod export;
mod facts;
mod file;
mod line;
mod near;
mod payment;
mod sale;
#[cfg(test)]
mod tests;
mod text;

pub use facts::{
    Because, CardTold, DayTold, Explanation, ExportTold, FileTold, NearPayment, NearSale, Note, PaymentExplained,
    PaymentLine, SaleExplained, SaleTold,
};
pub use file::{FileExplained, RejectTold};
pub use line::{Became, LineExplained};

use crate::{Harmonia, StageError};
use harmonia_domain::feed::{Scheme, Slug};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// A payment's or sale's id, a file, or `file:line`.
    pub what: String,
    /// Only payments of this scheme.
    pub scheme: Option<Scheme>,
    /// Only this merchant's sales and files.
    pub merchant: Option<Slug>,
}

/// Everything that goes by the name, and where it was looked for.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Explained {
    /// What was found; an id may be a payment's and a sale's, of several schemes and merchants.
    pub answers: Vec<Explanation>,
    /// Where it was looked for.
    pub looked: Vec<String>,
}

impl Harmonia {
    /// Explains whatever goes by a name: payments and sales first, then files, then a line of a file.
    pub async fn explain(&self, question: &Question) -> Result<Explained, StageError> {
        let (mut answers, mut looked) = (Vec::new(), Vec::new());
        let schemes: Vec<Scheme> = match (question.scheme, &question.merchant) {
            (Some(scheme), _) => vec![scheme],
            (None, Some(_)) => Vec::new(),
            (None, None) => Scheme::ALL.to_vec(),
        };
        for scheme in &schemes {
            looked.push(format!("payments of {scheme}"));
            answers.extend(self.explain_payments(*scheme, &question.what).await?);
        }
        if question.scheme.is_none() {
            let merchants = self.definitions.iter().filter(|d| d.feed.is_some()).map(|d| d.merchant.clone());
            let merchants: Vec<Slug> = question.merchant.clone().map_or_else(|| merchants.collect(), |one| vec![one]);
            for merchant in &merchants {
                looked.push(format!("sales of {merchant}"));
                answers.extend(self.explain_sale(merchant, &question.what).await?);
            }
        }
        if answers.is_empty() && question.scheme.is_none() {
            let receivers = self.definitions.iter().filter(|d| d.results.is_some()).map(|d| &d.merchant);
            for receiver in receivers.filter(|slug| question.merchant.as_ref().is_none_or(|one| one == *slug)) {
                looked.push(format!("uids of {receiver}"));
                if let Some(stored) = self.told_under(receiver, &question.what).await? {
                    answers.extend(self.explained_payment(&stored.row).await?);
                }
            }
        }
        if answers.is_empty() && question.scheme.is_none() {
            answers = self.explain_file(&question.what, question.merchant.as_ref(), &mut looked).await?;
        }
        Ok(Explained { answers, looked })
    }
}
