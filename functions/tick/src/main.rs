//! The tick function on Lambda: wiring only.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    harmonia_runtime::deployed::run(harmonia_function_tick::handle).await
}
