#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let target = mesh_fuzz::target("format").expect("a target of this name");
    (target.run)(input);
});
