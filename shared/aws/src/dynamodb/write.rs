//! Conditional writes, one or many.

use super::{
    DynamoTables, error,
    expression::Expression,
    item::{encode, invalid, key_of},
};
use aws_sdk_dynamodb::{
    error::BuildError,
    types::{
        ConditionCheck, Delete, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
        Update,
    },
};
use harmonia_ports::{Expect, Found, Item, Key, Stamp, StoreError, Table, Write, WriteError};
use serde_json::{Map, Value};

/// DynamoDB's limit.
const WRITES_MAX: usize = 100;
/// How often a put without a version may guess the version it replaces. The second guess comes from the refusal and is
/// right unless somebody writes the same item at that moment; four such moments in a row are left to the caller.
const GUESSES: usize = 5;

const TOTAL: ReturnConsumedCapacity = ReturnConsumedCapacity::Total;
const ALL_OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

/// Which version a put replaces, as far as the caller knows (0: none). Other writes do not need it.
fn guess(write: &Write) -> u64 {
    match write {
        Write::Put { item, .. } => item.version,
        Write::Patch { .. } | Write::Delete { .. } | Write::Check { .. } => 0,
    }
}

/// A condition failed although the caller's own expectation holds: only the guessed version was wrong.
fn only_guessed_wrong(write: Option<&Write>, found: Option<&Item>) -> bool {
    match (write, found) {
        (Some(Write::Put { expect: Expect::Any, .. }), _) => true,
        (Some(Write::Put { expect: Expect::Fields(fields), .. }), Some(item)) => {
            fields.iter().all(|(name, value)| item.body.get(name).unwrap_or(&Value::Null) == value)
        }
        _ => false,
    }
}

/// Takes the versions found as the next guesses, or returns the conditions that do not hold.
fn learn(writes: &[Write], guesses: &mut [u64], found: Vec<Found>) -> Result<(), WriteError> {
    let (again, failed): (Vec<Found>, Vec<Found>) =
        found.into_iter().partition(|f| only_guessed_wrong(writes.get(f.index), f.item.as_ref()));
    if !failed.is_empty() {
        return Err(WriteError::Condition(failed));
    }
    for Found { index, item } in again {
        if let Some(guess) = guesses.get_mut(index) {
            *guess = item.map_or(0, |item| item.version);
        }
    }
    Ok(())
}

fn incomplete(error: &BuildError) -> StoreError {
    invalid(error.to_string())
}

impl DynamoTables {
    /// Applies all or nothing.
    ///
    /// DynamoDB cannot replace a whole item and count its version up in one write, so a put with [`Expect::Any`] or
    /// [`Expect::Fields`] guesses the version it replaces, at first by `item.version`. A wrong guess is refused and
    /// tells the right one; it costs a write.
    pub(super) async fn apply(&self, writes: &[Write]) -> Result<(), WriteError> {
        if writes.len() > WRITES_MAX {
            return Err(invalid(format!("{} writes in one transaction", writes.len())).into());
        }
        let mut guesses: Vec<u64> = writes.iter().map(guess).collect();
        for _ in 0..GUESSES {
            match self.attempt(writes, &guesses).await {
                Err(WriteError::Condition(found)) => learn(writes, &mut guesses, found)?,
                other => return other,
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// A single write is no transaction: that would cost twice as much.
    async fn attempt(&self, writes: &[Write], guesses: &[u64]) -> Result<(), WriteError> {
        match (writes, guesses) {
            ([], _) => Ok(()),
            ([Write::Put { table, item, expect }], [there]) => {
                self.put_one(self.put(*table, item, expect, *there)?).await
            }
            ([Write::Patch { table, key, set, stamp, expect }], _) => {
                self.patch_one(self.patch(*table, key, set, stamp, expect)?).await
            }
            ([Write::Delete { table, key, expect }], _) => self.delete_one(self.delete_if(*table, key, expect)?).await,
            _ => self.transact_all(writes, guesses).await,
        }
    }

    fn put(&self, table: Table, item: &Item, expect: &Expect, there: u64) -> Result<Put, StoreError> {
        let version = match expect {
            Expect::Absent => 1,
            Expect::Version(version) => version.saturating_add(1),
            Expect::Any | Expect::Fields(_) => there.saturating_add(1),
        };
        let mut expression = Expression::default();
        let condition = expression.put_if(expect, there)?;
        let (names, values) = expression.placeholders();
        Put::builder()
            .table_name(self.names.of(table))
            .set_item(Some(encode(table, item, version)?))
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ALL_OLD)
            .build()
            .map_err(|e| incomplete(&e))
    }

    fn patch(
        &self,
        table: Table,
        key: &Key,
        set: &Map<String, Value>,
        stamp: &Stamp,
        expect: &Expect,
    ) -> Result<Update, StoreError> {
        let mut expression = Expression::default();
        let condition = expression.patch_if(expect)?;
        let update = expression.patch(set, stamp)?;
        let (names, values) = expression.placeholders();
        Update::builder()
            .table_name(self.names.of(table))
            .set_key(Some(key_of(key)))
            .condition_expression(condition)
            .update_expression(update)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ALL_OLD)
            .build()
            .map_err(|e| incomplete(&e))
    }

    fn check(&self, table: Table, key: &Key, expect: &Expect) -> Result<ConditionCheck, StoreError> {
        let mut expression = Expression::default();
        let condition = expression.check_if(expect)?;
        let (names, values) = expression.placeholders();
        ConditionCheck::builder()
            .table_name(self.names.of(table))
            .set_key(Some(key_of(key)))
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ALL_OLD)
            .build()
            .map_err(|e| incomplete(&e))
    }

