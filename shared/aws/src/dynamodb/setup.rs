//! Makes the tables, for local use and for tests. In the account the template makes them.

use super::{
    TableNames, error,
    item::{PK, SK, WK, WS, invalid},
};
use aws_sdk_dynamodb::{
    Client,
    error::BuildError,
    operation::create_table::{CreateTableError, builders::CreateTableFluentBuilder},
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus,
    },
};
use harmonia_ports::{StoreError, Table};
use std::time::Duration;

/// The sparse index.
pub(super) const WORK_INDEX: &str = "work";
/// A new table is looked at so often,
const LOOKS: u32 = 300;
/// with this pause between: half a minute in all. An embedded DynamoDB is ready at the first look.
const PAUSE: Duration = Duration::from_millis(100);

/// Makes the tables that are not there, with their streams, and waits until they can be used.
pub async fn create_tables(client: &Client, names: &TableNames) -> Result<(), StoreError> {
    for table in Table::ALL {
        let call = creation(client, names, table).map_err(|e| invalid(e.to_string()))?;
        match call.send().await {
            Ok(_) => {}
            Err(e) if matches!(e.as_service_error(), Some(CreateTableError::ResourceInUseException(_))) => {}
            Err(e) => return Err(error::store(&e)),
        }
        wait_until_active(client, names.of(table)).await?;
    }
    Ok(())
}

fn creation(client: &Client, names: &TableNames, table: Table) -> Result<CreateTableFluentBuilder, BuildError> {
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewAndOldImages)
        .build()?;
    let call = client
        .create_table()
        .stream_specification(stream)
        .table_name(names.of(table))
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(string(PK)?)
        .attribute_definitions(string(SK)?)
        .set_key_schema(Some(keys(PK, SK)?));
    if table == Table::Registry {
        return Ok(call);
    }
    let index = GlobalSecondaryIndex::builder()
        .index_name(WORK_INDEX)
        .set_key_schema(Some(keys(WK, WS)?))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build());
    Ok(call
        .attribute_definitions(string(WK)?)
        .attribute_definitions(string(WS)?)
        .global_secondary_indexes(index.build()?))
}

fn string(name: &str) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
}

fn keys(partition: &str, sort: &str) -> Result<Vec<KeySchemaElement>, BuildError> {
    let element = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    Ok(vec![element(partition, KeyType::Hash)?, element(sort, KeyType::Range)?])
}

async fn wait_until_active(client: &Client, name: &str) -> Result<(), StoreError> {
    for _ in 0..LOOKS {
        let answer = client.describe_table().table_name(name).send().await.map_err(|e| error::store(&e))?;
        if answer.table().and_then(|table| table.table_status()) == Some(&TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(StoreError::Unknown { why: format!("table {name} is not ready") })
}
