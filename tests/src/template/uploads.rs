//! Whatever a partner asks for, its file is encrypted with the stack's key: the policy of the imports bucket is put to
//! each way to upload one, as IAM would read it.

use super::{assert_rule, at, list, properties};
use serde_json::{Value, json};

/// What an upload may say about encryption: the headers, as the conditions of a policy call them.
const BY: &str = "s3:x-amz-server-side-encryption";
const KEY: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";
const OWN: &str = "s3:x-amz-server-side-encryption-customer-algorithm";

/// An upload over TLS with these headers.
fn upload(headers: &[(&str, Value)]) -> Value {
    let mut upload = json!({ "aws:SecureTransport": "true" });
    for (name, value) in headers {
        upload[*name] = value.clone();
    }
    upload
}

/// Does a condition hold for a request? IAM: all operators, all keys, any value. The negated ones also hold of a key
/// that the request does not name, the others do not.
fn holds(condition: &Value, request: &Value) -> bool {
    condition.as_object().into_iter().flatten().all(|(operator, keys)| {
        keys.as_object().unwrap().iter().all(|(key, wanted)| {
            let (said, wanted) = (&request[key], list(wanted));
            match operator.as_str() {
                "Null" => wanted == [&json!(said.is_null().to_string())],
                "Bool" | "StringEquals" => wanted.contains(&said),
                "StringNotEquals" => !wanted.contains(&said),
                other => panic!("what does {other} mean?"),
            }
        })
    })
}

/// Is an upload refused by the bucket's policy?
fn refused(template: &Value, request: &Value) -> bool {
    let statements = list(at(properties(template, "ImportsBucketPolicy"), "PolicyDocument.Statement"));
    let files = json!({ "Fn::Sub": "${ImportsBucket.Arn}/*" });
    statements.into_iter().any(|statement| {
        let action = &statement["Action"];
        statement["Effect"] == json!("Deny")
            && statement["Principal"] == json!("*")
            && (*action == json!("s3:PutObject") || *action == json!("s3:*"))
            && list(&statement["Resource"]).contains(&&files)
            && holds(&statement["Condition"], request)
    })
}

/// Where partners write, nobody has another encryption than the bucket's own.
fn another_encryption(template: &Value) -> Vec<String> {
    let ours = json!({ "Fn::GetAtt": "Key.Arn" });
    let other = json!("arn:aws:kms:eu-west-2:210987654321:key/1");
    let (kms, s3, dual) = (json!("aws:kms"), json!("AES256"), json!("aws:kms:dsse"));
    let uploads = [
        ("without a word", upload(&[]), false),
        ("with the stack's key", upload(&[(BY, kms.clone()), (KEY, ours)]), false),
        ("with the account's aws/s3", upload(&[(BY, kms.clone())]), true),
        ("with another key", upload(&[(BY, kms), (KEY, other.clone())]), true),
        ("with another key, twice", upload(&[(BY, dual), (KEY, other)]), true),
        ("with S3's own keys", upload(&[(BY, s3.clone())]), true),
        ("with a key of the partner's own", upload(&[(OWN, s3)]), true),
        ("in the clear", json!({ "aws:SecureTransport": "false" }), true),
    ];
    let wrong = uploads.into_iter().filter(|(_, request, wanted)| refused(template, request) != *wanted);
    wrong.map(|(how, _, wanted)| format!("{how}: {}", if wanted { "taken" } else { "refused" })).collect()
}

#[test]
fn partners_files_are_encrypted_with_the_key_whatever_they_ask_for() {
    let policy = "/Resources/ImportsBucketPolicy/Properties/PolicyDocument/Statement";
    let (key, own) = (format!("{policy}/1"), format!("{policy}/2"));
    let places = [
        format!("{key}/Condition/Null"),
        format!("{key}/Condition/StringNotEquals"),
        format!("{key}/Effect"),
        format!("{own}/Condition"),
        format!("{policy}/0/Condition/Bool/aws:SecureTransport"),
    ];
    let [asked, named, effect, with, tls] = places.each_ref().map(String::as_str);
    let plants = [
        (key.as_str(), Value::Null),
        (own.as_str(), Value::Null),
        // an upload that asks for nothing would be refused
        (asked, json!({})),
        (named, json!({})),
        // any key will do
        (named, json!({ BY: "aws:kms" })),
        (effect, json!("Allow")),
        (with, json!({ "Null": { OWN: "true" } })),
        (tls, json!("true")),
    ];
    assert_rule(another_encryption, &plants);
}
