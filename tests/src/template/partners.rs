//! The role of a partner (infra/partner.yaml): to deliver one feed, or to fetch from one folder, and nothing else. That
//! its policies do what they say is seen on ministack (tests/deployed/partners.py).

use super::{assert_rule_of, at, list, of_type, parse, properties, read, template};
use harmonia_definitions::Definitions;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn partner() -> Value {
    parse(&read("infra/partner.yaml"))
}

/// The text of a resource's ARN, with the bucket of a longer `!Sub` filled in.
fn arn(resource: &Value) -> String {
    match &resource["Fn::Sub"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let bucket = parts[1]["Bucket"]["Fn::Sub"].as_str().unwrap_or_default();
            parts[0].as_str().unwrap_or_default().replace("${Bucket}", bucket)
        }
        _ => String::new(),
    }
}

/// What each policy allows: action, ARN, and the service by which the key is used.
fn allowed(template: &Value) -> BTreeMap<String, Vec<(String, String, String)>> {
    let mut all = BTreeMap::new();
    for (name, policy) in of_type(template, "AWS::IAM::Policy") {
        let mut rights = Vec::new();
        for statement in list(at(policy, "PolicyDocument.Statement")) {
            let of_the_key = statement["Resource"]["Fn::ImportValue"]["Fn::Sub"].as_str();
            let on = of_the_key.map_or_else(|| arn(&statement["Resource"]), str::to_owned);
            let only = &statement["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Sub"];
            let only = only.as_str().or(statement["Condition"]["StringLike"]["s3:prefix"]["Fn::Sub"].as_str());
            for action in list(&statement["Action"]) {
                let action = action.as_str().unwrap_or_default().to_owned();
                rights.push((action, on.clone(), only.unwrap_or_default().to_owned()));
            }
        }
        rights.sort();
        all.insert(name.to_owned(), rights);
    }
    all
}

fn rights(template: &Value) -> Vec<String> {
    let (s3, sqs) = ("s3.${AWS::Region}.amazonaws.com", "sqs.${AWS::Region}.amazonaws.com");
    let bucket = |name: &str| {
        format!("arn:${{AWS::Partition}}:s3:::harmonia-${{Environment}}-{name}-${{AWS::AccountId}}-${{AWS::Region}}")
    };
    let queue = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:harmonia-${Environment}-feed-${Name}";
    let key = "harmonia-${Environment}-key";
    let wanted = [
        (
            "FetchExports",
            vec![
                ("s3:GetObject", format!("{}/${{Name}}/*", bucket("exports")), ""),
                ("s3:ListBucket", bucket("exports"), "${Name}/*"),
            ],
        ),
        (
            "PutFiles",
            vec![
                ("kms:Decrypt", key.to_owned(), s3),
                ("kms:GenerateDataKey", key.to_owned(), s3),
                ("s3:PutObject", format!("{}/imports/${{Name}}/*", bucket("imports")), ""),
            ],
        ),
        (
            "SendMessages",
            vec![
                ("kms:Decrypt", key.to_owned(), sqs),
                ("kms:GenerateDataKey", key.to_owned(), sqs),
                ("sqs:SendMessage", queue.to_owned(), ""),
            ],
        ),
    ];
    let own = |rights: Vec<(&str, String, &str)>| {
        rights.into_iter().map(|(action, on, only)| (action.to_owned(), on, only.to_owned())).collect()
    };
    let wanted: BTreeMap<String, Vec<_>> =
        wanted.into_iter().map(|(name, rights)| (name.to_owned(), own(rights))).collect();
    let found = allowed(template);
    let mut told = Vec::new();
    for name in wanted.keys().chain(found.keys()) {
        if wanted.get(name) != found.get(name) {
            told.push(format!("{name}: {:?}, wanted {:?}", found.get(name), wanted.get(name)));
        }
        let condition = &template["Resources"][name]["Condition"];
        let one = at(template, "Conditions")[condition.as_str().unwrap_or_default()]["Fn::Equals"].clone();
        if one[0] != json!({ "Ref": "May" }) || one[1] != properties(template, name)["PolicyName"] {
            told.push(format!("{name}: whatever the role is for"));
        }
    }
    let role = properties(template, "PartnerRole");
    let trust = list(at(role, "AssumeRolePolicyDocument.Statement"));
    let named = json!({ "StringEquals": { "sts:ExternalId": { "Ref": "ExternalId" } } });
    let account = json!({ "AWS": { "Fn::Sub": "arn:${AWS::Partition}:iam::${PartnerAccount}:root" } });
    if trust.len() != 1 || trust[0]["Condition"] != named || trust[0]["Principal"] != account {
        told.push("PartnerRole: others too, or without the external id".to_owned());
    }
    if !role["Policies"].is_null() || !role["ManagedPolicyArns"].is_null() {
        told.push("PartnerRole: more rights".to_owned());
    }
    told
}

