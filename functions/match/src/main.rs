//! The match function on Lambda: wiring only.

use harmonia_runtime::deployed::Wiring;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    Wiring::of_function()?.machines().run(harmonia_function_match::handle).await
}
