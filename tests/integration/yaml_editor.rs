//! What an editor shows of a `stages.yaml`: the YAML language server that editors run, with the committed schema.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use stagewright_tests::{Environment, Messages};

/// How long the server may be silent while something is expected of it.
const SILENCE: Duration = Duration::from_secs(120);

/// Where a cursor stands in a text.
const CURSOR: char = '‸';

const STEPS: &str = "\
stages:
  app:
    role: builder
    from: debian:12
    steps:
";

/// The server, and the files that are open in it.
struct Editor {
    server: Messages,
    requests: u64,
    files: u64,
    /// What it complains of, by file.
    complaints: BTreeMap<String, Value>,
}

impl Editor {
    fn start() -> Self {
        let mut command = Command::new("node");
        command.arg(Environment::editor()).arg("--stdio");
        let server = Messages::start(&mut command);
        let mut editor = Self { server, requests: 0, files: 0, complaints: BTreeMap::new() };
        let formats = ["plaintext"];
        let capabilities = json!({
            "workspace": { "configuration": true },
            "textDocument": {
                "completion": { "completionItem": { "snippetSupport": true, "documentationFormat": formats } },
                "hover": { "contentFormat": formats },
            },
        });
        let own = json!({ "processId": null, "rootUri": null, "capabilities": capabilities });
        editor.ask("initialize", own);
        editor.tell("initialized", json!({}));
        // Before it knows of the schema it has nothing to say.
        while editor.message() != "workspace/configuration" {}
        editor
    }

    fn send(&mut self, mut message: Value) {
        message["jsonrpc"] = "2.0".into();
        self.server.send(&message);
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(json!({ "method": method, "params": params }));
    }

    fn next(&mut self) -> Value {
        let message = self.server.next(SILENCE);
        message.unwrap_or_else(|| panic!("silence: {}", self.server.stderr()))
    }

    /// Takes a message that is no response, and gives the name of what it asks or tells.
    fn message(&mut self) -> String {
        let message = self.next();
        self.take(&message)
    }

    fn take(&mut self, message: &Value) -> String {
        let method = message["method"].as_str().unwrap_or_else(|| panic!("{message}")).to_owned();
        if method == "textDocument/publishDiagnostics" {
            let params = &message["params"];
            let file = params["uri"].as_str().unwrap().to_owned();
            self.complaints.insert(file, params["diagnostics"].clone());
        }
        if let Some(id) = message.get("id") {
            let result = match method.as_str() {
                "workspace/configuration" => configuration(&message["params"]["items"]),
                _ => Value::Null,
            };
            self.send(json!({ "id": id, "result": result }));
        }
        method
    }

    /// Asks, and gives the result.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.requests += 1;
        let id = self.requests;
        self.send(json!({ "id": id, "method": method, "params": params }));
        loop {
            let message = self.next();
            if message.get("method").is_none() && message["id"] == id {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.take(&message);
        }
    }

