#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flyos::decoders::control(bytes));
