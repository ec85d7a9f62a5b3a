#![no_main]
#![allow(missing_docs, reason = "see the function it calls")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| harmonia_fuzz::json(data));
