//! What samconfig.toml configures, and what docs/environments.md says of the environments that come out of it.

use super::{assert_rule, at, of_type, parse, read, short_name, template};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The environments of samconfig.toml; `default` is dev.
fn environments() -> BTreeMap<String, toml::Table> {
    let config: toml::Table = read("samconfig.toml").parse().unwrap();
    let tables = config.into_iter().filter_map(|(name, value)| Some((name, value.as_table()?.clone())));
    tables.map(|(name, table)| (if name == "default" { "dev".to_owned() } else { name }, table)).collect()
}

/// What an environment's section overrides.
fn overrides(config: &toml::Table) -> BTreeMap<&str, &str> {
    let named = config["deploy"]["parameters"]["parameter_overrides"].as_array().unwrap();
    named.iter().map(|one| one.as_str().and_then(|text| text.split_once('=')).unwrap()).collect()
}

#[test]
fn sam_knows_the_environments() {
    let template = template();
    let environments = environments();
    assert_eq!(environments.keys().collect::<Vec<_>>(), ["dev", "prod", "staging"]);
    for (name, config) in environments {
        let stack = config["global"]["parameters"]["stack_name"].as_str().unwrap();
        let deploy = &config["deploy"]["parameters"];
        assert_eq!(stack, format!("harmonia-{name}"));
        assert_eq!(deploy["s3_prefix"].as_str(), Some(stack));
        assert_eq!(deploy["confirm_changeset"].as_bool(), Some(true), "{name}");
        // `--parameter-overrides` replaces the list: whatever else stood there would be lost on the way
        assert_eq!(overrides(&config), BTreeMap::from([("Environment", name.as_str())]));
        assert!(config["validate"]["parameters"]["lint"].as_bool().unwrap());
    }
    let environment = &template["Parameters"]["Environment"];
    assert_eq!(environment["Default"], Value::Null, "a stack that names none becomes that one");
}

/// `IsProduction` is about the environment that samconfig.toml calls so.
#[test]
fn production_is_one_of_them() {
    let template = template();
    let production = at(&template, "Conditions.IsProduction")["Fn::Equals"][1].as_str().unwrap();
    assert!(environments().contains_key(production));
    let pattern = at(&template, "Parameters.Environment.AllowedPattern").as_str().unwrap();
    assert_eq!(pattern, parse(&read("infra/partner.yaml"))["Parameters"]["Environment"]["AllowedPattern"]);
}

/// What an expression comes to in an environment of which nothing else is named.
fn comes_to(template: &Value, environment: &str, expression: &Value) -> Value {
    let value = |expression: &Value| comes_to(template, environment, expression);
    if let Some(name) = expression["Ref"].as_str() {
        let default = at(template, "Parameters")[name]["Default"].clone();
        return if name == "Environment" { json!(environment) } else { default };
    }
    let Some([condition, yes, no]) = expression["Fn::If"].as_array().map(Vec::as_slice) else {
        return expression.clone();
    };
    let equals = &at(template, "Conditions")[condition.as_str().unwrap()]["Fn::Equals"];
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    value(if text(value(&equals[0])) == text(value(&equals[1])) { yes } else { no })
}

/// Cells of the page's tables by the first one.
fn rows(page: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    lines.map(|line| {
        let mut cells = line.split('|').map(str::trim);
        (cells.next().unwrap(), cells.collect())
    })
}

fn first_number(cell: &str) -> Option<u64> {
    cell.split_whitespace().find_map(|word| word.parse().ok())
}

