//! The `harmonia` command.
fn main() {}
