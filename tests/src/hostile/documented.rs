//! docs/deliveries.md: what each protocol does in each situation, as one export of it was seen to do.
//! `HARMONIA_WRITE_DOCS=1` writes it.

use super::{
    server::Came,
    situation::{Plan, Situation},
    world::{World, definition},
};
use harmonia_definitions::Repeat;
use harmonia_domain::export::ExportState;
use std::{fmt::Write, fs, path::Path};

/// One merchant of each protocol.
const PROTOCOLS: [(&str, &str); 12] = [
    ("bpl", "bpl-viator"),
    ("costa", "costa"),
    ("iceland-bonus-card", "iceland-bonus-card"),
    ("itsu", "itsu"),
    ("slim-chickens", "slim-chickens"),
    ("squaremeal", "squaremeal"),
    ("stonegate", "stonegate"),
    ("tgi-fridays", "tgi-fridays"),
    ("the-works", "the-works"),
    ("wasabi-club", "wasabi-club"),
    ("http (Kaffeehaus Linde)", "kaffeehaus-linde"),
    ("file (stonegate-unmatched)", "stonegate-unmatched"),
];

/// What happens to the first request that tells, in words.
const SITUATIONS: [(&str, Situation); 10] = [
    ("500", Situation::Error),
    ("429", Situation::BusyFor),
    ("reset", Situation::ResetRead),
    ("silence", Situation::Silence),
    ("redirect", Situation::Redirect),
    ("page", Situation::Page),
    ("no answer", Situation::Lost),
    ("half answer", Situation::Half),
    ("10 MB", Situation::Huge),
    ("wrong type", Situation::WrongType),
];

const HEAD: &str = "# When a merchant misbehaves

What each protocol does when the first request that tells a merchant about a purchase meets with something unusual, and
everything after it goes well. This page is written by a test
([tests/src/hostile/documented.rs](../tests/src/hostile/documented.rs)) from what it saw between the export stage and a
real HTTP server, and the test fails if what it sees changes. `HARMONIA_WRITE_DOCS=1 cargo test -p it hostile` writes it
anew.

The merchant has not done it:

| column | what happens |
|---|---|
| 500 | an internal error |
| 429 | too many requests; the `Retry-After` of the answer is kept, in seconds or as a date |
| reset | the request is read, and the connection is reset |
| silence | nothing comes until the deadline |
| redirect | 307; redirects are not followed |
| page | 200, and a gateway's page |

The merchant has done it, and the purchase is rewarded:

| column | what happens |
|---|---|
| no answer | the connection is closed instead of an answer |
| half answer | the answer is cut off |
| 10 MB | the answer is longer than what is read of any (1 MiB) |
| wrong type | the right answer, as `text/html` |

| cell | what we do |
|---|---|
| again, same key | the same request goes out again by the schedule; the merchant knows its key and rewards it once |
| again | it goes out again by the schedule: the answer says that nothing was done |
| asks, then again | the member's history is looked at; it is not there, so it goes out again |
| asks, delivered | the member's history is looked at; it is there, so it does not go out again |
| second address | it goes to the merchant's second address at once |
| unconfirmed | it may or may not be done, and the merchant could not tell a repetition: listed, for a person |
| delivered | the answer is taken as it is |
| believed | the answer is taken for a yes, as the original does, though nothing was done |
| – | cannot happen |

";

