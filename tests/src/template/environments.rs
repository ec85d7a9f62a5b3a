//! What makes a stack one of several, and what production has more: names, protection, retention, log groups, failures
//! of what is called without anybody waiting, packaging, outputs, samconfig.toml.

use super::{
    WITHOUT_RESOURCE, assert_rule, at, functions, list, of_type, resource, short_name, statements, template,
    working_queues,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// By which property a resource is named; these would otherwise get a name that nobody knows beforehand.
const NAMED_BY: [(&str, &str); 10] = [
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::Events::EventBus", "Name"),
    ("AWS::KMS::Alias", "AliasName"),
    ("AWS::Logs::LogGroup", "LogGroupName"),
    ("AWS::S3::Bucket", "BucketName"),
    ("AWS::SQS::Queue", "QueueName"),
    ("AWS::SecretsManager::Secret", "Name"),
    ("AWS::Serverless::Function", "FunctionName"),
    ("AWS::Serverless::StateMachine", "Name"),
    ("AWS::SNS::Topic", "TopicName"),
];
/// What holds data: kept in production, gone with the stack elsewhere.
const DATA: [&str; 4] = ["AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket", "AWS::SecretsManager::Secret"];
/// AWS: a function runs at most so long, and has at least so much memory.
const TIMEOUT_MAX_S: u64 = 900;
const MEMORY_MIN_MB: u64 = 128;

fn resources(template: &Value) -> impl Iterator<Item = (&String, &Value)> {
    template["Resources"].as_object().into_iter().flatten()
}

/// Every name carries the environment: two stacks of one account never meet.
fn names(template: &Value) -> Vec<String> {
    let carries = |name: &Value| name["Fn::Sub"].as_str().is_some_and(|text| text.contains("harmonia-${Environment}"));
    let mut told = Vec::new();
    for (name, resource) in resources(template) {
        let by = NAMED_BY.iter().find(|(kind, _)| resource["Type"] == *kind).map(|(_, by)| *by);
        if by.is_some_and(|by| !carries(&resource["Properties"][by])) {
            told.push(format!("{name}: its name does not say which environment's it is"));
        }
    }
    for (name, function) in functions(template) {
        let schedules = function["Events"].as_object().into_iter().flatten();
        for (event, _) in schedules.filter(|(_, e)| e["Type"] == "ScheduleV2" && !carries(&e["Properties"]["Name"])) {
            told.push(format!("{name}.{event}: its name does not say which environment's it is"));
        }
    }
    told
}

/// In production data outlives the stack; what an update would replace is kept everywhere.
fn retention(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for (name, resource) in resources(template) {
        let holds_data = DATA.iter().any(|kind| resource["Type"] == *kind);
        let kept = resource["DeletionPolicy"] == json!({ "Fn::If": ["IsProduction", "Retain", "Delete"] })
            && resource["UpdateReplacePolicy"] == json!("Retain");
        if holds_data && !kept {
            told.push(format!("{name}: is not kept in production, or is elsewhere"));
        }
        if !holds_data && !resource["DeletionPolicy"].is_null() {
            told.push(format!("{name}: is kept and holds nothing"));
        }
        let protected = &resource["Properties"]["DeletionProtectionEnabled"];
        let wanted = json!({ "Fn::If": ["IsProduction", true, false] });
        if resource["Type"] == "AWS::DynamoDB::Table" && *protected != wanted {
            told.push(format!("{name}: is not protected in production, or is elsewhere"));
        }
    }
    if at(template, "Conditions.IsProduction") != &json!({ "Fn::Equals": [{ "Ref": "Environment" }, "prod"] }) {
        told.push("IsProduction is something else".to_owned());
    }
    told
}

/// Buckets keep versions, forget after a while (the audit log excepted), and belong to the account alone.
fn bucket_lives(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for (name, bucket) in of_type(template, "AWS::S3::Bucket") {
        if at(bucket, "VersioningConfiguration.Status") != &json!("Enabled") {
            told.push(format!("{name}: no versions"));
        }
        if bucket["OwnershipControls"] != json!({ "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] }) {
            told.push(format!("{name}: objects of others"));
        }
        let rules = list(at(bucket, "LifecycleConfiguration.Rules"));
        let has = |field: &str| rules.iter().any(|r| r["Status"] == "Enabled" && !r[field].is_null());
        let locked = !bucket["ObjectLockConfiguration"].is_null();
        let expires = ["ExpirationInDays", "NoncurrentVersionExpiration"];
        if !locked && !expires.into_iter().all(has) {
            told.push(format!("{name}: something stays for ever"));
        }
        // parts of what was never put together are no objects: no lock keeps them, and nobody sees them
        if !has("AbortIncompleteMultipartUpload") {
            told.push(format!("{name}: parts of uploads stay for ever"));
        }
        let noticed = list(at(bucket, "NotificationConfiguration.QueueConfigurations"));
        for notice in noticed {
            let prefix = json!([{ "Name": "prefix", "Value": "imports/" }]);
            if at(notice, "Filter.S3Key.Rules") != &prefix {
                told.push(format!("{name}: tells of more than imports"));
            }
        }
    }
    told
}

/// Functions are packed as they were built, are bounded, and say what they do in a group that forgets.
fn function_shapes(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    let groups = of_type(template, "AWS::Logs::LogGroup");
    for (name, function) in functions(template) {
        let called = short_name(function, "FunctionName");
        let group = groups.get(at(function, "LoggingConfig.LogGroup")["Ref"].as_str().unwrap_or_default());
        let group_name = json!({ "Fn::Sub": format!("/aws/lambda/harmonia-${{Environment}}-{called}") });
        if group.is_none_or(|group| group["LogGroupName"] != group_name) {
            told.push(format!("{name}: no log group of its own"));
        }
        if template["Resources"][name]["Metadata"] != json!({ "SkipBuild": true })
            || function["CodeUri"] != json!(format!("target/lambda/harmonia-{called}/"))
        {
            told.push(format!("{name}: built by SAM, or from another folder than cargo-lambda's"));
        }
        if function["Timeout"].as_u64().is_none_or(|s| s > TIMEOUT_MAX_S) {
            told.push(format!("{name}: no timeout"));
        }
    }
    for (name, group) in groups {
        if group["RetentionInDays"] != *at(template, "Resources.ImportLogs.Properties.RetentionInDays") {
            told.push(format!("{name}: is kept for ever, or not as the others"));
        }
    }
    let memory = at(template, "Globals.Function.MemorySize").as_u64();
    if memory.is_none_or(|mb| mb < MEMORY_MIN_MB) {
        told.push("no memory".to_owned());
    }
    told
}

/// What a schedule calls answers to nobody: failed calls are noted, those that could not be made too.
fn failures_of_schedules(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    let queues = of_type(template, "AWS::SQS::Queue");
    let roles = of_type(template, "AWS::IAM::Role");
    for (name, function) in functions(template) {
        let events = function["Events"].as_object().into_iter().flatten();
        let schedules: Vec<(&String, &Value)> = events.filter(|(_, e)| e["Type"] == "ScheduleV2").collect();
        if schedules.is_empty() {
            continue;
        }
        let noted = at(function, "EventInvokeConfig.DestinationConfig.OnFailure.Destination");
        if !queues.contains_key(resource(noted)) {
            told.push(format!("{name}: nobody hears of its failures"));
        }
        // a right of its own: that to send messages on is for the work, not for what failed
        let tells = |s: &&Value| s["Sid"] == "TellOfFailures" && list(&s["Resource"]) == [noted];
        if !roles.get(resource(&function["Role"])).is_some_and(|role| statements(role).iter().any(tells)) {
            told.push(format!("{name}: may not tell of its failures"));
        }
        for (event, schedule) in schedules {
            let properties = &schedule["Properties"];
            if !queues.contains_key(resource(at(properties, "DeadLetterConfig.Arn"))) {
                told.push(format!("{name}.{event}: nobody hears that it could not call"));
            }
            if at(properties, "RetryPolicy.MaximumEventAgeInSeconds").is_null() {
                told.push(format!("{name}.{event}: calls for a day"));
            }
        }
    }
    told
}

/// Outputs say what is there, and whoever fills, empties or looks needs these.
fn outputs(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    let mut said = BTreeSet::new();
    for (name, output) in template["Outputs"].as_object().into_iter().flatten() {
        let value = &output["Value"];
        let of = value["Ref"].as_str().unwrap_or_else(|| resource(value));
        if template["Resources"][of].is_null() {
            told.push(format!("{name}: of {of:?}, which is not there"));
        }
        if output["Description"].as_str().is_none_or(str::is_empty) {
            told.push(format!("{name}: no description"));
        }
        said.insert(of);
    }
    let tables = of_type(template, "AWS::DynamoDB::Table").into_keys();
    let functions = functions(template).into_keys();
    let working = working_queues(template);
    let feeds = working.into_iter().filter(|(_, queue)| short_name(queue, "QueueName").starts_with("feed-"));
    let wanted = tables.chain(functions).chain(feeds.map(|(name, _)| name)).chain(["Key", "ImportsBucket", "Secrets"]);
    told.extend(wanted.filter(|name| !said.contains(name)).map(|name| format!("{name}: not told")));
    told
}

/// Where a role's right ends in a star without a folder of one bucket before it, and why it may.
const STARS: [(&str, &str); 3] = [
    ("/stream/*", "a stream's name is its birth time, which nobody knows beforehand"),
    ("${ExportsBucket.Arn}/*", "files for merchants are named by their definitions"),
    (":execution:harmonia-${Environment}-import-file/*", "a round's executions get names when they start"),
];

/// All of its actions are of those that are for everything or nothing.
fn knows_no_resource(statement: &Value) -> bool {
    list(&statement["Action"]).iter().all(|action| WITHOUT_RESOURCE.iter().any(|one| **action == *one))
}

fn stars(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for (name, role) in of_type(template, "AWS::IAM::Role") {
        let named = statements(role).into_iter().filter(|statement| !knows_no_resource(statement));
        for resource in named.flat_map(|statement| list(&statement["Resource"])) {
            let text = resource["Fn::Sub"].as_str().or(resource.as_str()).unwrap_or_default();
            if !text.contains('*') {
                continue;
            }
            let folder = text.split_once(".Arn}/").and_then(|(_, rest)| rest.strip_suffix("/*"));
            let below = folder.is_some_and(|folder| !folder.is_empty() && !folder.contains('*'));
            let listed = STARS.iter().any(|(end, _)| text.ends_with(end));
            if !below && !listed {
                told.push(format!("{name}: {text}"));
            }
        }
    }
    told
}

#[test]
fn every_name_carries_the_environment() {
    let plants = [
        ("/Resources/BookTable/Properties/TableName", json!("harmonia-book")),
        ("/Resources/EventBus/Properties/Name", json!({ "Fn::Sub": "harmonia" })),
        ("/Resources/MatchLogs/Properties/LogGroupName", json!({ "Fn::Sub": "/aws/lambda/harmonia-match" })),
        ("/Resources/KeyAlias/Properties/AliasName", json!("alias/harmonia")),
        ("/Resources/DeliverMachine/Properties/Name", Value::Null),
    ];
    assert_rule(names, &plants);
}

#[test]
fn data_outlives_the_stack_in_production_only() {
    let plants = [
        ("/Resources/Key/DeletionPolicy", Value::Null),
        ("/Resources/BookTable/DeletionPolicy", json!("Retain")),
        ("/Resources/ArchiveBucket/UpdateReplacePolicy", json!("Delete")),
        ("/Resources/LedgerTable/Properties/DeletionProtectionEnabled", json!(true)),
        ("/Conditions/IsProduction/Fn::Equals/1", json!("production")),
    ];
    assert_rule(retention, &plants);
}

#[test]
fn buckets_keep_versions_and_forget() {
    let lifecycle = "/Resources/WorkBucket/Properties/LifecycleConfiguration";
    let filter = "/Resources/ImportsBucket/Properties/NotificationConfiguration/QueueConfigurations/0/Filter";
    let aborts = format!("{lifecycle}/Rules/0/AbortIncompleteMultipartUpload");
    let plants = [
        (lifecycle, Value::Null),
        (aborts.as_str(), Value::Null),
        ("/Resources/AuditBucket/Properties/LifecycleConfiguration", Value::Null),
        (filter, Value::Null),
        ("/Resources/ImportsBucket/Properties/VersioningConfiguration/Status", json!("Suspended")),
        ("/Resources/ImportsBucket/Properties/OwnershipControls", Value::Null),
    ];
    assert_rule(bucket_lives, &plants);
}

#[test]
fn functions_are_packed_bounded_and_logged() {
    let plants = [
        ("/Resources/MatchFunction/Properties/LoggingConfig/LogGroup", json!({ "Ref": "ExportLogs" })),
        ("/Resources/MatchFunction/Metadata/SkipBuild", json!(false)),
        ("/Resources/MatchFunction/Properties/CodeUri", json!("target/lambda/harmonia-export/")),
        ("/Resources/MatchFunction/Properties/Timeout", json!(901)),
        ("/Resources/MatchLogs/Properties/RetentionInDays", Value::Null),
        ("/Globals/Function/MemorySize", Value::Null),
    ];
    assert_rule(function_shapes, &plants);
}

#[test]
fn failures_of_what_schedules_call_are_noted() {
    // whichever function the schedule calls
    let template = template();
    let all = functions(&template);
    let is_schedule = |event: &Value| event["Type"] == "ScheduleV2";
    let called = all.iter().find(|(_, f)| f["Events"].as_object().unwrap().values().any(is_schedule));
    let (name, function) = called.unwrap();
    let event = function["Events"].as_object().unwrap().iter().find(|(_, event)| is_schedule(event)).unwrap().0;
    let (function, event) = (format!("/Resources/{name}/Properties"), format!("/Events/{event}/Properties"));
    let places = [
        format!("{function}/EventInvokeConfig/DestinationConfig"),
        format!("{function}/EventInvokeConfig/DestinationConfig/OnFailure/Destination/Fn::GetAtt"),
        format!("{function}{event}/DeadLetterConfig"),
        format!("{function}{event}/RetryPolicy"),
    ];
    let [noted, queue, dead, retries] = places.each_ref().map(String::as_str);
    let plants = [(noted, Value::Null), (queue, json!("MatchQueue.Arn")), (dead, Value::Null), (retries, Value::Null)];
    assert_rule(failures_of_schedules, &plants);
}

#[test]
fn outputs_tell_what_is_there() {
    let plants = [
        ("/Outputs/BookTableName/Value", json!({ "Ref": "LedgerTable" })),
        ("/Outputs/FeedVisaAuthQueueUrl/Value", json!({ "Ref": "FeedVisaAuthsQueue" })),
        ("/Outputs/KeyArn/Description", json!("")),
    ];
    assert_rule(outputs, &plants);
}

#[test]
fn a_star_in_a_right_is_below_a_folder_or_has_its_reason() {
    assert!(STARS.iter().all(|(_, reason)| !reason.is_empty()));
    let place = "/Resources/AuditRole/Properties/Policies/0/PolicyDocument/Statement/3/Resource";
    let sub = |text: &str| json!({ "Fn::Sub": text });
    let plants = [
        (place, json!("*")),
        (place, sub("${AuditBucket.Arn}/*")),
        (place, sub("arn:${AWS::Partition}:s3:::harmonia-${Environment}-*/audit/*")),
    ];
    assert_rule(stars, &plants);
}
