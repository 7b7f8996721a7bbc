//! Seeds of the corpora: inputs that show a fuzzer what there is.

use buildkit_client::fsutil::packet::Packet;
use buildkit_client::fsutil::stat::Stat;
use buildkit_llb::{ExecOp, Graph, ImageSource, Metadata, Platform, ProgressGroup, Range, SourceFile};
use buildkit_proto::{Message, control, fsutil, pb};
use bytes::Bytes;
use prost_types::Timestamp;

/// What the Go client made of many graphs.
const GOLDENS: &str = include_str!("../../crates/buildkit-llb/tests/goldens.json");

/// The seeds of a target, by name.
pub(crate) fn of(target: &str) -> Vec<(String, Vec<u8>)> {
    match target {
        "decode" => decode(),
        "docker_config" => {
            numbered(CONFIGS.iter().map(|(text, hosts)| format!("{text}\0{hosts}").into_bytes()))
        }
        "dockerignore" => {
            numbered(IGNORES.iter().map(|(text, paths)| format!("{text}\0{paths}").into_bytes()))
        }
        "frontend_options" => numbered(OPTIONS.iter().map(|lines| lines.replace('\n', "\0").into_bytes())),
        "stages_yaml" => numbered(STAGES.iter().map(|(text, args)| format!("{text}\0{args}").into_bytes())),
        "subrequests" => numbered(REQUESTS.iter().map(|lines| lines.replace('\n', "\0").into_bytes())),
        "fsutil_send" => numbered(sends()),
        "fsutil_receive" => numbered(receives()),
        "status" => numbered(statuses()),
        _ => panic!("there are no seeds for {target}"),
    }
}

fn numbered(seeds: impl IntoIterator<Item = Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    seeds
        .into_iter()
        .enumerate()
        .map(|(index, seed)| (format!("{index:02}"), seed))
        .collect()
}

