//! The repository that a newcomer copies.

use mesh_compiler::{Options, check_programs, compile};

#[test]
fn it_compiles_without_a_word_and_every_workload_can_be_served() {
    let compiled = compile(&["../policies/bookinfo".into()], &Options::default());
    assert_eq!(compiled.findings, []);
    let bundle = compiled.bundle.unwrap();
    assert_eq!(bundle.inventory.len(), 8);
    check_programs(&bundle).unwrap();
}
