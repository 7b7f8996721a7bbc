#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stagewright_fuzz::stages_yaml(data));
