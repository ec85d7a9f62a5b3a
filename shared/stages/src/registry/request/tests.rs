use super::*;

fn told(invalid: &Invalid) -> Vec<String> {
    invalid.0.iter().map(ToString::to_string).collect()
}

/// Spec import §10.1: every rule, every fault by its index and field, nothing taken if one is wrong.
#[test]
fn onboarding_requests_are_checked_whole() {
    let good = r#"{"identifiers": [{"identifier": "40417722", "identifier_type": "PRIMARY", "loyalty_plan":
        "tgi-fridays", "payment_scheme": "visa", "location_id": " ", "merchant_internal_id": null}]}"#;
    let read = read_onboard(good).unwrap();
    assert_eq!(
        (read.len(), read[0].location_id.as_deref(), read[0].merchant_internal_id.as_deref()),
        (1, Some(" "), None)
    );
    assert_eq!(read_onboard(r#"{"identifiers": []}"#).unwrap(), []);
    let long = "x".repeat(51);
    let bad = format!(
        r#"{{"identifiers": [
        {{"identifier": "", "identifier_type": "primary", "loyalty_plan": "TGI", "payment_scheme": "paypal"}},
        {{"identifier": "{long}", "location_id": 7, "merchant_internal_id": "", "colour": 1}}, 5], "more": 1}}"#
    );
    let expected = [
        "request.more is no field of this request",
        "identifiers[0].identifier is empty",
        "identifiers[0].identifier_type is not PRIMARY, SECONDARY or PSIMI",
        "identifiers[0].loyalty_plan is not a slug: lower-case letters and digits in groups joined by single hyphens",
        "identifiers[0].payment_scheme is not one of our payment schemes: visa, mastercard, amex",
        "identifiers[1].colour is no field of this request",
        "identifiers[1].identifier is longer than 50 characters",
        "identifiers[1].identifier_type is missing",
        "identifiers[1].loyalty_plan is missing",
        "identifiers[1].payment_scheme is missing",
        "identifiers[1].location_id is not a text",
        "identifiers[1].merchant_internal_id is empty",
        "identifiers[2] is not an object",
    ];
    assert_eq!(told(&read_onboard(&bad).unwrap_err()), expected);
    for (bad, problem) in [
        ("", "request is not JSON"),
        ("[]", "request is not an object"),
        ("{}", "request.identifiers is missing"),
        (r#"{"identifiers": {}}"#, "request.identifiers is not a list"),
    ] {
        assert!(told(&read_onboard(bad).unwrap_err())[0].starts_with(problem), "{bad}");
    }
}

/// Spec import §10.2: null and absent leave a value, an empty text is an error, the path's type is in any case.
#[test]
fn patches_name_what_changes() {
    let some = |text: &str| Some(text.to_owned());
    let patch = read_patch(r#"{"location_id": "L2", "merchant_internal_id": null}"#).unwrap();
    assert_eq!(patch, Patch { location_id: some("L2"), merchant_internal_id: None });
    assert_eq!(read_patch("{}").unwrap(), Patch::default());
    assert_eq!(told(&read_patch(r#"{"location_id": ""}"#).unwrap_err()), ["request.location_id is empty"]);
    assert!(read_patch(r#"{"loyalty_plan": "other"}"#).is_err());
    assert_eq!(read_triple("visa", "psimi", "0").unwrap().kind, IdentifierType::Psimi);
    assert_eq!(read_triple("cash", "third", "").unwrap_err().0.len(), 3);
}

/// Spec import §10.3, and that a location is one merchant's.
#[test]
fn offboarding_needs_the_merchant_of_a_location() {
    let both = r#"{"identifiers": [{"identifier": "1", "payment_scheme": "amex", "identifier_type": "PSIMI"}],
        "locations": ["L1", "L2"], "loyalty_plan": "itsu"}"#;
    let read = read_offboard(both).unwrap();
    assert_eq!((read.identifiers.len(), read.locations.len(), read.locations[1].0.as_str()), (1, 2, "itsu"));
    assert_eq!(read_offboard(r#"{"identifiers": [], "locations": []}"#).unwrap(), Offboard::default());
    assert_eq!(
        told(&read_offboard(r#"{"locations": ["L1", ""]}"#).unwrap_err()),
        [
            "request.identifiers is missing",
            "request.loyalty_plan is needed with locations: a location is one merchant's",
            "locations[1] is empty"
        ]
    );
}
