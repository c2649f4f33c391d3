#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| rctd_fuzz::filter_text::run(data));
