//! A daemon that asks for files it was not offered.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use buildkit_client::SessionOptions;
use buildkit_client::session::filesync::{FileSync, LocalDir, SyncEvent};
use buildkit_proto::fsutil::Packet;
use buildkit_proto::fsutil::packet::PacketType;
use bytes::Bytes;
use tempfile::TempDir;
use tonic::{Code, Status};

use super::daemon::{Caller, Liar, Lies};
use super::memory::Memory;
use super::packets::*;
use super::within;

const SYNC: &str = "/moby.filesync.v1.FileSync/DiffCopy";
const CONTEXT: [(&str, &str); 1] = [("dir-name", "context")];
/// Stands in files that must not be read.
const SECRET: &str = "not for the daemon";

type Sessions = (buildkit_client::Client, buildkit_client::Session);

/// A project and what lies beside it.
struct Project {
    folder: TempDir,
    events: Arc<Mutex<Vec<SyncEvent>>>,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("context/d")).unwrap();
        fs::create_dir(at("outside")).unwrap();
        fs::write(at("outside/secret"), SECRET).unwrap();
        fs::write(at("context/.env"), SECRET).unwrap();
        fs::write(at("context/a"), "a").unwrap();
        fs::write(at("context/d/f"), "f").unwrap();
        symlink("../outside", at("context/link")).unwrap();
        symlink(at("outside/secret"), at("context/straight")).unwrap();
        Self { folder, events: Arc::default() }
    }

    async fn serve(&self, liar: &Liar) -> (Sessions, Caller) {
        let events = Arc::clone(&self.events);
        let context = LocalDir::open(self.folder.path().join("context")).unwrap().exclude([".env"]);
        let files = FileSync::new([("context", context)])
            .observe(move |event| events.lock().unwrap().push(event.clone()));
        let (client, session, caller) = liar.session(SessionOptions::new().file_sync(files)).await;
        ((client, session), caller)
    }
}

/// The paths that were announced, if nothing secret was sent.
fn announced(heard: &[Packet]) -> Vec<String> {
    for packet in heard {
        let text = String::from_utf8_lossy(&packet.data);
        assert!(!text.contains(SECRET), "{packet:?}");
    }
    let stats = heard.iter().filter_map(|packet| packet.stat.as_ref());
    stats.map(|stat| String::from_utf8_lossy(&stat.path).into_owned()).collect()
}

