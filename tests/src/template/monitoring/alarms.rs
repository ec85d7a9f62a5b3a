//! What is worth a person's attention, and from when on.

use super::{Reading, of_type, ours, schedules, short_name, streams, text, theirs, working_queues};
use harmonia_definitions::Definitions;
use harmonia_domain::{
    export::MatchType,
    feed::{Feed, Transport},
};
use harmonia_metrics::{
    Answer,
    Dimension::{Answer as ByAnswer, Class, Event, Feed as ByFeed, Merchant, Outcome as ByOutcome, Type, Verdict},
    FileEvent, Metric, Outcome,
};
use serde_json::Value;

/// List price of a write unit on demand, dollars for a million (<https://aws.amazon.com/dynamodb/pricing/on-demand/>,
/// us-east-1).
const WRITE_UNITS_USD: f64 = 0.625;
/// List price of a read unit on demand, dollars for a million (the same page).
const READ_UNITS_USD: f64 = 0.125;
/// List price of Lambda's x86 gigabyte-second, dollars for a million (<https://aws.amazon.com/lambda/pricing/>,
/// us-east-1); arm64 costs a fifth less.
const GIGABYTE_SECONDS_USD: f64 = 16.6667;
/// Three times what 1,000 lines may cost by the budget of design §4: half of them pairs of 12 write units, 10 read.
const DOLLARS_PER_1000_MAX: f64 = 0.015;
/// A share of fewer things says nothing.
const FEW: u32 = 50;
/// Below so many lines a day, what runs by the clock is most of the cost.
const LINES_OF_A_DAY_MIN: u32 = 10_000;
/// The stream of a table keeps a change for 24 hours: this leaves twenty to do something.
const AUDIT_LATE_MS: f64 = 14_400_000.0;

/// Of a function that a schedule calls every minute, in five minutes: another one, every five minutes, is not enough.
const CALLS_MIN: f64 = 3.0;

/// When it is too much.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    Above(f64),
    Below(f64),
    /// Of what `CloudWatch` has seen at this hour and weekday.
    BelowBand,
}

/// What it means that nothing is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum Missing {
    /// Nothing happened, which is fine.
    Fine,
    /// Nothing happened, which it should have.
    Bad,
    /// Nothing follows from it.
    Nothing,
}

impl Missing {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "notBreaching",
            Self::Bad => "breaching",
            Self::Nothing => "ignore",
        }
    }
}

