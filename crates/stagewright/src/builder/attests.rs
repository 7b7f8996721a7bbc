//! What images carry beside their layers: as their build program asks, unless the options say otherwise.

use std::collections::BTreeMap;

use stagewright_plan::Plan;
use stagewright_plan::plan::{Attests, Provenance, Sbom};

use super::BuildOptions;
use super::fields::fields;
use super::order::Order;

/// The kinds of exports that can carry something.
const CARRIERS: [&str; 2] = ["image", "oci"];
/// The scanner that a daemon takes unless it is told another one.
const DEFAULT_SCANNER: &str = "docker/buildkit-syft-scanner:stable-1";

/// What the daemon is asked for each target, as attributes of its solve.
pub(super) fn attrs(
    plan: &Plan,
    orders: &[Order],
    options: &BuildOptions,
) -> BTreeMap<String, BTreeMap<String, String>> {
    let of = |order: &Order| {
        let carries = order
            .exports
            .iter()
            .any(|export| CARRIERS.contains(&export.exporter.kind.as_str()));
        let stage = plan.target(&order.target).and_then(|target| plan.stage(&target.stage));
        let asked = stage.filter(|_| carries).map(|stage| asked(&stage.runtime.attests));
        let mut attrs = asked.unwrap_or_default();
        attrs.retain(|kind, _| !options.without_attests.contains(kind));
        attrs.extend(options.attests.clone());
        let attrs = attrs.into_iter().map(|(kind, value)| (format!("attest:{kind}"), value));
        (order.target.clone(), attrs.collect())
    };
    orders.iter().map(of).collect()
}

/// The images that scan for an SBOM (BuildKit v0.34 `frontend/attestations/parse.go`).
pub(super) fn scanners(attrs: &BTreeMap<String, BTreeMap<String, String>>) -> Vec<String> {
    let asked = attrs.values().filter_map(|attrs| attrs.get("attest:sbom"));
    let scanner = |text: &String| {
        let fields = fields(text).unwrap_or_default();
        let own = fields.iter().find_map(|field| field.strip_prefix("generator="));
        own.unwrap_or(DEFAULT_SCANNER).to_owned()
    };
    asked.map(scanner).collect()
}

/// The kinds of attestations with their options (BuildKit v0.34 `frontend/attestations/parse.go`).
fn asked(attests: &Attests) -> BTreeMap<String, String> {
    let mut asked = BTreeMap::new();
    if let Some(Sbom { generator }) = &attests.sbom {
        let generator = generator.as_ref().map(|image| format!("generator={image}"));
        asked.insert("sbom".to_owned(), generator.unwrap_or_default());
    }
    if let Some(provenance) = attests.provenance {
        let mode = match provenance {
            Provenance::Min => "mode=min",
            Provenance::Max => "mode=max",
        };
        asked.insert("provenance".to_owned(), mode.to_owned());
    }
    asked
}

#[cfg(test)]
mod tests {
    use buildkit_client::Exporter;
    use stagewright_plan::plan::Role;
    use stagewright_plan::{Build, Scratch, Targets, plan};

    use super::super::order::Export;
    use super::*;

    fn told(kind: &str, options: &BuildOptions) -> String {
        let build = |b: &Build, (): ()| {
            let app = b
                .runtime("app", Scratch)
                .file("/a", "a")
                .sbom_by("scanner:1")
                .provenance(Provenance::Max);
            Targets::new().product(app)
        };
        let plan = plan(build, &[]).unwrap();
        let order = Order {
            target: "app".to_owned(),
            role: Role::Runtime,
            gates: Vec::new(),
            exports: vec![Export { exporter: Exporter::new(kind), sent: None }],
            reports: false,
        };
        let attrs = attrs(&plan, &[order], options).remove("app").unwrap();
        attrs.iter().map(|(key, value)| format!("{key} {value};")).collect()
    }

    #[test]
    fn the_program_asks_and_the_options_win() {
        let none = BuildOptions::new(".");
        let all = "attest:provenance mode=max;attest:sbom generator=scanner:1;";
        assert_eq!(told("image", &none), all);
        assert_eq!(told("oci", &none), all);
        assert_eq!(told("local", &none), "");
        let less = none.clone().without_attest("sbom").attest("provenance", "mode=min");
        assert_eq!(told("image", &less), "attest:provenance mode=min;");
        assert_eq!(told("local", &none.attest("sbom", "")), "attest:sbom ;");
    }
}
