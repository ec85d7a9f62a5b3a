//! Who can read what lies there or is under way: the stack's key and the rights on it, TLS, queue policies.

use super::{
    assert_rule, at, functions, left_behind, list, of_type, properties, redrive_target, resource, short_name,
    statements, streams, template,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Holds no card tokens; without the key its receivers need no right on it.
const BUCKET_WITHOUT_KEY: &str = "ExportsBucket";
/// What whoever administers the key may not do with it.
const USE: [&str; 5] = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncrypt", "kms:CreateGrant"];

fn key() -> Value {
    json!({ "Fn::GetAtt": "Key.Arn" })
}

/// The resource that a right is on: `!GetAtt X.Arn` or `!Sub "${X.Arn}/…"`.
fn target(right_on: &Value) -> &str {
    match right_on["Fn::Sub"].as_str() {
        Some(text) => text.strip_prefix("${").and_then(|t| t.split_once(".Arn}")).map_or("", |(name, _)| name),
        None => resource(right_on),
    }
}

fn is_encrypted_with_the_key(template: &Value, name: &str) -> bool {
    let properties = properties(template, name);
    let bucket = at(properties, "BucketEncryption.ServerSideEncryptionConfiguration");
    let bucket = list(bucket).into_iter().map(|rule| at(rule, "ServerSideEncryptionByDefault.KMSMasterKeyID"));
    let others = ["SSESpecification.KMSMasterKeyId", "KmsMasterKeyId", "KmsKeyId"].map(|path| at(properties, path));
    bucket.chain(others).any(|by| *by == key())
}

/// Card tokens, state, the log and the secret are encrypted with the stack's key; everything else by its service.
fn at_rest(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    let queues = of_type(template, "AWS::SQS::Queue");
    let feeds = queues.iter().filter(|(_, queue)| short_name(queue, "QueueName").starts_with("feed-"));
    let feeds: BTreeSet<&str> = feeds.map(|(name, _)| *name).collect();
    let kinds = ["AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SecretsManager::Secret"];
    let with_key = kinds.into_iter().flat_map(|kind| of_type(template, kind)).map(|(name, _)| name);
    let with_key = with_key.filter(|name| *name != BUCKET_WITHOUT_KEY).chain(feeds.iter().copied());
    for name in with_key.filter(|name| !is_encrypted_with_the_key(template, name)) {
        told.push(format!("{name}: not encrypted with the key"));
    }
    let by_sqs = queues.iter().filter(|(name, _)| !feeds.contains(*name));
    for (name, _) in by_sqs.filter(|(_, queue)| queue["SqsManagedSseEnabled"] != json!(true)) {
        told.push(format!("{name}: not encrypted"));
    }
    for (name, bucket) in of_type(template, "AWS::S3::Bucket") {
        let rules = list(at(bucket, "BucketEncryption.ServerSideEncryptionConfiguration"));
        let [rule] = rules[..] else {
            told.push(format!("{name}: not encrypted"));
            continue;
        };
        let by = at(rule, "ServerSideEncryptionByDefault.SSEAlgorithm").as_str().unwrap_or_default();
        match by {
            "AES256" if name == BUCKET_WITHOUT_KEY => {}
            "aws:kms" if rule["BucketKeyEnabled"] == json!(true) => {}
            _ => told.push(format!("{name}: encrypted by {by:?}, or a call for each object")),
        }
    }
    told
}

/// The key turns, and its policy lets nobody decrypt but through a service that calls for somebody.
fn the_key(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    let key = properties(template, "Key");
    if key["EnableKeyRotation"] != json!(true) {
        told.push("it does not turn".to_owned());
    }
    let root = json!({ "AWS": { "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root" } });
    for statement in list(at(key, "KeyPolicy.Statement")) {
        let sid = statement["Sid"].as_str().unwrap_or("a statement without Sid");
        if statement["Principal"] != root {
            told.push(format!("{sid}: for others than the account's roles"));
        }
        let actions: Vec<&str> = list(&statement["Action"]).into_iter().filter_map(Value::as_str).collect();
        if actions.iter().any(|action| action.ends_with(":*")) {
            told.push(format!("{sid}: everything"));
        }
        let uses = actions.iter().any(|action| USE.iter().any(|used| action.starts_with(used)));
        let only = &statement["Condition"]["StringEquals"];
        let services = list(&only["kms:ViaService"]);
        if uses && (services.is_empty() || only["kms:CallerAccount"] != json!({ "Ref": "AWS::AccountId" })) {
            told.push(format!("{sid}: directly, or for other accounts"));
        }
    }
    told
}

/// A right on the key: the action, and the service that asks for it.
type Use = (String, String);

/// What a role needs of the key, from what it does to things that are encrypted with it.
fn needed(template: &Value, role: &Value) -> BTreeSet<Use> {
    let mut needed = BTreeSet::new();
    for statement in statements(role) {
        let targets = list(&statement["Resource"]).into_iter().map(target);
        if !targets.into_iter().any(|name| !name.is_empty() && is_encrypted_with_the_key(template, name)) {
            // the secret is named by its id
            let secret = list(&statement["Resource"]).iter().any(|r| **r == json!({ "Fn::GetAtt": "Secrets.Id" }));
            if !secret {
                continue;
            }
        }
        for action in list(&statement["Action"]).into_iter().filter_map(Value::as_str) {
            let uses: &[&str] = match action {
                "s3:PutObject" => &["kms:GenerateDataKey"],
                "s3:GetObject" | "s3:GetObjectVersion" | "sqs:ReceiveMessage" | "secretsmanager:GetSecretValue" => {
                    &["kms:Decrypt"]
                }
                "sqs:SendMessage" => &["kms:Decrypt", "kms:GenerateDataKey"],
                _ if action.starts_with("dynamodb:") => &["kms:Decrypt"],
                _ => &[],
            };
            let service = action.split(':').next().unwrap_or_default();
            needed.extend(uses.iter().map(|used| ((*used).to_owned(), service.to_owned())));
        }
    }
    needed
}

/// Roles may use the key exactly as they have to.
fn rights_on_the_key(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for (name, role) in of_type(template, "AWS::IAM::Role") {
        let mut allowed: BTreeSet<Use> = BTreeSet::new();
        let uses_key =
            |s: &&Value| list(&s["Action"]).iter().any(|a| a.as_str().is_some_and(|a| a.starts_with("kms:")));
        for statement in statements(role).into_iter().filter(uses_key) {
            if list(&statement["Resource"]) != [&key()] {
                told.push(format!("{name}: another key, or all"));
            }
            let services = list(&statement["Condition"]["StringEquals"]["kms:ViaService"]);
            if services.is_empty() {
                told.push(format!("{name}: the key without a service"));
            }
            let service = |s: &Value| {
                let host = s["Fn::Sub"].as_str().unwrap_or_default();
                host.strip_suffix(".${AWS::Region}.amazonaws.com").unwrap_or(host).to_owned()
            };
            for action in list(&statement["Action"]).into_iter().filter_map(Value::as_str) {
                allowed.extend(services.iter().map(|s| (action.to_owned(), service(s))));
            }
        }
        let needed = needed(template, role);
        told.extend(needed.difference(&allowed).map(|(action, via)| format!("{name} needs {action} by {via}")));
        told.extend(allowed.difference(&needed).map(|(action, via)| format!("{name} does not need {action} by {via}")));
    }
    told
}

fn refuses_plain_http(statement: &Value) -> bool {
    statement["Effect"] == json!("Deny")
        && statement["Principal"] == json!("*")
        && statement["Condition"] == json!({ "Bool": { "aws:SecureTransport": "false" } })
        && statement["Action"].as_str().is_some_and(|action| action.ends_with(":*"))
}

/// Buckets and queues are spoken to by TLS only. Each has one policy: a second one would take the first one's place.
fn in_transit(template: &Value) -> Vec<String> {
    let mut policies: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for policy in of_type(template, "AWS::S3::BucketPolicy").into_values() {
        policies.entry(policy["Bucket"]["Ref"].as_str().unwrap_or_default()).or_default().push(policy);
    }
    for policy in of_type(template, "AWS::SQS::QueuePolicy").into_values() {
        for queue in list(&policy["Queues"]) {
            policies.entry(queue["Ref"].as_str().unwrap_or_default()).or_default().push(policy);
        }
    }
    let mut told = Vec::new();
    for name in ["AWS::S3::Bucket", "AWS::SQS::Queue"].into_iter().flat_map(|kind| of_type(template, kind)).map(|r| r.0)
    {
        let own = policies.get(name).cloned().unwrap_or_default();
        let [policy] = own[..] else {
            told.push(format!("{name}: {} policies", own.len()));
            continue;
        };
        if !list(at(policy, "PolicyDocument.Statement")).into_iter().any(refuses_plain_http) {
            told.push(format!("{name}: takes plain HTTP"));
        }
    }
    told
}

/// A service may send only for a resource of this account that the statement names.
fn services_in_policies(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for (name, policy) in of_type(template, "AWS::SQS::QueuePolicy") {
        for statement in list(at(policy, "PolicyDocument.Statement")) {
            let allows = statement["Effect"] == json!("Allow");
            let account = &statement["Condition"]["StringEquals"]["aws:SourceAccount"];
            let source = &statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::Sub"];
            let source =
                source.as_str().is_some_and(|arn| arn.contains("harmonia-${Environment}-") && !arn.contains('*'));
            if allows && (*account != json!({ "Ref": "AWS::AccountId" }) || !source) {
                told.push(format!("{name}: from others too"));
            }
            if allows && statement["Action"] != json!("sqs:SendMessage") {
                told.push(format!("{name}: more than to send"));
            }
        }
    }
    told
}

/// Only its queue fills a queue of dead letters; nobody's dead letters go where failures are noted.
fn who_fills_dead_letters(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    let queues = of_type(template, "AWS::SQS::Queue");
    let named = |queue: &Value| format!("harmonia-${{Environment}}-{}", short_name(queue, "QueueName"));
    for (name, queue) in queues.iter().filter(|(_, queue)| redrive_target(queue).is_empty()) {
        let sources: Vec<String> = queues.values().filter(|q| redrive_target(q) == *name).map(|q| named(q)).collect();
        let account = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}";
        let arn = |queue: &String| json!({ "Fn::Sub": format!("{account}:{queue}") });
        let wanted = match sources.as_slice() {
            [] => json!({ "redrivePermission": "denyAll" }),
            sources => json!({
                "redrivePermission": "byQueue", "sourceQueueArns": sources.iter().map(arn).collect::<Vec<_>>(),
            }),
        };
        if queue["RedriveAllowPolicy"] != wanted {
            told.push(format!("{name}: can be filled by others than {sources:?}"));
        }
    }
    told
}