#[derive(Debug)]
pub(super) enum Watch {
    One(Reading),
    /// Expressions by their ids, the one that counts first, and what they are about.
    Math {
        expressions: Vec<(&'static str, String)>,
        of: Vec<(&'static str, Reading)>,
    },
}

#[derive(Debug)]
pub(super) struct Alarm {
    pub(super) name: String,
    /// Section of docs/runbooks.md.
    pub(super) runbook: &'static str,
    pub(super) why: String,
    pub(super) watch: Watch,
    pub(super) period_s: u32,
    /// So many of so many periods.
    pub(super) of: (u32, u32),
    pub(super) limit: Limit,
    pub(super) missing: Missing,
    /// Elsewhere it is shown, and nobody is woken: feeds of a test environment are silent most of the time.
    pub(super) production: bool,
}

impl Alarm {
    /// Above nothing, in five minutes.
    fn any(name: String, runbook: &'static str, why: impl Into<String>, reading: Reading) -> Self {
        Self {
            name,
            runbook,
            why: why.into(),
            watch: Watch::One(reading),
            period_s: 300,
            of: (1, 1),
            limit: Limit::Above(0.0),
            missing: Missing::Fine,
            production: false,
        }
    }

    fn of(self, periods: (u32, u32)) -> Self {
        Self { of: periods, ..self }
    }
}

/// The ARN of a state machine by its name: the machines are in the other stack.
pub(super) fn machine_arn(name: &str) -> String {
    format!("arn:${{AWS::Partition}}:states:${{AWS::Region}}:${{AWS::AccountId}}:stateMachine:{name}")
}

pub(super) fn all(template: &Value, definitions: &Definitions) -> Vec<Alarm> {
    let mut all = queues(template);
    all.extend(functions(template));
    all.extend(machines(template));
    all.extend(tables(template));
    all.extend(definitions.feeds().flat_map(|feed| of_feed(definitions, &feed)));
    all.extend(files());
    all.extend(clock());
    all.extend(payments(definitions));
    all.extend(deliveries(definitions));
    all.extend(records());
    all.push(cost());
    all
}

/// A record that is neither done nor dead after two rounds of the queue is one that nobody gets done.
fn queues(template: &Value) -> Vec<Alarm> {
    let working = working_queues(template);
    let mut all = Vec::new();
    for (queue, properties) in of_type(template, "AWS::SQS::Queue") {
        let (short, name) = (short_name(properties, "QueueName"), text(&properties["QueueName"]));
        let by = ("QueueName", name);
        if let Some(working) = working.get(queue) {
            let rounds = 2 * u32::try_from(working["VisibilityTimeout"].as_u64().unwrap()).unwrap();
            let age = theirs("AWS/SQS", "ApproximateAgeOfOldestMessage", by, "Maximum");
            let why = format!("Messages of {short} wait for more than {rounds} s, two rounds of the queue.");
            let old = Alarm::any(format!("age-{short}"), "age", why, age).of((3, 3));
            all.push(Alarm { limit: Limit::Above(f64::from(rounds)), ..old });
            continue;
        }
        let visible = theirs("AWS/SQS", "ApproximateNumberOfMessagesVisible", by, "Maximum");
        all.push(if let Some(of) = short.strip_suffix("-dlq") {
            let why = format!("A message of {of} could not be read, or met a bug; it is kept for 14 days.");
            Alarm::any(format!("dead-letters-{of}"), "dead-letters", why, visible)
        } else if short == "failed-events" {
            let why = "A schedule's call of a function did not come to a good end: a minute, or five, were left out.";
            Alarm::any(short.to_owned(), "failed-events", why, visible)
        } else {
            let why = "Changes that the audit function could not get past; the streams keep them for 24 hours.";
            Alarm::any(short.to_owned(), "audit-failures", why, visible)
        });
    }
    all
}

fn functions(template: &Value) -> Vec<Alarm> {
    let mut all = Vec::new();
    for function in super::super::functions(template).into_values() {
        let (short, name) = (short_name(function, "FunctionName"), text(&function["FunctionName"]));
        let of = |metric, statistic| theirs("AWS/Lambda", metric, ("FunctionName", name), statistic);
        let why = format!("Whole invocations of {short} fail: it does not start, runs out of time or memory.");
        all.push(Alarm::any(format!("errors-{short}"), "errors", why, of("Errors", "Sum")).of((2, 3)));
        let why = format!("Invocations of {short} are refused: the account's concurrency is used up.");
        all.push(Alarm::any(format!("throttled-{short}"), "throttled", why, of("Throttles", "Sum")).of((3, 3)));
        if schedules(function).next().is_some() {
            let why =
                format!("The schedule {short} has called its function less than {CALLS_MIN} times in five minutes.");
            let called = Alarm::any(format!("schedule-{short}"), "schedule", why, of("Invocations", "Sum"));
            all.push(Alarm { limit: Limit::Below(CALLS_MIN), missing: Missing::Bad, ..called.of((3, 3)) });
        }
        if streams(function).count() > 0 {
            let why = format!("{short} is four hours behind its tables; the streams keep changes for 24 hours.");
            let late = Alarm::any(format!("late-{short}"), "late", why, of("IteratorAge", "Maximum"));
            all.push(Alarm { limit: Limit::Above(AUDIT_LATE_MS), ..late.of((3, 3)) });
        }
    }
    all
}

fn machines(template: &Value) -> Vec<Alarm> {
    let machines = of_type(template, "AWS::Serverless::StateMachine").into_values();
    let both = machines.flat_map(|machine| {
        let (short, arn) = (short_name(machine, "Name"), machine_arn(text(&machine["Name"])));
        let of = |metric| theirs("AWS/States", metric, ("StateMachineArn", arn.as_str()), "Sum");
        let why = format!("An execution of {short} ended without having done its work.");
        let late = format!("An execution of {short} ran out of its time.");
        [
            Alarm::any(format!("machine-failed-{short}"), "machine-failed", why, of("ExecutionsFailed")),
            Alarm::any(format!("machine-timed-out-{short}"), "machine-failed", late, of("ExecutionsTimedOut")),
        ]
    });
    both.collect()
}

fn tables(template: &Value) -> Vec<Alarm> {
    let tables = of_type(template, "AWS::DynamoDB::Table").into_values();
    let both = tables.flat_map(|table| {
        let (short, name) = (short_name(table, "TableName"), text(&table["TableName"]));
        let one = |does: &str, metric| {
            let why = format!("The table {short} refuses {does}s: more comes at once than it has grown to.");
            let reading = theirs("AWS/DynamoDB", metric, ("TableName", name), "Sum");
            Alarm::any(format!("table-{does}s-{short}"), "table-throttled", why, reading).of((3, 3))
        };
        [one("write", "WriteThrottleEvents"), one("read", "ReadThrottleEvents")]
    });
    both.collect()
}

/// A feed that comes as messages is silent after six hours; files come daily, not all of them on each day.
fn of_feed(definitions: &Definitions, feed: &Feed) -> [Alarm; 2] {
    let name = feed.as_str();
    let lines = ours(Metric::Lines, &[(ByFeed, name)]);
    let (period_s, n, words) = match definitions.transport(feed) {
        Transport::Message => (3_600, 6, "six hours"),
        Transport::File => (86_400, 2, "two days"),
    };
    let why = format!("No line of {name} for {words}: a broken transfer looks like a quiet day.");
    let silent = Alarm {
        period_s,
        limit: Limit::Below(1.0),
        missing: Missing::Bad,
        production: true,
        ..Alarm::any(format!("silent-{name}"), "silent", why, lines.clone()).of((n, n))
    };
    let why = format!("More than 5 % of the lines of {name} are rejected: its format may have changed.");
    let rejected = ours(Metric::Lines, &[(ByFeed, name), (ByOutcome, Outcome::Rejected.as_str())]);
    let share = format!("IF(lines >= {FEW}, 100 * rejected / lines, 0)");
    let watch =
        Watch::Math { expressions: vec![("share", share)], of: vec![("lines", lines.clone()), ("rejected", rejected)] };
    let rejects = Alarm::any(format!("rejects-{name}"), "rejects", why, lines);
    [silent, Alarm { watch, period_s: 3_600, limit: Limit::Above(5.0), ..rejects }]
}

/// A stuck file stays so until somebody acts, and so does its alarm: the sweep tells how many there are. If a sweep
/// tells nothing, nothing follows from it. The other three tell of what has just happened.
fn files() -> Vec<Alarm> {
    let one = |name: &str, runbook, event: FileEvent, why: &str| {
        Alarm::any(name.to_owned(), runbook, why, ours(Metric::Files, &[(Event, event.as_str())]))
    };
    let why = "Parts of a file did not come back in three rounds; it is not closed.";
    let stuck = Alarm::any("files-stuck".to_owned(), "files-stuck", why, ours(Metric::FilesStuck, &[]));
    vec![
        Alarm { missing: Missing::Nothing, ..stuck },
        one(
            "files-unbalanced",
            "files-unbalanced",
            FileEvent::Unbalanced,
            "The outcomes of a file are not as many as its lines.",
        ),
        one(
            "files-unreadable",
            "files-unreadable",
            FileEvent::Unreadable,
            "Nothing of a file could be read; nothing is imported.",
        ),
        one(
            "files-empty",
            "files-empty",
            FileEvent::Empty,
            "A file has no lines where its definition says that it has some.",
        ),
    ]
}

/// What the sweep and its hourly walk tell each time, zeros included: if they do not, they do not run, or come to no
/// end. That the function is called says nothing about it: the other schedule calls it every minute.
fn clock() -> [Alarm; 2] {
    let told = |metric| Reading { statistic: "SampleCount", ..ours(metric, &[]) };
    let silence = |alarm: Alarm| Alarm { limit: Limit::Below(1.0), missing: Missing::Bad, ..alarm };
    let why = "The sweep has not come to its end for 15 minutes; it runs every five.";
    let sweep = Alarm::any("schedule-sweep".to_owned(), "schedule", why, told(Metric::FilesStuck)).of((3, 3));
    let why = "The hourly walk over the book has not come to its end for two hours: payments may be left open.";
    let walk = Alarm::any("walk".to_owned(), "walk", why, told(Metric::LeftOpen)).of((2, 2));
    [silence(sweep), Alarm { period_s: 3_600, ..silence(walk) }]
}

fn payments(definitions: &Definitions) -> Vec<Alarm> {
    let why = "The user directory did not answer look-ups well; its payments wait and are asked for again.";
    let unavailable = ours(Metric::Identified, &[(ByAnswer, Answer::DirectoryUnavailable.as_str())]);
    let directory = Alarm::any("directory".to_owned(), "directory", why, unavailable).of((2, 3));
    let why = "The walk over the book matched payments that should not have been open (invariant 4).";
    let left_open = Alarm::any("left-open".to_owned(), "left-open", why, ours(Metric::LeftOpen, &[]));
    let matching = definitions.iter().filter(|definition| definition.matching.is_some());
    let rates = matching.map(|definition| match_rate(definition.merchant.as_str()));
    [directory, left_open].into_iter().chain(rates).collect()
}

/// What is usual differs by merchant, hour and weekday; no figure of ours would be right for all.
fn match_rate(merchant: &str) -> Alarm {
    let matched = ours(Metric::Matches, &[(Merchant, merchant), (Type, MatchType::Loyalty.as_str())]);
    let known = ours(Metric::Identified, &[(Merchant, merchant), (ByAnswer, Answer::Known.as_str())]);
    let why = format!("Fewer payments of {merchant} find their sale than is usual at this hour and weekday.");
    Alarm {
        watch: Watch::Math {
            expressions: vec![
                ("rate", "100 * matched / known".to_owned()),
                ("band", "ANOMALY_DETECTION_BAND(rate, 3)".to_owned()),
            ],
            of: vec![("matched", matched.clone()), ("known", known)],
        },
        period_s: 3_600,
        limit: Limit::BelowBand,
        missing: Missing::Nothing,
        production: true,
        ..Alarm::any(format!("match-rate-{merchant}"), "match-rate", why, matched).of((4, 6))
    }
}

fn deliveries(definitions: &Definitions) -> Vec<Alarm> {
    let of = |verdict| ours(Metric::Deliveries, &[(Verdict, verdict)]);
    let failed = "Exports were given up; each waits for a person. Points are missing until then.";
    let unconfirmed = "Nobody knows whether a merchant has these exports; each waits for a person.";
    let mut all = vec![
        Alarm::any("deliveries-failed".to_owned(), "deliveries-failed", failed, of("failed")),
        Alarm::any("deliveries-unconfirmed".to_owned(), "deliveries-unconfirmed", unconfirmed, of("unconfirmed")),
    ];
    let told = definitions.iter().filter(|definition| definition.export.is_some());
    all.extend(told.map(|definition| {
        let merchant = definition.merchant.as_str();
        let by = |verdict| ours(Metric::Deliveries, &[(Merchant, merchant), (Verdict, verdict)]);
        let attempts = ours(Metric::Deliveries, &[(Merchant, merchant)]);
        let share = "IF(attempts >= 20, 100 * (later + failed + unconfirmed) / attempts, 0)".to_owned();
        let of = vec![
            ("attempts", attempts.clone()),
            ("later", by("retry")),
            ("failed", by("failed")),
            ("unconfirmed", by("unconfirmed")),
        ];
        let why = format!("More than half of the attempts to tell {merchant} come to nothing.");
        let failing = Alarm::any(format!("deliveries-failing-{merchant}"), "deliveries-failing", why, attempts);
        let watch = Watch::Math { expressions: vec![("share", share)], of };
        Alarm { watch, period_s: 900, limit: Limit::Above(50.0), ..failing.of((2, 3)) }
    }));
    all
}

fn records() -> Vec<Alarm> {
    let why = "A record met a bug; others are not held up, it goes to the dead letters.";
    vec![Alarm::any("bugs".to_owned(), "bugs", why, ours(Metric::RecordsFailed, &[(Class, "bug")]))]
}

fn cost() -> Alarm {
    let dollars =
        format!("writes * {WRITE_UNITS_USD} + reads * {READ_UNITS_USD} + work / 1024 * {GIGABYTE_SECONDS_USD}");
    let per_1000 = format!("IF(lines > {LINES_OF_A_DAY_MIN}, dollars / lines / 1000, 0)");
    let total = |metric| ours(metric, &[]);
    let why = "1,000 lines cost three times the budget in tables and Lambda: something is done again and again.";
    Alarm {
        watch: Watch::Math {
            expressions: vec![("cost", per_1000), ("dollars", dollars)],
            of: vec![
                ("lines", total(Metric::Lines)),
                ("writes", total(Metric::WriteUnits)),
                ("reads", total(Metric::ReadUnits)),
                ("work", total(Metric::Work)),
            ],
        },
        period_s: 86_400,
        limit: Limit::Above(DOLLARS_PER_1000_MAX),
        ..Alarm::any("cost".to_owned(), "cost", why, total(Metric::Lines))
    }
}

/// 1,000 lines within the budget cost less than the limit, and four times that is above it.
#[test]
fn the_budget_is_below_the_limit_of_the_cost() {
    let pairs = 500.0;
    let budget = pairs * (12.0 * WRITE_UNITS_USD + 10.0 * READ_UNITS_USD) / 1_000_000.0;
    assert!(budget < DOLLARS_PER_1000_MAX && DOLLARS_PER_1000_MAX < 4.0 * budget, "{budget}");
}
