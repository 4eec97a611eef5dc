#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let target = mesh_fuzz::target("project").expect("a target of this name");
    (target.run)(input);
});