#[test]
fn card_tokens_state_log_and_secret_are_encrypted_with_the_stacks_key() {
    let rule = "/Resources/ArchiveBucket/Properties/BucketEncryption/ServerSideEncryptionConfiguration/0";
    let by = format!("{rule}/ServerSideEncryptionByDefault");
    let bucket_key = format!("{rule}/BucketKeyEnabled");
    let plants = [
        (by.as_str(), json!({ "SSEAlgorithm": "AES256" })),
        (bucket_key.as_str(), json!(false)),
        ("/Resources/BookTable/Properties/SSESpecification", json!({ "SSEEnabled": true })),
        ("/Resources/Secrets/Properties/KmsKeyId", Value::Null),
        ("/Resources/FeedVisaAuthQueue/Properties/KmsMasterKeyId", json!("alias/aws/sqs")),
        ("/Resources/FeedVisaAuthDeadLetters/Properties/KmsMasterKeyId", Value::Null),
        ("/Resources/MatchQueue/Properties/SqsManagedSseEnabled", json!(false)),
        ("/Resources/ExportsBucket/Properties/BucketEncryption", Value::Null),
    ];
    assert_rule(at_rest, &plants);
}

#[test]
fn the_key_works_through_services_only() {
    let policy = "/Resources/Key/Properties/KeyPolicy/Statement";
    let places = [
        format!("{policy}/0/Action"),
        format!("{policy}/1/Condition"),
        format!("{policy}/1/Condition/StringEquals/kms:CallerAccount"),
        format!("{policy}/1/Principal"),
        format!("{policy}/2/Condition/StringEquals/kms:ViaService"),
    ];
    let [actions, condition, account, principal, grants] = places.each_ref().map(String::as_str);
    let plants = [
        ("/Resources/Key/Properties/EnableKeyRotation", json!(false)),
        (actions, json!("kms:*")),
        (actions, json!(["kms:PutKeyPolicy", "kms:Decrypt"])),
        (condition, Value::Null),
        (account, Value::Null),
        (principal, json!({ "AWS": "*" })),
        (grants, Value::Null),
    ];
    assert_rule(the_key, &plants);
}