/// The definitions of the goldens, and one with all that is said beside the ops.
fn decode() -> Vec<(String, Vec<u8>)> {
    let cases: serde_json::Value = serde_json::from_str(GOLDENS).unwrap();
    let definition = |case: &serde_json::Value| {
        let op = |op: &serde_json::Value| Bytes::from(unhex(op["hex"].as_str().unwrap()));
        let def = case["ops"].as_array().unwrap().iter().map(op).collect();
        let name = case["name"].as_str().unwrap().to_owned();
        (name, pb::Definition { def, ..pb::Definition::default() }.encode_to_vec())
    };
    let cases = cases.as_array().unwrap();
    let mut seeds: Vec<_> = cases.iter().map(definition).filter(|(_, seed)| seed.len() < 4096).collect();
    seeds.push(("empty".to_owned(), Vec::new()));
    seeds.push(("described".to_owned(), described()));
    seeds
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn described() -> Vec<u8> {
    let platform = Platform::new("linux", "arm64");
    let mut graph = Graph::new();
    let image = ImageSource::new("busybox".parse().unwrap(), platform.clone());
    let image = graph.add(image, Metadata::default()).unwrap();
    let metadata = Metadata {
        ignore_cache: true,
        export_cache: Some(false),
        progress_group: Some(ProgressGroup { id: "g".to_owned(), ..ProgressGroup::default() }),
        ..Metadata::named("a name")
    };
    let exec = ExecOp::new(Some(image.root()), ["/bin/sh", "-c", "true"], platform);
    let exec = graph.add(exec, metadata).unwrap();
    let file = graph.add_file(SourceFile {
        filename: "stages.rs".to_owned(),
        language: "Rust".to_owned(),
        data: Bytes::from_static(b"fn main() {}"),
        definition: Some(graph.definition(Some(image.root())).unwrap()),
    });
    graph.locate(exec, file, vec![Range::lines(1, 2)]).unwrap();
    graph.definition(Some(exec.root())).unwrap().encode()
}

/// Configurations, and registries to ask about. `dXNlcjpwYXNz` is `user:pass`.
const CONFIGS: [(&str, &str); 16] = [
    ("", "localhost:5000"),
    ("{}", "localhost:5000"),
    (r#"{"auths":{"localhost:5000":{"auth":"dXNlcjpwYXNz"}}}"#, "localhost:5000\nlocalhost"),
    (
        r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dXNlcjpwYXNz"}}}"#,
        "registry-1.docker.io\ndocker.io\nindex.docker.io",
    ),
    (
        r#"{"auths":{"http://r.example/v2/":{"username":"u","password":"p"},"r.example":null}}"#,
        "r.example\nhttps://r.example",
    ),
    (r#"{"auths":{"r.example":{"identitytoken":"t","auth":"dXNlcjo="}}}"#, "r.example"),
    (r#"{"auths":{"r.example":{"registrytoken":"t"}},"credsStore":"store"}"#, "r.example"),
    (r#"{"credHelpers":{"r.example":"one","other":""},"credsStore":"two"}"#, "r.example\nother\nx"),
    (r#"{"credHelpers":{"r.example":null},"credsStore":null,"auths":null}"#, "r.example"),
    (r#"{"auths":{"r.example":{"auth":"not base64!"}}}"#, "r.example"),
    (r#"{"auths":{"r.example":{"auth":"dXNlcg=="}}}"#, "r.example"),
    (r#"{"auths":{"a\u001b[2J":{"auth":"/w=="}}}"#, "a\u{1b}[2J"),
    (r#"{"auths":[]}"#, "r.example"),
    (r#"{"auths":{"r.example":{"auth":"dXNl"#, "r.example"),
    ("{]", "r.example"),
    ("{} behind", ""),
];

/// Ignore files, and paths to ask about.
const IGNORES: [(&str, &str); 24] = [
    ("# comment\nnode_modules\n*.log\n!keep.log\n", "node_modules/a/b\nx.log\nkeep.log\na/x.log"),
    ("**\n!src\n!Cargo.*\nsrc/**/*.o\n", "src/a.rs\nsrc/a/b.o\nCargo.toml\ntarget/x"),
    ("\u{feff}/a/b\r\n ./c/ \r\n!/a/b/c\r\n", "a/b/c\na/b\nc/d"),
    ("*\n!*/\n", "a\na/b"),
    ("[a-z]*\n![b-d]?\n[^x]y\n[!a]\n", "ab\nbc\nxy\n!"),
    ("a\\*b\n\\!x\n\\#y\n", "a*b\n!x\n#y"),
    ("**/*.{js,ts}\n", "a/b.{js,ts}\na/b.js"),
    ("a**/b**/c\n**/a/**\n**a\n", "ax/by/c\nx/a/y\nxa"),
    ("[[:alpha:]]?\n[\\]a]\n[\\d]x\n", "a5\n]\n7x"),
    ("a?b\n\u{3b1}*\n", "a\u{263a}b\n\u{3b1}\u{3b2}"),
    ("!\n", "a"),
    ("[\n", "a"),
    ("docs\n!docs/README.md\ndocs/README.md/x\n", "docs/README.md\ndocs/a/b"),
    ("*/*/c\n!a/*/c\n", "a/b/c\nx/y/c"),
    ("a|b?\nc{2}?\n(d)+?\n", "a\nbx\nc{2}x\n(d)+y"),
    ("..\n../a\n/\n.\n", "a\nb/c"),
    ("a/../b\n//c//d\n./.\n", "b\nc/d"),
    ("**/\n**/**\n/**\n", "a/b/c\na"),
    ("*a*b*c*d*e*\n", "xaxbxcxdxex\nabcd"),
    ("a/**/b\na/*/b\n", "a/b\na/x/b\na/x/y/b"),
    ("", "a"),
    ("!a\na\n!a\n", "a\na/b"),
    ("a/b/c/d\n!a/b/c\n", "a/b/c/d/e\na/b/c/e"),
    (" \t x y \t\n", "x y\nx"),
];

/// Options, a line each.
const OPTIONS: [&str; 12] = [
    "target=app\nplatform=linux/amd64,linux/arm64/v8\nmulti-platform=true\nfilename=stages.yaml",
    "build-arg:A=1\nbuild-arg:SOURCE_DATE_EPOCH=7\nbuild-arg:BUILDKIT_MULTI_PLATFORM=0\nbuild-arg:HTTP_PROXY=http://p",
    "context=https://example.com/a.git#main:sub\ncontextsubdir=x\ncontextkey=mine\nmine=b\ndockerfilekey=d",
    "context:base=docker-image://debian\ncontext:a::linux/arm64=local:x\nlocal-sessionid:x=s",
    "input-metadata:a={\"containerimage.config\":\"e30=\"}\nrequestid=frontend.lint\ncmdline=a b",
    "no-cache=a,b\nadd-hosts=db=10.0.0.1,six=::1\nulimit=nofile=1:2,core=-1\nshm-size=64\nlabel:a=b",
    "cache-imports=[{\"Type\":\"local\",\"Attrs\":{\"src\":\"x\"}}]\ncache-from=a,b\nimage-resolve-mode=pull",
    "force-network-mode=host\ncgroup-parent=x\nhostname=h\nmemory=5\nmemswap=-1\ncpusetcpus=0-3, 7\ncpuquota=1",
    "attest:sbom=generator=x\nattest:provenance=mode=max,\"a,b\"\nbuild-arg:BUILDKIT_ATTEST_SBOM=",
    "build-arg:BUILDKIT_DOCKERFILE_CHECK=skip=all;error=true\nbuild-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR=1",
    "ulimit=nofile\nadd-hosts=x\nplatform=?\ncpusetmems=3-1\nmulti-platform=false\nshm-size=-1",
    "override-copy-image=x\nbuild-arg:BUILDKIT_DISABLE_FILEOP=1\nattest:other=\"",
];

/// Requests, and names with descriptions.
const REQUESTS: [&str; 6] = [
    "frontend.outline\napp\nWhat ships.\nunit\nTests.",
    "frontend.targets\n\n\na\n\u{6f22}\u{5b57}",
    "frontend.lint\nBuildPlan\nthere is no stage `a`",
    "frontend.subrequests.describe",
    "other\u{1b}[2J\na\tb\nc\r\"d\\",
    "",
];

/// Files, and values for their args.
const STAGES: [(&str, &str); 12] = [
    ("stages:\n  app: { role: runtime, from: \"debian:12\" }\n", ""),
    (
        "args:\n  node: \"18\"\n  debug: { type: bool, default: false }\n  jobs: { type: int }\n\
         stages:\n  app:\n    role: runtime\n    from: node:${node}-slim\n    steps:\n      \
         - env: { DEBUG: \"${debug}\", N: \"${jobs:-1}\" }\n        when: { debug: true }\n",
        "node=20\njobs=4\ndebug=yes",
    ),
    (
        "stages:\n  build:\n    role: builder\n    from: rust:1\n    steps:\n      - workdir: /w\n      - copy: [a, b]\n        \
         to: ./\n        exclude: '*.o'\n      - run: make\n        caches: /c\n        secrets: [t]\n        network: none\n  \
         app:\n    role: runtime\n    from: scratch\n    steps:\n      - copy: /w/app\n        from: build\n        to: /app\n        \
         mode: 0755\n    cmd: [/app]\n    expose: [80, 53/udp]\nsecrets:\n  t:\n",
        "",
    ),
    (
        "x: &x\nx-s: &s { role: tester, from: app, steps: [{ run: [a] }] }\nstages:\n  t: *s\n  u:\n    <<: *s\n    \
         reports: r\n  app: { role: runtime, from: 'a:1', gates: [t, u] }\n",
        "",
    ),
    ("a: &a [*a]\nstages: *a\n", ""),
    (
        "stages:\n  a: { role: base, from: b }\n  b: { role: base, from: a }\n  c: { role: runtime, from: a }\n",
        "",
    ),
    (
        "stages:\n  app:\n    role: runtim\n    from: [x]\n    stepps: 1\n    steps: [{ rnu: x }, { copy: a }]\n",
        "",
    ),
    (
        "stages:\n  app:\n    role: runtime\n    from: { image: x, on: build }\n    healthcheck: { test: [a], interval: 1m30s }\n    \
         labels: { a: b }\n    volumes: /d\n    stop-signal: SIGINT\n    steps:\n      - file: /f\n        text: |\n          \
         ${targetarch:?none} $$ $HOME\n      - mkdir: d\n        owner: 1:2\n      - user: u\n",
        "",
    ),
    ("stages:\n  a:\n    b: !x c\n    \"a\": ~\n--- \n", ""),
    (
        "{stages: {app: {role: dev, from: {image: a}, steps: [{run: a, binds: {source: a, path: /b, from: {context: c}}}]}}}",
        "",
    ),
    (
        "products: [a, b]\ntargets: c\nstages:\n  a: { role: runtime, from: 'x:1' }\n  b: { role: dev, from: a }\n",
        "a=b",
    ),
    ("\u{feff}stages:\r\n  a:\r\n\t x", ""),
];

const DIRECTORY: u8 = 1;
const SYMLINK: u8 = 2;

/// An entry of a script: names by number, a kind, a size by number.
fn entry(action: u8, names: &[u8], mode: u8, size: u8) -> Vec<u8> {
    [&[action, names.len() as u8 - 1], names, &[mode, 0, size]].concat()
}

/// The same with a link to another path.
fn link(action: u8, names: &[u8], mode: u8, target: &[u8]) -> Vec<u8> {
    [&[action, names.len() as u8 - 1], names, &[mode, 2, target.len() as u8 - 1], target, &[0]].concat()
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

fn wire(action: u8, packet: Packet) -> Vec<u8> {
    [vec![action], counted(&fsutil::Packet::from(packet).encode_to_vec())].concat()
}

fn packets(action: u8) -> Vec<Vec<u8>> {
    let stat = Stat { path: b"a".to_vec(), size: 3, mtime: -1, ..Stat::default() };
    let packets = [
        Packet::Stat(Box::new(stat)),
        Packet::EndOfStats,
        Packet::Request(0),
        Packet::Data { id: 0, bytes: Bytes::from_static(b"abc") },
        Packet::Finish,
        Packet::Error("no".to_owned()),
    ];
    packets.into_iter().map(|packet| wire(action, packet)).collect()
}

fn sends() -> Vec<Vec<u8>> {
    let tree = [
        entry(0, &[0], DIRECTORY, 0),
        entry(0, &[0, 0], 0, 3),
        link(0, &[0, 1], SYMLINK, &[6, 6]),
        link(0, &[0, 2], 0, &[0, 0]),
        entry(0, &[1], 0, 1),
        vec![4],
    ]
    .concat();
    let asked = [tree.clone(), vec![5, 1, 5, 4, 9, 9]].concat();
    let answered = [asked.clone(), vec![11, 0, 3, b'a', b'b', b'c', 11, 0, 0, 11, 0, 0, 13, 20]].concat();
    let mut seeds = vec![
        tree.clone(),
        asked.clone(),
        answered.clone(),
        [answered.clone(), vec![14, 13, 9]].concat(),
        [answered, vec![14, 14, 5, 1, 9]].concat(),
        [asked.clone(), vec![14, 11, 0, 1, b'x', 9]].concat(),
        [asked, vec![5, 1]].concat(),
        [tree.clone(), vec![5, 0]].concat(),
        [tree, vec![5, 200]].concat(),
        (0..12)
            .flat_map(|id| [entry(0, &[id % 5], 0, 1), vec![5, id, 9]].concat())
            .collect(),
    ];
    seeds.extend(packets(15).into_iter().map(|packet| [entry(0, &[0], 0, 2), packet].concat()));
    seeds
}

fn receives() -> Vec<Vec<u8>> {
    let begin = |wanted: u8, rest: &[Vec<u8>]| [vec![wanted], rest.concat()].concat();
    let directory = entry(0, &[0], DIRECTORY, 0);
    let file = entry(0, &[0, 1], 0, 3);
    let whole = vec![4, 1, 3, b'a', b'b', b'c', 4, 1, 0, 3, 6, 2];
    let tree = [directory.clone(), file.clone()];
    let mut seeds = vec![
        begin(0, &[tree.to_vec(), vec![whole]].concat()),
        begin(0, &[tree.to_vec(), vec![vec![4, 1, 4, b'a', b'b', b'c', b'd']]].concat()),
        begin(0, &[tree.to_vec(), vec![vec![4, 1, 1, b'a', 4, 1, 0]]].concat()),
        begin(0, &[tree.to_vec(), vec![vec![3, 3]]].concat()),
        begin(0, &[tree.to_vec(), vec![link(0, &[0, 2], 0, &[0, 1])]].concat()),
        begin(
            0,
            &[tree.to_vec(), vec![link(0, &[0, 2], SYMLINK, &[6, 6, 0]), entry(0, &[0, 2, 0], 0, 1)]]
                .concat(),
        ),
        begin(0, &[directory.clone(), link(0, &[1], 0, &[0])]),
        begin(0, &[link(0, &[0], SYMLINK, &[6, 6]), entry(0, &[0, 1], 0, 1)]),
        begin(0, &[entry(0, &[6, 0], 0, 1)]),
        begin(0, &[entry(0, &[8, 0], 0, 1)]),
        begin(0, &[entry(0, &[7], 0, 1)]),
        begin(0, &[entry(0, &[10], 0, 1)]),
        begin(0, &[entry(0, &[1], 0, 0), entry(0, &[0], 0, 0)]),
        begin(0, &[entry(0, &[0], 0, 0), entry(0, &[0], 0, 0)]),
        begin(0, &[entry(0, &[9], 0, 0), vec![4, 0, 0, 3, 6, 2]]),
        begin(0, &[entry(0, &[0], 0, 5)]),
        begin(0, &[entry(0, &[0], 0, 6)]),
        begin(0, &[vec![3, 6, 2, 6, 2]]),
        begin(0, &[vec![6, 0, 0]]),
        begin(0, &[vec![6, 1]]),
        begin(0, &[file]),
    ];
    for mode in 3..12 {
        seeds.push(begin(mode % 4, &[directory.clone(), entry(0, &[0, 0], mode, 0)]));
        seeds.push(begin(3, &[entry(0, &[0], mode, 0), link(0, &[1], mode, &[0])]));
    }
    seeds.extend(packets(7).into_iter().map(|packet| begin(0, &[packet.clone(), packet])));
    seeds
}

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 1 })
}

fn vertex(
    digest: &str,
    name: &'static str,
    started: Option<Timestamp>,
    completed: Option<Timestamp>,
) -> control::Vertex {
    control::Vertex {
        digest: digest.into(),
        name: name.into(),
        started,
        completed,
        ..control::Vertex::default()
    }
}

fn log(digest: &str, text: &'static [u8]) -> control::VertexLog {
    control::VertexLog { vertex: digest.into(), timestamp: at(3), stream: 1, msg: Bytes::from_static(text) }
}

/// Messages, each in several displays.
fn statuses() -> Vec<Vec<u8>> {
    let message = |vertexes: Vec<control::Vertex>, logs: Vec<control::VertexLog>| control::StatusResponse {
        vertexes,
        logs,
        ..control::StatusResponse::default()
    };
    let build = || vertex("sha256:aa", "[build 1/2] RUN make", at(1), None);
    let group = |weak| Some(pb::ProgressGroup { id: "g".into(), name: "install".into(), weak });
    let failed = control::Vertex {
        error: "exit code: 1\n\x1b[2Jmore".into(),
        ..vertex("sha256:aa", "RUN", at(1), at(2))
    };
    let item = control::VertexStatus {
        id: "extracting\x1b[A".into(),
        vertex: "sha256:aa".into(),
        current: 5,
        total: 10,
        timestamp: at(2),
        started: at(1),
        ..control::VertexStatus::default()
    };
    let warning = control::VertexWarning {
        vertex: "sha256:aa".into(),
        level: 1,
        short: Bytes::from_static(b"slow\x1b]0;x\x07 disk"),
        detail: vec![Bytes::from_static(b"a\nb\xff")],
        url: "https://docs.example/\x1b[2J".into(),
        info: Some(pb::SourceInfo { filename: "stages.rs\n".into(), ..pb::SourceInfo::default() }),
        ranges: vec![pb::Range { start: Some(pb::Position { line: 3, character: 0 }), end: None }],
    };
    let messages: Vec<control::StatusResponse> = vec![
        message(vec![build()], vec![log("sha256:aa", b"one\ntwo\r\nthr")]),
        message(vec![vertex("sha256:aa", "[build 1/2] RUN make", at(1), at(5))], vec![]),
        message(vec![failed], vec![]),
        message(vec![build(), build(), vertex("", "", None, None)], vec![log("unknown", b"lost?\n")]),
        message(vec![vertex("sha256:bb", "RUN", at(9), at(-5))], vec![]),
        message(vec![vertex("sha256:bb", "RUN", at(i64::MAX), at(i64::MIN))], vec![]),
        message(
            vec![],
            vec![log("sha256:aa", b"\x1b[31mred\x1b[0m \x1b[2J\x1b[H\x1b]0;t\x07\xff\xfe\xe2\x82\n")],
        ),
        message(vec![], vec![log("sha256:aa", b" 10%\r 20%\r 30%")]),
        message(vec![vertex("sha256:cc", "exporting to image", at(1), None)], vec![]),
        message(vec![control::Vertex { progress_group: group(true), ..build() }], vec![]),
        message(vec![control::Vertex { progress_group: group(false), ..build() }], vec![]),
        message(
            vec![control::Vertex {
                cached: true,
                ..vertex("sha256:dd", "FROM \u{6f22}\u{5b57}", at(1), at(1))
            }],
            vec![],
        ),
        control::StatusResponse { statuses: vec![item], ..control::StatusResponse::default() },
        control::StatusResponse { warnings: vec![warning], ..control::StatusResponse::default() },
    ];
    let update = |message: &control::StatusResponse| {
        let bytes = message.encode_to_vec();
        let length = u16::try_from(bytes.len()).unwrap().to_le_bytes();
        [&[0x83, 0][..], &length, &[0], &bytes].concat()
    };
    let all: Vec<u8> = messages.iter().flat_map(update).collect();
    let displays: [&[u8]; 6] = [&[0], &[0x80], &[2, 60, 20], &[0x82, 11, 5], &[0x82, 0, 0], &[3]];
    let mut seeds: Vec<Vec<u8>> = displays
        .iter()
        .map(|display| [display, &all[..], &[0xc0, 0, 2, 0, 4, b'n', 27, b'[', b'J', 1, 0]].concat())
        .collect();
    seeds.extend(
        messages
            .iter()
            .map(|message| [&[0x82, 40, 10], &update(&messages[0])[..], &update(message)].concat()),
    );
    seeds.extend(messages.iter().map(|message| [&[0x80], &update(message)[..]].concat()));
    seeds
}