    /// Opens a file with this text, beside the schema, and gives its address.
    fn open(&mut self, text: &str) -> String {
        self.files += 1;
        let uri = uri(&docs().join(format!("editor-{}.yaml", self.files)));
        let file = json!({ "uri": uri, "languageId": "yaml", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": file }));
        uri
    }

    /// What it complains of in a text: lines, counted from one, and messages.
    fn complaints(&mut self, text: &str) -> Vec<(u64, String)> {
        let uri = self.open(text);
        while !self.complaints.contains_key(&uri) {
            self.message();
        }
        let complaint = |one: &Value| {
            let line = one["range"]["start"]["line"].as_u64().unwrap() + 1;
            (line, one["message"].as_str().unwrap().to_owned())
        };
        let mut complaints: Vec<_> =
            self.complaints[&uri].as_array().unwrap().iter().map(complaint).collect();
        complaints.sort();
        complaints
    }

    /// Asks about the place of the cursor in a text.
    fn at_cursor(&mut self, method: &str, text: &str) -> Value {
        let at = text.find(CURSOR).unwrap();
        let line = text[..at].matches('\n').count();
        let character = text[..at].lines().last().unwrap_or_default().chars().count();
        let character = if text[..at].ends_with('\n') { 0 } else { character };
        let uri = self.open(&text.replace(CURSOR, ""));
        let position = json!({ "line": line, "character": character });
        self.ask(method, json!({ "textDocument": { "uri": uri }, "position": position }))
    }

    /// What it offers at the cursor, with what it says of each.
    fn completions(&mut self, text: &str) -> BTreeMap<String, String> {
        let result = self.at_cursor("textDocument/completion", text);
        let items = result.get("items").unwrap_or(&result).as_array().unwrap().clone();
        let text =
            |value: &Value| value.get("value").unwrap_or(value).as_str().unwrap_or_default().to_owned();
        items
            .iter()
            .map(|item| (text(&item["label"]), text(&item["documentation"])))
            .collect()
    }

    /// What it shows for the word at the cursor.
    fn hover(&mut self, text: &str) -> String {
        let result = self.at_cursor("textDocument/hover", text);
        result["contents"]["value"].as_str().unwrap_or_default().to_owned()
    }
}

/// The settings of an editor whose user named the schema.
fn configuration(items: &Value) -> Value {
    let schema = uri(&docs().join("stages.schema.json"));
    let yaml = json!({
        "schemas": { schema: "*.yaml" },
        "schemaStore": { "enable": false },
        "validate": true,
        "hover": true,
        "completion": true,
    });
    let of = |item: &Value| if item["section"] == "yaml" { yaml.clone() } else { Value::Null };
    items.as_array().unwrap().iter().map(of).collect()
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").canonicalize().unwrap()
}

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn offers(editor: &mut Editor, text: &str, expected: &[&str]) {
    let offered = editor.completions(text);
    for key in expected {
        assert!(offered.contains_key(*key), "`{key}` is not among {:?} in\n{text}", offered.keys());
    }
}

/// The keys of the tables below a heading of the reference.
fn keys_of(heading: &str) -> Vec<String> {
    let reference = fs::read_to_string(docs().join("stages-yaml.md")).unwrap();
    let section = reference.split(&format!("\n{heading}\n")).nth(1).unwrap();
    let table = section
        .trim_start()
        .split("\n\n")
        .find(|part| part.starts_with("| key |"))
        .unwrap();
    let cells = table.lines().skip(2).map(|row| row.split('|').nth(1).unwrap());
    let words = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    words.map(str::to_owned).collect()
}

#[test]
fn it_completes_keys_with_what_they_mean() {
    let mut editor = Editor::start();
    let cases = [
        ("## The file", format!("{CURSOR}\n")),
        ("### `args`", format!("args:\n  a:\n    {CURSOR}\nstages:\n")),
        ("## Stages", format!("stages:\n  app:\n    {CURSOR}\n")),
        ("### `copy`", format!("{STEPS}      - copy: a\n        {CURSOR}\n")),
        ("### `run`", format!("{STEPS}      - run: a\n        {CURSOR}\n")),
    ];
    for (heading, text) in &cases {
        let keys = keys_of(heading);
        assert!(keys.len() >= 4, "{heading}: {keys:?}");
        let offered = editor.completions(text);
        for key in keys
            .iter()
            .filter(|key| !key.starts_with("x-") && !text.contains(&format!("{key}:")))
        {
            let said = offered
                .get(key)
                .unwrap_or_else(|| panic!("{heading}: no `{key}` in {offered:?}"));
            assert!(said.len() > 10, "{heading}: `{key}` says {said:?}");
        }
    }
    offers(
        &mut editor,
        &format!("{STEPS}      - {CURSOR}\n"),
        &["run", "copy", "env", "workdir", "user", "mkdir", "file", "remove", "symlink", "cross"],
    );
    offers(
        &mut editor,
        &format!("stages:\n  app:\n    healthcheck:\n      {CURSOR}\n"),
        &["test", "http", "tool", "interval", "timeout", "start-period", "retries"],
    );
}

#[test]
fn it_completes_words_among_others() {
    let mut editor = Editor::start();
    let cases: [(&str, &[&str]); 11] = [
        (
            "stages:\n  app:\n    role: ‸\n    from: x:1\n",
            &["base", "deps", "builder", "tester", "runtime", "dev"],
        ),
        ("args:\n  a:\n    type: ‸\nstages:\n", &["string", "bool", "int"]),
        ("stages:\n  a:\n    role: base\n    from:\n      image: x\n      on: ‸\n", &["target", "build"]),
        ("stages:\n  a:\n    steps:\n      - run: x\n        network: ‸\n", &["default", "none"]),
        (
            "stages:\n  a:\n    steps:\n      - run: x\n        caches:\n          - path: /x\n            sharing: ‸\n",
            &["shared", "private", "locked"],
        ),
        ("secrets:\n  a:\n    optional: ‸\nstages:\n", &["true", "false"]),
        ("stages:\n  a:\n    steps:\n      - run: x\n        caches: ‸\n", &["npm", "go", "apt"]),
        ("stages:\n  a:\n    steps:\n      - run: x\n        refresh: ‸\n", &["hour", "day", "week"]),
        ("stages:\n  a:\n    steps:\n      - cross: ‸\n", &["go", "npm"]),
        ("allow: ‸\nstages:\n", &["latest-image", "root-user"]),
        (
            "stages:\n  a:\n    healthcheck:\n      http: x\n      tool: ‸\n",
            &["curl", "wget", "node", "python"],
        ),
    ];
    for (text, expected) in cases {
        offers(&mut editor, text, expected);
    }
}

#[test]
fn it_shows_what_a_key_and_a_word_mean() {
    let mut editor = Editor::start();
    let cases = [
        ("st‸ages:\n  app: { role: base, from: scratch }\n", "The stages, by name."),
        ("stages:\n  a‸pp: { role: base, from: scratch }\n", "A named part of a build"),
        ("stages:\n  app: { role: run‸time, from: scratch }\n", "An image that ships."),
        ("stages:\n  app:\n    role: tester\n    from: x:1\n    re‸ports: a\n", "leaves for people"),
        ("stages:\n  app:\n    steps:\n      - copy: a\n        t‸o: b\n", "Where they go"),
        ("stages:\n  app:\n    steps:\n      - run: a\n        bi‸nds: []\n", "without copying them"),
        ("stages:\n  app:\n    steps:\n      - copy: a\n        li‸nk: true\n", "a layer of its own"),
        ("che‸cks:\n  test: [a]\nstages:\n", "Several testers under one name"),
    ];
    for (text, expected) in cases {
        let shown = editor.hover(text);
        assert!(shown.contains(expected), "{shown:?} has no {expected:?} in\n{text}");
    }
}

#[test]
fn it_complains_at_the_line_of_a_mistake() {
    let mut editor = Editor::start();
    let stage = "stages:\n  app:\n    role: runtime\n    from: scratch\n";
    let cases: [(String, u64, &str); 11] = [
        // A key that there is not.
        (format!("{stage}    stepps: []\n"), 5, "stepps"),
        ("stage: {}\nstages:\n".to_owned(), 1, "stage"),
        (format!("{stage}    steps:\n      - run: a\n        cache: /x\n"), 7, "cache"),
        // Another type.
        (format!("{stage}    labels: [a]\n"), 5, "object"),
        (format!("{stage}    steps:\n      - run: a\n        refresh: weekly\n"), 7, "week"),
        (
            format!("{stage}    steps:\n      - copy: {{ http: a }}\n        to: b\n        unpack: 1\n"),
            8,
            "boolean",
        ),
        (format!("{stage}    steps:\n      - copy: a\n        to: [b]\n"), 7, "string"),
        (format!("{stage}    expose: 70000\n"), 5, "65535"),
        (stage.replace("runtime", "runtim"), 3, "runtime"),
        // A key that must be there.
        ("stages:\n  a: { role: base, from: scratch }\n  app:\n    role: base\n".to_owned(), 3, "from"),
        (format!("{stage}    steps:\n      - run: a\n      - copy: a\n"), 7, "to"),
    ];
    for (text, line, word) in cases {
        let complaints = editor.complaints(&text);
        assert!(!complaints.is_empty(), "nothing is wrong with\n{text}");
        assert!(complaints.iter().all(|(at, _)| *at == line), "not line {line}: {complaints:?}\n{text}");
        assert!(complaints.iter().any(|(_, said)| said.contains(word)), "no {word}: {complaints:?}\n{text}");
    }
}

#[test]
fn it_has_nothing_against_the_examples_and_the_reference() {
    let mut editor = Editor::start();
    let examples = fs::read_dir(docs().join("../examples")).unwrap();
    let files = examples.map(|example| example.unwrap().path().join("stages.yaml"));
    let mut texts: Vec<_> = files
        .filter(|file| file.is_file())
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    assert!(!texts.is_empty(), "there is no example");
    let reference = fs::read_to_string(docs().join("stages-yaml.md")).unwrap();
    let blocks = reference
        .split("```yaml\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap());
    // Steps stand among those of a stage.
    texts.extend(blocks.map(|block| match block.starts_with("- ") {
        true => STEPS.to_owned() + &block.lines().map(|line| format!("      {line}\n")).collect::<String>(),
        false => block.to_owned(),
    }));
    assert!(texts.len() > 15, "{} texts", texts.len());
    for text in texts {
        assert_eq!(editor.complaints(&text), [], "in\n{text}");
    }
}
