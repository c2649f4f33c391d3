#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| rctd_fuzz::password_file::run(data));
