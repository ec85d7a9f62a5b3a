//! One attempt: the protocol says what to send, the web sends it, the protocol reads the answer, the schedule decides
//! what it leads to.

use crate::Harmonia;
use harmonia_definitions::Export as Target;
use harmonia_domain::{
    export::{Export, LastAttempt, Verdict},
    feed::Slug,
    identity::Identity,
};
use harmonia_exports::{Answer, Finding, Purpose, Request, Step, Telling, begin, verdict};
use harmonia_ports::{Call, WebAnswer};
use secrecy::ExposeSecret;

/// A merchant that does not answer by then has not answered (half of the function's time).
const DEADLINE_MS: u32 = 20_000;
/// No protocol needs more requests for one attempt; a conversation that does is a bug and ends as one.
const REQUESTS_MAX: usize = 8;

fn call(request: Request) -> Call {
    Call {
        tells: request.purpose == Purpose::Tell,
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body.expose_secret().to_vec(),
        deadline_ms: DEADLINE_MS,
    }
}

fn answer(web: WebAnswer) -> Answer {
    match web {
        WebAnswer::Response { status, body } => Answer::Response { status, body },
        WebAnswer::NotSent { why } => Answer::NotSent { why },
        WebAnswer::Unknown { why } => Answer::Unknown { why },
    }
}

impl Harmonia {
    /// Tells a merchant about these exports in one conversation.
    pub(super) async fn attempt(
        &self,
        target: &Target,
        merchant: &Slug,
        told: &[(&Export, &Identity)],
        batch_uid: Option<&str>,
        attempts_before: u32,
    ) -> (Verdict, LastAttempt) {
        let (finding, status) = self.converse(target, merchant, told, batch_uid).await;
        let now = self.now();
        let verdict = verdict(&target.retry, attempts_before, &finding, now);
        let words = match &verdict {
            Verdict::Delivered => "delivered".to_owned(),
            Verdict::Retry { why, .. } | Verdict::Failed { why } => why.clone(),
        };
        (verdict, LastAttempt { at: now, status, verdict: words })
    }

    /// Why a request about this export cannot be built, if so.
    pub(super) fn fault(
        &self,
        target: &Target,
        merchant: &Slug,
        (export, identity): (&Export, &Identity),
        batch_uid: &str,
    ) -> Option<String> {
        let target = self.target(target, merchant);
        begin(&target, &[Telling { export, identity }], Some(batch_uid)).err().map(|e| e.to_string())
    }

    fn target<'a>(&'a self, definition: &'a Target, merchant: &Slug) -> harmonia_exports::Target<'a> {
        harmonia_exports::Target {
            definition,
            base_url: &definition.base_url,
            aes_key: &self.settings.aes_key,
            secrets: self.settings.merchants.get(merchant).unwrap_or(&serde_json::Value::Null),
        }
    }

    async fn converse(
        &self,
        target: &Target,
        merchant: &Slug,
        told: &[(&Export, &Identity)],
        batch_uid: Option<&str>,
    ) -> (Finding, Option<u16>) {
        let target = self.target(target, merchant);
        let tellings: Vec<Telling<'_>> = told.iter().map(|(export, identity)| Telling { export, identity }).collect();
        let mut conversation = match begin(&target, &tellings, batch_uid) {
            Ok(conversation) => conversation,
            // D8: a request that cannot be built is classified like every other failure: given up, listed
            Err(e) => return (Finding::Refused { why: e.to_string() }, None),
        };
        let (mut last, mut status) = (None, None);
        for _ in 0..REQUESTS_MAX {
            match conversation.next(last.take()) {
                Step::Done(finding) => return (finding, status),
                Step::Send(request) => {
                    let tells = request.purpose == Purpose::Tell;
                    let came = self.ports.web.send(call(request)).await;
                    if let (true, WebAnswer::Response { status: code, .. }) = (tells, &came) {
                        status = Some(*code);
                    }
                    last = Some(answer(came));
                }
            }
        }
        (Finding::Refused { why: format!("more than {REQUESTS_MAX} requests in one attempt") }, status)
    }
}
