//! The export function on Lambda: wiring only.

use harmonia_runtime::deployed::Wiring;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    Wiring::of_function()?.objects().machines().web()?.secrets().await?.run(harmonia_function_export::handle).await
}