#[test]
fn roles_may_use_the_key_for_what_they_touch_and_no_more() {
    let policies = |role: &str| format!("/Resources/{role}/Properties/Policies/0/PolicyDocument/Statement");
    // the statement of a role with this Sid
    let statement = |role: &str, sid: &str| {
        let template = template();
        let place = policies(role);
        let all = template.pointer(&place).and_then(Value::as_array).unwrap();
        format!("{place}/{}", all.iter().position(|s| s["Sid"] == sid).unwrap())
    };
    let decrypt = statement("ImportRole", "Decrypt");
    let places = [
        format!("{decrypt}/Condition"),
        format!("{decrypt}/Condition/StringEquals/kms:ViaService/3"),
        format!("{decrypt}/Resource"),
        format!("{}/Action", statement("ExportRole", "Encrypt")),
        statement("MatchRole", "Decrypt"),
    ];
    let [condition, service, resource, encrypt, whole] = places.each_ref().map(String::as_str);
    let plants = [
        (condition, Value::Null),
        (service, json!({ "Fn::Sub": "s3.${AWS::Region}.amazonaws.com" })),
        (resource, json!("*")),
        (encrypt, json!(["kms:GenerateDataKey", "kms:Encrypt"])),
        (whole, Value::Null),
    ];
    assert_rule(rights_on_the_key, &plants);
    // a queue of names that is encrypted with the key after all needs rights that nobody has
    let mut other = template();
    other["Resources"]["MatchQueue"]["Properties"]["KmsMasterKeyId"] = key();
    let told = rights_on_the_key(&other);
    assert!(told.contains(&"MatchRole needs kms:Decrypt by sqs".to_owned()), "{told:?}");
    assert!(told.contains(&"IdentifyRole needs kms:GenerateDataKey by sqs".to_owned()), "{told:?}");
}