#[test]
fn a_partner_may_do_one_thing() {
    let statement = |name: &str, n: u8| format!("/Resources/{name}/Properties/PolicyDocument/Statement/{n}");
    let places = [
        format!("{}/Action", statement("PutFiles", 0)),
        format!("{}/Resource", statement("SendMessages", 0)),
        format!("{}/Condition", statement("PutFiles", 1)),
        format!("{}/Condition", statement("FetchExports", 1)),
    ];
    let [action, queue, key, listing] = places.each_ref().map(String::as_str);
    let all = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:harmonia-${Environment}-feed-*";
    let plants = [
        (action, json!(["s3:GetObject", "s3:PutObject"])),
        (queue, json!({ "Fn::Sub": all })),
        (key, Value::Null),
        (listing, Value::Null),
        ("/Resources/PutFiles/Condition", Value::Null),
        ("/Resources/PutFiles/Condition", json!("SendsMessages")),
        ("/Resources/PartnerRole/Properties/AssumeRolePolicyDocument/Statement/0/Condition", Value::Null),
        ("/Resources/PartnerRole/Properties/AssumeRolePolicyDocument/Statement/0/Principal", json!({ "AWS": "*" })),
    ];
    assert_rule_of(&partner(), rights, &plants);
}

/// Names that the partner's stack spells out are those of the environment's own stack.
#[test]
fn a_partners_stack_means_the_environments_resources() {
    let template = template();
    let text = |name: &str, by: &str| properties(&template, name)[by]["Fn::Sub"].as_str().unwrap().to_owned();
    let allowed = allowed(&partner());
    let begins = |policy: &str, name: String| {
        let here = &allowed[policy];
        assert!(here.iter().any(|(_, on, _)| on.contains(&name)), "{policy}: {here:?} without {name}");
    };
    begins("PutFiles", text("ImportsBucket", "BucketName"));
    begins("FetchExports", text("ExportsBucket", "BucketName"));
    begins("SendMessages", text("FeedVisaAuthQueue", "QueueName").replace("visa-auth", "${Name}"));
    begins("PutFiles", at(&template, "Outputs.KeyArn.Export.Name")["Fn::Sub"].as_str().unwrap().to_owned());
}

/// Feeds and merchants fit the stack's parameters, and the role's name fits AWS's 64 characters.
#[test]
fn every_feed_can_have_its_role() {
    const ROLE_NAME_MAX: usize = 64;
    // the longest environment, and the longest of what a partner may do
    let longest = format!("harmonia-{}-send-messages-", "e".repeat(12)).len();
    let partner = partner();
    let pattern = at(&partner, "Parameters.Name.AllowedPattern").as_str().unwrap();
    assert_eq!(pattern, "^[a-z0-9][a-z0-9-]{1,27}$");
    assert!(longest + 28 <= ROLE_NAME_MAX, "{longest}");
    let definitions = Definitions::shipped().unwrap();
    let feeds = definitions.message_feeds().map(|feed| feed.to_string());
    let merchants = definitions.iter().map(|definition| definition.merchant.to_string());
    for name in feeds.chain(merchants) {
        let fits = (2..=28).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        assert!(fits, "{name}");
    }
}
