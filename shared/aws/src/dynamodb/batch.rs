//! Writes without conditions.

use super::{
    DynamoTables, error,
    item::{encode, invalid, key_of},
};
use aws_sdk_dynamodb::types::{PutRequest, ReturnConsumedCapacity, WriteRequest};
use futures::{StreamExt, stream};
use harmonia_ports::{Item, Key, StoreError, Table};
use std::{collections::BTreeMap, time::Duration};

/// DynamoDB's limit.
const BATCH: usize = 25;
/// Batches under way at once: 200 items, far below what a partition takes in a second.
const BATCHES_AT_ONCE: usize = 8;
/// How often one batch is offered. The SDK does not repeat what the service left over.
const ROUNDS: u32 = 7;
/// The first pause; each next one is twice as long. All pauses together take 3.15 seconds.
const PAUSE: Duration = Duration::from_millis(50);

const EVERY_ITEM_IS_NEW: u64 = 1;

impl DynamoTables {
    pub(super) async fn put_batches(&self, table: Table, items: Vec<Item>) -> Result<(), StoreError> {
        // the service refuses a key twice in one batch; as one after the other, the last one stays
        let items: BTreeMap<Key, Item> = items.into_iter().map(|item| (item.key.clone(), item)).collect();
        let requests = items.values().map(|item| {
            let put = PutRequest::builder().set_item(Some(encode(table, item, EVERY_ITEM_IS_NEW)?)).build();
            Ok(WriteRequest::builder().put_request(put.map_err(|e| invalid(e.to_string()))?).build())
        });
        let requests = requests.collect::<Result<Vec<WriteRequest>, StoreError>>()?;
        let batches: Vec<Vec<WriteRequest>> = requests.chunks(BATCH).map(<[WriteRequest]>::to_vec).collect();
        let several = batches.len() > 1;
        let answers: Vec<Result<(), StoreError>> = stream::iter(batches)
            .map(|batch| self.put_batch(table, batch))
            .buffer_unordered(BATCHES_AT_ONCE)
            .collect()
            .await;
        match answers.into_iter().find_map(Result::err) {
            None => Ok(()),
            // throttled means not applied, which is not so if other batches were
            Some(StoreError::Throttled) if several => Err(StoreError::Unknown { why: "a batch was throttled".into() }),
            Some(error) => Err(error),
        }
    }

    async fn put_batch(&self, table: Table, mut batch: Vec<WriteRequest>) -> Result<(), StoreError> {
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(PAUSE * 2_u32.pow(round - 1)).await;
            }
            let call = self
                .client
                .batch_write_item()
                .request_items(self.names.of(table), batch)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer = call.send().await.map_err(|e| error::store(&e))?;
            self.count_writes(answer.consumed_capacity());
            batch = answer.unprocessed_items.unwrap_or_default().into_values().flatten().collect();
            if batch.is_empty() {
                return Ok(());
            }
        }
        Err(StoreError::Unknown { why: format!("{} items were left over after {ROUNDS} rounds", batch.len()) })
    }

    pub(super) async fn delete_item(&self, table: Table, key: &Key) -> Result<(), StoreError> {
        let call = self
            .client
            .delete_item()
            .table_name(self.names.of(table))
            .set_key(Some(key_of(key)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = call.send().await.map_err(|e| error::store(&e))?;
        self.count_writes(answer.consumed_capacity());
        Ok(())
    }
}