#[tokio::test]
async fn only_what_was_offered_is_sent_and_once() {
    let project = Project::new();
    let liar = Liar::start(Lies::default());
    let (_session, caller) = project.serve(&liar).await;
    // Entries 0 to 4: a, d, d/f, link, straight.
    let data = || data(0, "mine");
    let cases: Vec<(Vec<Packet>, &str)> = vec![
        (vec![request(5)], "asked for file 5"),
        (vec![request(u32::MAX)], "asked for file 4294967295"),
        (vec![request(1)], "asked for file 1"),
        (vec![request(3)], "asked for file 3"),
        (vec![request(0), request(0)], "asked for file 0"),
        (vec![data()], "a packet out of turn"),
        (vec![entry(file("mine", 0))], "a packet out of turn"),
        (vec![end_of_entries()], "a packet out of turn"),
        (vec![failure("no space left")], "the receiver failed: no space left"),
        (vec![Packet { r#type: -1, ..Packet::default() }], "a packet out of turn"),
    ];
    for (packets, expected) in cases {
        let shown = format!("{packets:?}");
        let mut transfer = Transfer::start(&caller.channel, SYNC, &CONTEXT).await.unwrap();
        let mut paths = Vec::new();
        while let Some(stat) = transfer.heard.message().await.unwrap().unwrap().stat {
            paths.push(String::from_utf8(stat.path.to_vec()).unwrap());
        }
        assert_eq!(paths, ["a", "d", "d/f", "link", "straight"]);
        let (heard, status) = transfer.run(packets).await;
        announced(&heard);
        let status = status.unwrap_or_else(|| panic!("{shown} was taken"));
        assert!(status.message().contains(expected), "{shown}: {status}");
        let last = project.events.lock().unwrap().pop();
        assert!(matches!(last, Some(SyncEvent::Ended { error: Some(_), .. })), "{shown}: {last:?}");
    }
}

#[tokio::test]
async fn an_end_before_the_end_is_an_end() {
    let project = Project::new();
    let liar = Liar::start(Lies::default());
    let (_session, caller) = project.serve(&liar).await;
    let transfer = Transfer::start(&caller.channel, SYNC, &CONTEXT).await.unwrap();
    let (heard, status) = transfer.run([finish(), request(0), finish()]).await;
    announced(&heard);
    assert!(status.is_none(), "{status:?}");
    assert_eq!(heard.last().map(Packet::r#type), Some(PacketType::PacketFin));
}

#[tokio::test]
async fn no_name_and_no_pattern_leads_outside() {
    let project = Project::new();
    let liar = Liar::start(Lies::default());
    let (_session, caller) = project.serve(&liar).await;
    for name in ["", ".", "..", "context/", "context/..", "/", "/etc", "Context", "outside", "context%00"] {
        let refused = Transfer::start(&caller.channel, SYNC, &[("dir-name", name)]).await;
        let Err(status) = refused else { panic!("{name:?} was served") };
        assert_eq!(status.code(), Code::NotFound, "{name:?}: {status}");
        assert!(status.message().contains("\"context\""), "{status}");
    }
    let Err(status) = Transfer::start(&caller.channel, SYNC, &[]).await else { panic!("served nameless") };
    assert_eq!(status.code(), Code::NotFound, "{status}");

    for (key, value) in [
        ("followpaths", "../outside/secret"),
        ("followpaths", "link/secret"),
        ("followpaths", "straight"),
        ("followpaths", "link/../../outside/secret"),
        ("followpaths", "/etc/passwd"),
        ("followpaths", ".env"),
        ("include-patterns", "../**"),
        ("include-patterns", "link/**"),
        ("include-patterns", ".env"),
        ("exclude-patterns", "!.env"),
        ("exclude-patterns", "!../outside/secret"),
    ] {
        let headers = [CONTEXT[0], (key, value)];
        let mut transfer = Transfer::start(&caller.channel, SYNC, &headers).await.unwrap();
        let mut told = Vec::new();
        loop {
            match within("the walk goes on", transfer.heard.message()).await {
                Ok(Some(packet)) if packet.stat.is_some() => told.push(packet),
                Ok(_) => break,
                // Refused is as good.
                Err(status) => break assert_ne!(status.code(), Code::Internal, "{key} {value}: {status}"),
            }
        }
        let files: Vec<_> = (0u32..)
            .zip(&told)
            .filter(|(_, p)| p.stat.as_ref().unwrap().mode >> 19 == 0)
            .collect();
        let requests: Vec<_> = files.iter().map(|(id, _)| request(*id)).chain([finish()]).collect();
        let paths = announced(&told);
        assert!(
            paths
                .iter()
                .all(|path| ["a", "d", "d/f", "link", "straight"].contains(&path.as_str())),
            "{key} {value}: {paths:?}"
        );
        let (heard, _) = transfer.run(requests).await;
        announced(&heard);
    }
}

#[tokio::test]
async fn broken_headers_are_errors_or_names_of_nothing() {
    let project = Project::new();
    let liar = Liar::start(Lies::default());
    let (_session, caller) = project.serve(&liar).await;
    for name in ["%", "%zz", "context%", "%2e%2e", "%ff", "%00", "con+text"] {
        let headers = [("dir-name", name), ("dir-name-encoded", "1")];
        let Err(status) = Transfer::start(&caller.channel, SYNC, &headers).await else { panic!("{name}") };
        assert_eq!(status.code(), Code::NotFound, "{name}: {status}");
    }
    let long = "x".repeat(1 << 20);
    let Err(status) = Transfer::start(&caller.channel, SYNC, &[("dir-name", &long)]).await else { panic!() };
    assert_eq!(status.code(), Code::NotFound, "{}", &status.message()[..100]);
    assert!(status.message().len() < 64 << 10, "a name of a megabyte is not repeated");

    let stars = "**/*/".repeat(200) + "x";
    let nested = format!("{}a", "[".repeat(5000));
    let repeated = "a*".repeat(5000) + "b";
    for pattern in
        [&stars, &nested, &repeated, &"x".repeat(1 << 20), "\\", "[", "[]", "[z-a]", "!", "!!a", "**"]
    {
        for key in ["exclude-patterns", "include-patterns", "followpaths"] {
            let start = Instant::now();
            let headers = [CONTEXT[0], (key, pattern)];
            let mut transfer = Transfer::start(&caller.channel, SYNC, &headers).await.unwrap();
            let walked = async {
                loop {
                    let packet = transfer.heard.message().await?.expect("it ends with an empty entry");
                    match packet.r#type() {
                        PacketType::PacketStat if packet.stat.is_some() => {}
                        PacketType::PacketStat => return Ok(()),
                        _ => assert_eq!(packet.r#type(), PacketType::PacketErr),
                    }
                }
            };
            let walked: Result<(), Status> = within("the walk ends", walked).await;
            let shown = &pattern[..pattern.len().min(40)];
            assert!(start.elapsed() < Duration::from_secs(5), "{key} {shown}: {:?}", start.elapsed());
            if let Err(status) = walked {
                assert_eq!(status.code(), Code::FailedPrecondition, "{key} {shown}");
                let named = ["pattern", "cannot follow links"]
                    .iter()
                    .any(|part| status.message().contains(part));
                assert!(named, "{key} {shown}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn a_daemon_that_asks_for_everything_and_takes_nothing_costs_little_memory() {
    let name = "a_daemon_that_asks_for_everything_and_takes_nothing_costs_little_memory";
    let Some(memory) = Memory::alone(module_path!(), name) else { return };
    const FILES: u32 = 5000;
    let project = Project::new();
    let many = project.folder.path().join("context/many");
    fs::create_dir(&many).unwrap();
    for number in 0..FILES {
        fs::write(many.join(format!("{number:06}")), [b'x'; 100]).unwrap();
    }
    fs::File::create(many.join("zz")).unwrap().set_len(100 << 20).unwrap();
    let liar = Liar::start(Lies::default());
    let (_session, caller) = project.serve(&liar).await;
    let mut transfer = Transfer::start(&caller.channel, SYNC, &CONTEXT).await.unwrap();
    let mut files = Vec::new();
    let mut id = 0;
    while let Some(stat) = transfer.heard.message().await.unwrap().unwrap().stat {
        if stat.mode >> 19 == 0 {
            files.push(id);
        }
        id += 1;
    }
    let Transfer { say, mut heard } = transfer;
    // The large one first, then all others.
    let last = files.pop().unwrap();
    for id in [last].into_iter().chain(files) {
        within("requests are taken", say.send(request(id))).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    memory.assert_grew_less(64 << 20);
    let id = FILES + 100;
    say.send(request(id)).await.unwrap();
    let ended = async {
        loop {
            match heard.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it ended well"),
                Err(status) => return status,
            }
        }
    };
    let status = within("the transfer ends", ended).await;
    assert!(status.message().contains(&format!("asked for file {id}")), "{status}");
}

#[tokio::test]
async fn packets_up_to_the_limit_are_taken_and_none_beyond() {
    let project = Project::new();
    let liar = Liar::start(Lies::default());
    let (_session, caller) = project.serve(&liar).await;
    let long = |length: usize| failure(Bytes::from(vec![b'x'; length]));
    let transfer = Transfer::start(&caller.channel, SYNC, &CONTEXT).await.unwrap();
    let (_, status) = transfer.run([long(15 << 20)]).await;
    let status = status.unwrap();
    assert!(status.message().starts_with("the receiver failed: xxx"), "{:?}", status.code());
    assert!(status.message().len() < 64 << 10, "what the daemon said is cut");
    let transfer = Transfer::start(&caller.channel, SYNC, &CONTEXT).await.unwrap();
    let (_, status) = transfer.run([long(17 << 20)]).await;
    assert!(status.is_some());
}