#[test]
fn buckets_and_queues_refuse_plain_http() {
    let statement = "/Resources/QueuesPolicy/Properties/PolicyDocument/Statement/0";
    let condition = format!("{statement}/Condition");
    let plants = [
        (condition.as_str(), Value::Null),
        (statement, Value::Null),
        ("/Resources/QueuesPolicy/Properties/Queues/0", json!({ "Ref": "ImportFilesQueue" })),
        ("/Resources/WorkBucketPolicy/Properties/Bucket", json!({ "Ref": "AuditBucket" })),
        ("/Resources/ImportFilesQueuePolicy/Properties/PolicyDocument/Statement/1/Effect", json!("Allow")),
    ];
    assert_rule(in_transit, &plants);
}

#[test]
fn services_send_for_this_accounts_resources_only() {
    let statement = "/Resources/ImportFilesQueuePolicy/Properties/PolicyDocument/Statement/0";
    let places = [
        format!("{statement}/Condition/StringEquals"),
        format!("{statement}/Condition/ArnEquals"),
        format!("{statement}/Condition/ArnEquals/aws:SourceArn"),
        format!("{statement}/Action"),
    ];
    let [account, source, arn, action] = places.each_ref().map(String::as_str);
    let plants = [
        (account, Value::Null),
        (source, Value::Null),
        (arn, json!({ "Fn::Sub": "arn:${AWS::Partition}:s3:::harmonia-${Environment}-*" })),
        (action, json!("sqs:*")),
    ];
    assert_rule(services_in_policies, &plants);
}

#[test]
fn only_its_queue_fills_a_queue_of_dead_letters() {
    let allowed = "/Resources/MatchDeadLetters/Properties/RedriveAllowPolicy";
    let permission = format!("{allowed}/redrivePermission");
    let source = format!("{allowed}/sourceQueueArns/0/Fn::Sub");
    let other = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:harmonia-${Environment}-export";
    let plants = [
        (allowed, Value::Null),
        (permission.as_str(), json!("allowAll")),
        (source.as_str(), json!(other)),
        ("/Resources/AuditFailures/Properties/RedriveAllowPolicy", Value::Null),
    ];
    assert_rule(who_fills_dead_letters, &plants);
    // what a stream's reader leaves behind is nobody's dead letters
    let template = template();
    let failures = functions(&template);
    let failures: BTreeSet<&str> =
        failures.values().flat_map(|f| streams(f).map(|(_, stream)| left_behind(stream))).collect();
    assert_eq!(failures, BTreeSet::from(["AuditFailures"]));
}
