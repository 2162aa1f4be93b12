#![no_main]

#[path = "../../crates/mirror-core/tests/sync/answers.rs"]
mod answers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| answers::resume(data));