/// What one export of a merchant was seen to do.
async fn cell(merchant: &str, situation: Situation) -> String {
    let definition = definition(merchant);
    let repeat = definition.export.as_ref().unwrap().repeat;
    let world = World::new(definition, Plan::First(situation)).await;
    world.add(1).await;
    world.until_quiet().await;
    let rows = world.rows();
    let [export] = &rows.exports[..] else { panic!("one export") };
    let files = world.files();
    if !files.is_empty() {
        let same = files.iter().all(|file| (&file.0, &file.1) == (&files[0].0, &files[0].1));
        let again = same && files.len() == 2 && matches!(export.state, ExportState::Delivered { .. });
        return if again { "again, same name" } else { "?" }.to_owned();
    }
    let counted = world.report().rewarded_by(merchant);
    assert!(counted <= 1, "{merchant} in {situation:?}: rewarded {counted} times");
    let came: Vec<Came> = world.came();
    let told: Vec<usize> = (0..came.len()).filter(|at| came[*at].tells).collect();
    let asked_after =
        repeat == Repeat::AskFirst && told.first().is_some_and(|at| came[at + 1..].iter().any(|c| !c.tells));
    let words = match (&export.state, &told[..]) {
        (ExportState::Unconfirmed { .. }, [_]) => "unconfirmed",
        (ExportState::Failed { .. }, _) => "refused",
        (ExportState::Delivered { .. }, [_]) if asked_after => "asks, delivered",
        (ExportState::Delivered { .. }, [_]) if counted == 0 => "believed",
        (ExportState::Delivered { .. }, [_]) => "delivered",
        (ExportState::Delivered { .. }, [a, b]) if came[*a].path != came[*b].path => "second address",
        (ExportState::Delivered { .. }, [_, _]) if asked_after => "asks, then again",
        (ExportState::Delivered { .. }, [a, b]) if came[*a].about == came[*b].about => match repeat {
            Repeat::SameKey => "again, same key",
            _ => "again",
        },
        (state, told) => panic!("{merchant} in {situation:?}: {state:?} after {} requests", told.len()),
    };
    words.to_owned()
}

/// Files meet with a bucket that fails before it stores or after; it has no other words.
fn can_happen(merchant: &str, situation: Situation) -> bool {
    merchant != "stonegate-unmatched" || matches!(situation, Situation::Error | Situation::Lost)
}

async fn row(protocol: &'static str, merchant: &'static str) -> String {
    let mut row = format!("| {protocol} |");
    for (_, situation) in SITUATIONS {
        let cell =
            if can_happen(merchant, situation) { Box::pin(cell(merchant, situation)).await } else { "–".to_owned() };
        write!(row, " {cell} |").unwrap();
    }
    row
}

/// The page says what is so.
#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_documented() {
    let rows: Vec<_> =
        PROTOCOLS.into_iter().map(|(protocol, merchant)| tokio::spawn(row(protocol, merchant))).collect();
    let mut page = HEAD.to_owned();
    let columns: Vec<&str> = SITUATIONS.iter().map(|(words, _)| *words).collect();
    writeln!(page, "| protocol | {} |", columns.join(" | ")).unwrap();
    writeln!(page, "|---|{}", "---|".repeat(columns.len())).unwrap();
    for row in rows {
        writeln!(page, "{}", row.await.unwrap()).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deliveries.md");
    if std::env::var_os("HARMONIA_WRITE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/deliveries.md says something else; HARMONIA_WRITE_DOCS=1 writes:\n{page}");
}

/// A connection that is reset before anything was read is nothing that any protocol minds: everything is delivered.
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_before_the_request_was_read() {
    for (_, merchant) in PROTOCOLS.into_iter().filter(|(_, merchant)| *merchant != "stonegate-unmatched") {
        let repeat = definition(merchant).export.unwrap().repeat;
        let world = World::new(definition(merchant), Plan::First(Situation::ResetUnread)).await;
        world.add(1).await;
        world.until_quiet().await;
        let state = world.rows().exports[0].state.clone();
        let counted = world.report().rewarded_by(merchant);
        match (repeat, &state) {
            (_, ExportState::Delivered { .. }) => assert_eq!(counted, 1, "{merchant}"),
            // whether it was read cannot be seen from here
            (Repeat::Never, ExportState::Unconfirmed { .. }) => assert_eq!(counted, 0, "{merchant}"),
            _ => panic!("{merchant}: {state:?}"),
        }
    }
}
