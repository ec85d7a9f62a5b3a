//! Reads. The service ends a page at 1 MB; callers see only the pages they asked for.

use super::{
    DynamoTables, error,
    expression::Expression,
    item::{Attributes, WK, WS, check_work, decode, decode_key, decode_work, invalid, key_of, text},
    setup::WORK_INDEX,
};
use aws_sdk_dynamodb::{
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, ReturnConsumedCapacity},
};
use harmonia_ports::{Item, Key, Page, Query, Read, StoreError, Table, Work, WorkPage};

fn is_consistent(read: Read) -> bool {
    match read {
        Read::Consistent => true,
        Read::Eventual => false,
    }
}

/// One item more than asked for tells whether there are more, so that no page is empty but the only one.
fn one_more(limit: usize) -> usize {
    limit.saturating_add(1)
}

/// A range that the service accepts: it refuses bounds that are empty, or the wrong way round, or that leave out the
/// key after which to continue.
struct Range {
    condition: &'static str,
    from: Option<AttributeValue>,
    to: AttributeValue,
    start: Option<Attributes>,
}

impl Range {
    /// `None` if nothing can be in it.
    fn of(query: &Query) -> Option<Self> {
        let after = query.after.as_deref().filter(|after| *after >= query.from.as_str());
        let passed = after.is_some_and(|after| after >= query.to.as_str());
        if query.limit == 0 || query.to.is_empty() || query.from > query.to || passed {
            return None;
        }
        let from = (!query.from.is_empty()).then(|| text(&query.from));
        let condition = if from.is_some() { "pk = :pk AND sk BETWEEN :from AND :to" } else { "pk = :pk AND sk <= :to" };
        let start = after.filter(|sk| !sk.is_empty()).map(|sk| key_of(&Key::new(&query.pk, sk)));
        Some(Self { condition, from, to: text(&query.to), start })
    }
}

impl DynamoTables {
    pub(super) async fn get_item(&self, table: Table, key: &Key, read: Read) -> Result<Option<Item>, StoreError> {
        let call = self
            .client
            .get_item()
            .table_name(self.names.of(table))
            .set_key(Some(key_of(key)))
            .consistent_read(is_consistent(read))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = call.send().await.map_err(|e| error::store(&e))?;
        self.count_reads(answer.consumed_capacity());
        answer.item.map(decode).transpose()
    }

    pub(super) async fn query_range(&self, query: &Query) -> Result<Page, StoreError> {
        let Some(range) = Range::of(query) else { return Ok(Page { items: Vec::new(), next: None }) };
        let call = self
            .client
            .query()
            .table_name(self.names.of(query.table))
            .key_condition_expression(range.condition)
            .expression_attribute_values(":pk", text(&query.pk))
            .expression_attribute_values(":to", range.to)
            .consistent_read(is_consistent(query.read));
        let call = match range.from {
            Some(from) => call.expression_attribute_values(":from", from),
            None => call,
        };
        let mut filter = Expression::default();
        let only = query.only.as_ref().map(|only| filter.one_of(only)).transpose()?;
        let (names, values) = filter.placeholders();
        let call = call.set_filter_expression(only).set_expression_attribute_names(names);
        let filled = |call: QueryFluentBuilder, (name, value)| call.expression_attribute_values(name, value);
        let call = values.into_iter().flatten().fold(call, filled);
        let found = self.pages(call, range.start, one_more(query.limit)).await?;
        let more = found.len() > query.limit;
        let items = found.into_iter().take(query.limit).map(decode).collect::<Result<Vec<Item>, StoreError>>()?;
        let next = if more { items.last().map(|item| item.key.sk.clone()) } else { None };
        Ok(Page { items, next })
    }

    pub(super) async fn query_work(
        &self,
        table: Table,
        wk: &str,
        to: &str,
        limit: usize,
    ) -> Result<WorkPage, StoreError> {
        let asked = Work { wk: wk.to_owned(), ws: to.to_owned() };
        check_work(table, Some(&asked))?;
        if limit == 0 || to.is_empty() || wk.is_empty() {
            return Ok(WorkPage { entries: Vec::new(), more: false });
        }
        let call = self
            .client
            .query()
            .table_name(self.names.of(table))
            .index_name(WORK_INDEX)
            .key_condition_expression(format!("{WK} = :wk AND {WS} <= :to"))
            .expression_attribute_values(":wk", text(wk))
            .expression_attribute_values(":to", text(to));
        let found = self.pages(call, None, one_more(limit)).await?;
        let more = found.len() > limit;
        let entries = found.into_iter().take(limit).map(|mut all| {
            let work = decode_work(&mut all).ok_or_else(|| invalid("an index entry without its keys"))?;
            Ok((work, decode_key(&mut all)?))
        });
        Ok(WorkPage { entries: entries.collect::<Result<_, StoreError>>()?, more })
    }

    /// Asks page by page until there are `wanted` items or no more.
    async fn pages(
        &self,
        call: QueryFluentBuilder,
        mut start: Option<Attributes>,
        wanted: usize,
    ) -> Result<Vec<Attributes>, StoreError> {
        let mut found: Vec<Attributes> = Vec::new();
        loop {
            let rest = wanted.saturating_sub(found.len());
            let page = call
                .clone()
                .limit(i32::try_from(rest).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.take())
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer = page.send().await.map_err(|e| error::store(&e))?;
            self.count_reads(answer.consumed_capacity());
            found.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() || found.len() >= wanted {
                return Ok(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(from: &str, to: &str, after: Option<&str>, limit: usize) -> Query {
        let after = after.map(str::to_owned);
        Query { from: from.into(), to: to.into(), after, limit, ..Query::prefix(Table::Book, "p", "") }
    }

    #[test]
    fn ranges_that_hold_nothing_are_not_asked_for() {
        for (from, to, after, limit) in [
            ("b", "a", None, 9),
            ("a", "b", None, 0),
            ("", "", None, 9),
            ("a", "c", Some("c"), 9),
            ("a", "c", Some("d"), 9),
        ] {
            assert!(Range::of(&query(from, to, after, limit)).is_none(), "{from} {to} {after:?} {limit}");
        }
    }

    #[test]
    fn ranges_are_put_as_the_service_accepts_them() {
        let both = "pk = :pk AND sk BETWEEN :from AND :to";
        let upper = "pk = :pk AND sk <= :to";
        for (from, after, condition, start) in [
            ("a", None, both, None),
            ("a", Some("b"), both, Some("b")),
            ("b", Some("a"), both, None),
            ("", None, upper, None),
            ("", Some("b"), upper, Some("b")),
            ("", Some(""), upper, None),
        ] {
            let range = Range::of(&query(from, "z", after, 9)).unwrap();
            assert_eq!(range.condition, condition, "{from} {after:?}");
            let start = start.map(|sk| key_of(&Key::new("p", sk)));
            assert_eq!(range.start, start, "{from} {after:?}");
        }
    }
}