    fn delete_if(&self, table: Table, key: &Key, expect: &Expect) -> Result<Delete, StoreError> {
        let mut expression = Expression::default();
        let condition = expression.check_if(expect)?;
        let (names, values) = expression.placeholders();
        Delete::builder()
            .table_name(self.names.of(table))
            .set_key(Some(key_of(key)))
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ALL_OLD)
            .build()
            .map_err(|e| incomplete(&e))
    }

    fn action(&self, write: &Write, there: u64) -> Result<TransactWriteItem, StoreError> {
        let action = TransactWriteItem::builder();
        Ok(match write {
            Write::Put { table, item, expect } => action.put(self.put(*table, item, expect, there)?),
            Write::Patch { table, key, set, stamp, expect } => {
                action.update(self.patch(*table, key, set, stamp, expect)?)
            }
            Write::Delete { table, key, expect } => action.delete(self.delete_if(*table, key, expect)?),
            Write::Check { table, key, expect } => action.condition_check(self.check(*table, key, expect)?),
        }
        .build())
    }

    async fn put_one(&self, put: Put) -> Result<(), WriteError> {
        let call = self
            .client
            .put_item()
            .table_name(put.table_name)
            .set_item(Some(put.item))
            .set_condition_expression(put.condition_expression)
            .set_expression_attribute_names(put.expression_attribute_names)
            .set_expression_attribute_values(put.expression_attribute_values)
            .return_values_on_condition_check_failure(ALL_OLD)
            .return_consumed_capacity(TOTAL);
        let answer = call.send().await.map_err(|e| error::put(&e))?;
        self.count_writes(answer.consumed_capacity());
        Ok(())
    }

    async fn patch_one(&self, update: Update) -> Result<(), WriteError> {
        let call = self
            .client
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values)
            .return_values_on_condition_check_failure(ALL_OLD)
            .return_consumed_capacity(TOTAL);
        let answer = call.send().await.map_err(|e| error::update(&e))?;
        self.count_writes(answer.consumed_capacity());
        Ok(())
    }

    async fn delete_one(&self, delete: Delete) -> Result<(), WriteError> {
        let call = self
            .client
            .delete_item()
            .table_name(delete.table_name)
            .set_key(Some(delete.key))
            .set_condition_expression(delete.condition_expression)
            .set_expression_attribute_names(delete.expression_attribute_names)
            .set_expression_attribute_values(delete.expression_attribute_values)
            .return_values_on_condition_check_failure(ALL_OLD)
            .return_consumed_capacity(TOTAL);
        let answer = call.send().await.map_err(|e| error::delete(&e))?;
        self.count_writes(answer.consumed_capacity());
        Ok(())
    }

    async fn transact_all(&self, writes: &[Write], guesses: &[u64]) -> Result<(), WriteError> {
        let actions = writes.iter().zip(guesses).map(|(write, there)| self.action(write, *there));
        let actions = actions.collect::<Result<Vec<_>, StoreError>>()?;
        let call = self.client.transact_write_items().set_transact_items(Some(actions)).return_consumed_capacity(TOTAL);
        let answer = call.send().await.map_err(|e| error::transaction(&e))?;
        self.count_writes(answer.consumed_capacity());
        Ok(())
    }
}
