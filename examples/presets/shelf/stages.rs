//! The shelf, a service of Acme's in Node: its own part is one more test.

use acme_presets::NodeService;
use stagewright::prelude::*;

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, (): ()) -> Targets {
    let shelf = NodeService { name: "shelf", version: "1.2.0", port: 8080 }.stages(b);
    // Only this service has a contract with others.
    let contract = shelf
        .sources
        .tester("contract")
        .copy(b.context().dir("contract"), "contract/")
        .run("node --test contract/");
    Targets::new()
        .product(shelf.image.gated_by(&contract))
        .target(shelf.dev)
        .target(shelf.unit)
        .target(contract)
}
