//! Steps that need no base image: what runs in them is one static program, compiled at the first use.

use std::fs;
use std::process::Command;
use std::sync::LazyLock;

use buildkit_client::new_id;
use buildkit_llb::{Definition, ExecOp, FileOp, Graph, Metadata, MkfileAction, OpId, Platform};

/// What runs in containers: `exit N`, `sleep`, `cat PATH`, `random PATH` with 16 random bytes, and `ask HEX…`, which sends
/// each of these messages on one connection to the ssh agent and prints `HEX -> HEX` with the answer.
const PROGRAM: &str = r#"
use std::{env, fs, io::{Read, Write}, os::unix::net::UnixStream, process, thread, time::Duration};
fn main() {
    let args: Vec<String> = env::args().collect();
    match args[1].as_str() {
        "exit" => process::exit(args[2].parse().unwrap()),
        "sleep" => loop { thread::sleep(Duration::from_millis(50)) },
        "cat" => println!("{:?}", fs::read_to_string(&args[2])),
        "random" => {
            thread::sleep(Duration::from_millis(300));
            let mut bytes = [0; 16];
            fs::File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
            fs::write(&args[2], format!("{bytes:?}")).unwrap();
        }
        "ask" => {
            let mut agent = UnixStream::connect(env::var("SSH_AUTH_SOCK").unwrap()).unwrap();
            for hex in &args[2..] {
                let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
                let message: Vec<u8> = bytes.collect();
                agent.write_all(&(message.len() as u32).to_be_bytes()).unwrap();
                agent.write_all(&message).unwrap();
                let mut length = [0; 4];
                agent.read_exact(&mut length).unwrap();
                let mut answer = vec![0; u32::from_be_bytes(length) as usize];
                agent.read_exact(&mut answer).unwrap();
                let answer: String = answer.iter().map(|byte| format!("{byte:02x}")).collect();
                println!("{hex} -> {answer}");
            }
        }
        other => panic!("{other}"),
    }
}
"#;

static PROGRAM_BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("program.rs"), folder.path().join("program"));
    fs::write(&source, PROGRAM).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2021", "-O", "-C", "target-feature=+crt-static", "-C", "strip=symbols", "-o"]);
    let status = rustc.arg(&program).arg(&source).status().unwrap();
    assert!(status.success(), "rustc: {status}");
    fs::read(program).unwrap()
});

/// A step that runs the program; the id makes it unlike all others.
pub(crate) fn run(graph: &mut Graph, name: &str, args: &[&str], id: &str) -> OpId {
    run_with(graph, name, args, id, |exec| exec)
}

pub(crate) fn run_with(
    graph: &mut Graph,
    name: &str,
    args: &[&str],
    id: &str,
    change: impl FnOnce(ExecOp) -> ExecOp,
) -> OpId {
    let program = MkfileAction::new("/program", 0o755, PROGRAM_BYTES.clone());
    let root = graph
        .add(FileOp::chain(None, [program]), Metadata::named("write the program"))
        .unwrap();
    let args = ["/program"].iter().chain(args).copied();
    let mut exec = ExecOp::new(Some(root.root()), args, Platform::new("linux", "amd64"));
    exec.env.push(format!("BUILD={id}"));
    graph.add(change(exec), Metadata::named(name)).unwrap()
}

/// A step that sleeps until it is stopped, and the id by which [`runs`] finds it.
pub(crate) fn sleeping_step() -> (String, Definition) {
    let id = new_id().unwrap();
    let mut graph = Graph::new();
    let step = run(&mut graph, "sleep", &["sleep"], &id);
    let definition = graph.definition(Some(step.root())).unwrap();
    (id, definition)
}

/// Whether a process with this id in its environment runs on this machine.
pub(crate) fn runs(id: &str) -> bool {
    let wanted = format!("BUILD={id}");
    fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let environ = fs::read(process.path().join("environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    })
}
