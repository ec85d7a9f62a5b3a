//! The audit function on Lambda: wiring only.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    harmonia_runtime::deployed::run_audit(harmonia_function_audit::handle).await
}