/// The page's first table is what a first deployment comes to, by whatever list of parameters.
fn kept_for(template: &Value) -> Vec<String> {
    let lock = "ObjectLockConfiguration.Rule.DefaultRetention";
    let audit = at(&template["Resources"]["AuditBucket"]["Properties"], lock);
    let key = &template["Resources"]["Key"]["Properties"]["PendingWindowInDays"];
    let logs = of_type(template, "AWS::Logs::LogGroup").into_values().map(|group| &group["RetentionInDays"]);
    let mut facts: Vec<(&str, &Value)> = logs.map(|days| ("logs", days)).collect();
    facts.extend([("audit log's lock", &audit["Days"]), ("the key, once its deletion is asked for", key)]);
    let page = read("docs/environments.md");
    let rows: BTreeMap<&str, Vec<&str>> = rows(&page).collect();
    let mut told = Vec::new();
    for (column, environment) in ["dev", "staging", "prod"].into_iter().enumerate() {
        for (row, days) in &facts {
            let (said, found) = (first_number(rows[row][column]), comes_to(template, environment, days));
            if said.is_none() || found.as_u64() != said {
                told.push(format!("{environment}: {row}: {said:?} is said, {found} is made"));
            }
        }
        let lifted = comes_to(template, environment, &audit["Mode"]) == "GOVERNANCE";
        if rows["audit log's lock"][column].contains("the account may lift it") != lifted {
            told.push(format!("{environment}: who may lift the lock?"));
        }
        let protected = &template["Resources"]["BookTable"]["Properties"]["DeletionProtectionEnabled"];
        let protected = comes_to(template, environment, protected);
        if rows["tables can be deleted"][column].starts_with("no") != (protected == true) {
            told.push(format!("{environment}: can tables be deleted?"));
        }
    }
    told
}

#[test]
fn environments_keep_what_the_page_says() {
    let days = "/Resources/AuditBucket/Properties/ObjectLockConfiguration/Rule/DefaultRetention/Days";
    let plants = [
        ("/Resources/MatchLogs/Properties/RetentionInDays", json!({ "Ref": "LogRetentionDays" })),
        ("/Parameters/AuditRetentionDays/Default", json!(400)),
        (days, json!(400)),
        ("/Conditions/IsDevelopment/Fn::Equals/1", json!("development")),
        ("/Resources/BookTable/Properties/DeletionProtectionEnabled", json!(true)),
    ];
    assert_rule(kept_for, &plants);
}

/// The page's table of parameters is that of the template, with their defaults.
fn parameters_told(template: &Value) -> Vec<String> {
    let page = read("docs/environments.md");
    let section = page.split("\n## ").find(|section| section.starts_with("Parameters\n")).unwrap();
    let said: BTreeSet<(String, String)> = rows(section)
        .filter_map(|(name, cells)| Some((name.strip_prefix('`')?.strip_suffix('`')?.to_owned(), cells[0].to_owned())))
        .collect();
    let default = |parameter: &Value| match &parameter["Default"] {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "(empty)".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let there = template["Parameters"].as_object().unwrap().iter();
    let there: BTreeSet<(String, String)> = there.map(|(name, known)| (name.clone(), default(known))).collect();
    let missing = there.difference(&said).map(|(name, default)| format!("{name}, {default}: not told"));
    missing.chain(said.difference(&there).map(|(name, default)| format!("{name}, {default}: is not there"))).collect()
}

#[test]
fn parameters_are_those_of_the_page() {
    let plants = [
        ("/Parameters/EndpointUrl", Value::Null),
        ("/Parameters/DirectoryUrl", json!({ "Default": "https://directory.example" })),
        ("/Parameters/WarmReadUnits/Default", json!(12_001)),
    ];
    assert_rule(parameters_told, &plants);
    let mut more = template();
    more["Parameters"]["Planted"] = json!({ "Type": "String" });
    assert_eq!(parameters_told(&more), ["Planted, -: not told"]);
}

/// Queues with SQS's own key, as the page names them; it speaks of dead letters as theirs.
fn queues_without_the_key(template: &Value) -> Vec<String> {
    let page = read("docs/environments.md");
    let row = page.lines().find_map(|line| line.strip_prefix("| SQS's own |")).unwrap();
    let said: BTreeSet<&str> = row.split('`').skip(1).step_by(2).collect();
    let queues = of_type(template, "AWS::SQS::Queue").into_values();
    let names = queues.filter(|queue| queue["KmsMasterKeyId"].is_null()).map(|queue| short_name(queue, "QueueName"));
    let there: BTreeSet<&str> = names.filter(|name| !name.ends_with("-dlq")).collect();
    there.symmetric_difference(&said).map(|name| format!("{name}: in one of both only")).collect()
}

#[test]
fn queues_without_the_key_are_those_of_the_page() {
    let plants = [
        ("/Resources/FeedCostaQueue/Properties/KmsMasterKeyId", Value::Null),
        ("/Resources/MatchQueue/Properties/QueueName", json!({ "Fn::Sub": "harmonia-${Environment}-ranges" })),
    ];
    assert_rule(queues_without_the_key, &plants);
}
