//! Tests that need more than one crate; see the modules in `it/`.
