use super::*;

/// Design §4: "a range cannot fail because of its data". The hook is left as it is: what it prints is the caller's.
#[test]
fn a_parser_that_errs_rejects_its_line_only() {
    let none: Vec<u8> = Vec::new();
    let reject = guarded(|| none[3]).unwrap_err();
    let expected = Reject { field: "line".into(), reason: RejectReason::Internal, class: ValueClass::Structure };
    assert_eq!(reject, expected);
    assert_eq!(guarded(|| 1), Ok(1));
}

/// A wiring mistake is told before anything is read.
#[test]
fn a_range_is_read_from_its_own_text() {
    let range = PlannedRange { number: 4, from: 10, to: 13, first_line: 2, ..PlannedRange::default() };
    let format = FileFormat::Tgx2(PaymentFeed::MastercardSettled);
    let error = read_range(format, None, &range, "DD").map(|_| ()).unwrap_err();
    assert_eq!(error, Unreadable::NotTheRange { number: 4, bytes: 2, planned: 3 });
    let records: Vec<Numbered> = read_range(format, None, &range, "D\nD").unwrap().collect();
    assert_eq!(records.iter().map(|numbered| (numbered.line, numbered.offset)).collect::<Vec<_>>(), [(2, 10), (3, 12)]);
}

/// Rejects name the column, or the line where there is none.
#[test]
fn records_without_an_end() {
    let columns = ["a", "b"];
    for (endless, field, reason) in [
        (Endless::Quote { fields: 1 }, "b", RejectReason::BadQuoting),
        (Endless::Line { fields: 0 }, "a", RejectReason::TooLong),
        (Endless::Line { fields: 2 }, "line", RejectReason::TooLong),
    ] {
        let reject = endless.reject(|at| columns.get(at).copied());
        assert_eq!((reject.field.as_str(), reject.reason), (field, reason));
    }
}
