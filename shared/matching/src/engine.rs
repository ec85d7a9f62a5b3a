//! The one algorithm: window, key, fallbacks (spec match §4.8, §5).

use crate::{
    Candidate, Decision, Evidence, OpenReason, Reason, Verdict,
    check::{self, Check, Side},
};
use arrayvec::ArrayVec;
use harmonia_definitions::{Matching, Policy};
use harmonia_domain::{feed::Scheme, purchase::Current};

/// Window, two tests of a key, the payment's digits, each fallback once.
const CHECKS_MAX: usize = 7;

/// Decides about one payment. `identity_first_six` and `identity_last_four` are the card's as the user directory knows
/// it. Time grows linearly with the candidates; their order changes nothing but the order of the reasons.
pub fn decide(
    matching: &Matching,
    scheme: Scheme,
    payment: &Current,
    identity_first_six: &str,
    identity_last_four: &str,
    candidates: &[Candidate],
) -> Verdict {
    let side = Side { payment, first_six: identity_first_six, last_four: identity_last_four };
    let mut field = Field::new(side, candidates);
    let Some(policy) = matching.policy(scheme) else {
        return field.open(OpenReason::NoPolicy, Reason::NoPolicy);
    };
    field.apply(Check::Window { days: matching.window_days });
    if field.left == 0 {
        return field.open(OpenReason::NoCandidate, Reason::OutOfWindow { days: matching.window_days });
    }
    for check in check::key(policy, payment) {
        field.apply(check);
    }
    field.contested = if field.left > 1 { field.indices_left() } else { Vec::new() };
    let barred = policy.fallback_unless.is_some_and(|digits| check::shows(payment, digits));
    if !barred {
        field.fall_back(policy);
    }
    field.close(barred)
}

/// Could the sale take part in what is decided about the payment? If not, its being taken by another changes nothing.
pub fn contends(matching: &Matching, scheme: Scheme, payment: &Current, sale: &Candidate) -> bool {
    // no test of a key looks at the card as the directory knows it
    let side = Side { payment, first_six: "", last_four: "" };
    let Some(policy) = matching.policy(scheme) else { return false };
    let window = Check::Window { days: matching.window_days };
    std::iter::once(window).chain(check::key(policy, payment)).all(|check| check.against(side, sale).is_none())
}

/// The candidates and what is known about each so far.
struct Field<'a> {
    side: Side<'a>,
    candidates: &'a [Candidate],
    /// `None`: still in the running.
    out: Vec<Option<Reason>>,
    left: usize,
    applied: ArrayVec<Check, CHECKS_MAX>,
    contested: Vec<usize>,
}

impl<'a> Field<'a> {
    fn new(side: Side<'a>, candidates: &'a [Candidate]) -> Self {
        Self {
            side,
            candidates,
            out: vec![None; candidates.len()],
            left: candidates.len(),
            applied: ArrayVec::new(),
            contested: Vec::new(),
        }
    }

    fn indices_left(&self) -> Vec<usize> {
        self.out.iter().enumerate().filter_map(|(index, out)| out.is_none().then_some(index)).collect()
    }

    fn apply(&mut self, check: Check) {
        for (sale, out) in self.candidates.iter().zip(&mut self.out) {
            if out.is_none() {
                *out = check.against(self.side, sale);
            }
        }
        self.left = self.out.iter().filter(|out| out.is_none()).count();
        if !self.applied.contains(&check) {
            // there is room for every check that there is
            let _ = self.applied.try_push(check);
        }
    }

    /// Spec match §4.8, fallback chain: each at most once, in order, only while two or more remain; a test that leaves
    /// none ends in no match.
    fn fall_back(&mut self, policy: &Policy) {
        for &next in &policy.fallback {
            if self.left < 2 {
                return;
            }
            self.apply(check::fallback(policy, next));
        }
    }

    /// One left is the match, none or several are not.
    fn close(self, barred: bool) -> Verdict {
        let left = self.left;
        let tied = Reason::StillTied { left, barred };
        match self.out.iter().position(Option::is_none) {
            None => self.open(OpenReason::NoneLeft, tied),
            Some(candidate) if left == 1 => {
                let evidence = self.evidence(candidate);
                self.decided(Decision::Match { candidate, evidence }, Reason::Chosen)
            }
            Some(_) => self.open(OpenReason::Ambiguous { left }, tied),
        }
    }

    fn evidence(&self, candidate: usize) -> Vec<Evidence> {
        let chosen = self.candidates.get(candidate);
        let passed = |sale| self.applied.iter().filter_map(move |check| check.evidence(self.side, sale));
        let passed: Vec<Evidence> = chosen.into_iter().flat_map(passed).collect();
        if passed.is_empty() { vec![Evidence::OnlyCandidate] } else { passed }
    }

    fn open(self, why: OpenReason, remaining: Reason) -> Verdict {
        self.decided(Decision::Open { why }, remaining)
    }

    /// Whoever is still in the running gets the remaining reason.
    fn decided(self, decision: Decision, remaining: Reason) -> Verdict {
        Verdict {
            decision,
            reasons: self.out.into_iter().map(|out| out.unwrap_or(remaining)).collect(),
            contested: self.contested,
        }
    }
}
