//! What a client asks of a frontend: options, and requests other than to build.

use std::collections::BTreeMap;

use buildkit_frontend::Options;
use buildkit_frontend::subrequests::{
    Lint, LintError, LintWarning, Location, Outline, OutlineArg, Request, Target, TargetList,
};
use buildkit_gateway::GatewayResult;
use buildkit_gateway::errdefs::SourceInfo;

/// So much of an input is looked at.
const MOST: usize = 4096;

/// Reads options, `key=value` up to a zero byte each.
///
/// The same options are read to the same end, each problem names a key that was given, and what no frontend knows
/// changes nothing. A build arg that is the daemon's own is never the program's.
pub fn frontend_options(data: &[u8]) {
    let text = String::from_utf8_lossy(&data[..data.len().min(MOST)]);
    let mut options: BTreeMap<String, String> = text
        .split('\0')
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let read = Options::parse(&options);
    match &read {
        Ok(read) => {
            assert!(read.build_args.keys().all(|name| !name.starts_with("BUILDKIT_")));
            assert!(read.multi_platform || read.platforms.len() <= 1);
            for (index, platform) in read.platforms.iter().enumerate() {
                assert!(!read.platforms[..index].contains(platform), "no platform is built twice");
            }
        }
        Err(error) => {
            assert!(!error.problems.is_empty());
            assert!(error.problems.iter().all(|problem| options.contains_key(&problem.key)), "{error}");
        }
    }
    options.insert("x-nobody-knows".to_owned(), text.clone().into_owned());
    assert_eq!(Options::parse(&options), read);
}

/// Answers requests about what has these names and descriptions, in lines; the first is the request's own.
///
/// A request is answered or refused by its name. Every answer is JSON that reads, and keeps every text.
pub fn subrequests(data: &[u8]) {
    let text = String::from_utf8_lossy(&data[..data.len().min(MOST)]);
    let mut lines = text.split('\0');
    let id = lines.next().unwrap_or_default();
    if let Err(error) = Request::parse(id) {
        assert!(error.message().contains(id), "{error}");
    }
    let words: Vec<&str> = lines.collect();
    let source = SourceInfo {
        filename: id.to_owned(),
        data: text.clone().into_owned().into_bytes(),
        ..SourceInfo::default()
    };
    let location =
        |at: usize| Location { source: i32::try_from(at).unwrap_or(i32::MAX), ..Location::default() };
    let pairs: Vec<(&str, &str)> =
        words.chunks(2).map(|pair| (pair[0], *pair.get(1).unwrap_or(&""))).collect();

    let targets = TargetList {
        targets: pairs
            .iter()
            .map(|(name, description)| Target {
                name: (*name).to_owned(),
                description: (*description).to_owned(),
                default: name.len() == 1,
                ..Target::default()
            })
            .collect(),
        sources: vec![source.clone()],
    };
    let answer = json(&targets.to_result());
    for (index, (name, description)) in pairs.iter().enumerate() {
        let target = &answer["targets"][index];
        assert_eq!(target["name"].as_str().unwrap_or_default(), *name);
        assert_eq!(target["description"].as_str().unwrap_or_default(), *description);
    }

    let outline = Outline {
        name: id.to_owned(),
        args: pairs
            .iter()
            .enumerate()
            .map(|(index, (name, value))| OutlineArg {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
                description: id.to_owned(),
                location: Some(location(index)),
            })
            .collect(),
        sources: vec![source.clone()],
        ..Outline::default()
    };
    let answer = json(&outline.to_result());
    for (index, (name, _)) in pairs.iter().enumerate() {
        assert_eq!(answer["args"][index]["name"], *name);
    }

    let lint = Lint {
        warnings: pairs
            .iter()
            .enumerate()
            .map(|(index, (rule, detail))| LintWarning {
                rule: (*rule).to_owned(),
                detail: (*detail).to_owned(),
                location: location(index),
                ..LintWarning::default()
            })
            .collect(),
        error: (!id.is_empty()).then(|| LintError { message: id.to_owned(), location: location(0) }),
        sources: vec![source],
    };
    let result = lint.to_result();
    let is_well = id.is_empty() && pairs.is_empty();
    assert_eq!(result.metadata["result.statuscode"], if is_well { "0" } else { "1" });
    assert_eq!(json(&result)["warnings"].as_array().map_or(0, Vec::len), pairs.len());
}

/// The JSON of an answer; its text for people is there, too.
fn json(result: &GatewayResult) -> serde_json::Value {
    assert!(std::str::from_utf8(&result.metadata["result.txt"]).is_ok());
    serde_json::from_slice(&result.metadata["result.json"]).expect("an answer is JSON")
}
