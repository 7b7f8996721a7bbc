//! Reports of testers: read out of what those have that passed, and out of what the failed step of others left.
//!
//! In `DIRECTORY/TESTER/` each report stands at its own path; where a build has several platforms, each has a directory
//! of its own between. A report that cannot be had is told, and changes nothing of the build. Where secrets are looked for, a
//! file in which one stands is not written, and its target fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use buildkit_client::fsutil::stat::{Kind, Mode, Stat};
use buildkit_client::session::filesend::{ExportError, Exports, Tree};
use buildkit_gateway::errdefs::Detail;
use buildkit_gateway::{
    Channel, Container, ContainerMount, ContainerRequest, FileRange, FileStat, Gateway, GatewayError,
    SolveOptions,
};
use buildkit_llb::{Graph, path};
use bytes::Bytes;
use futures_util::future::join_all;
use stagewright_plan::lower::LoweredTester;

use super::audit::{Hit, Leak, Place, Wanted};
use super::report::{Event, MissingReport};
use crate::driver::Prepared;

/// Bytes that are asked for at once: a daemon gives 16 MiB.
const PIECE: u64 = 4 << 20;
/// Links that are followed to one report.
const LINKS: usize = 16;

/// Where reports of a build go.
#[derive(Clone, Debug)]
pub(super) struct Reports {
    pub(super) exports: Exports,
    /// The testers of which there is something.
    found: Arc<Mutex<Vec<String>>>,
}

/// What is to be written of a tester, by the parts of its paths, each with its path in the tester.
type Entries = BTreeMap<Vec<Vec<u8>>, (FileStat, String)>;

impl Reports {
    pub(super) fn new(exports: Exports) -> Self {
        Self { exports, found: Arc::default() }
    }

    /// The testers of which there is something, in their order.
    pub(super) fn found(&self) -> Vec<String> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs the testers that this target is the first to need to their ends, and takes their reports. What runs for the
    /// target runs once. Returns the secrets that stand in them.
    pub(super) async fn collect<C: Channel>(
        &self,
        gateway: &Gateway<C>,
        prepared: &Prepared,
        target: &str,
        wanted: Option<&Wanted>,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Vec<Leak> {
        let several = prepared.platforms.len() > 1;
        let platforms = prepared.platforms.iter().flat_map(|(platform, lowered)| {
            let directory = several.then(|| platform.normalized().id().replace('/', "_"));
            let testers = lowered.testers.iter().filter(|tester| tester.target == target);
            testers.map(move |tester| (&lowered.graph, tester, directory.clone()))
        });
        let all = platforms.map(async |(graph, tester, directory)| {
            let missing = |report: &str, reason| {
                let (tester, report) = (tester.name.clone(), report.to_owned());
                tell(Event::ReportMissing { tester, report, reason });
            };
            let above = [Some(tester.name.clone()), directory];
            let above: Vec<String> = above.into_iter().flatten().collect();
            self.take(gateway, graph, tester, &above, wanted, &missing).await
        });
        join_all(all).await.into_iter().flatten().collect()
    }

    /// Takes the reports of one tester for one platform.
    async fn take<C: Channel>(
        &self,
        gateway: &Gateway<C>,
        graph: &Graph,
        tester: &LoweredTester,
        above: &[String],
        wanted: Option<&Wanted>,
        missing: &(dyn Fn(&str, MissingReport) + Sync),
    ) -> Vec<Leak> {
        let container = match filesystem(gateway, graph, tester).await {
            Ok(container) => container,
            Err(reason) => {
                tester.reports.iter().for_each(|report| missing(report, reason.clone()));
                return Vec::new();
            }
        };
        let mut entries = Entries::new();
        let mut there = Vec::new();
        for report in &tester.reports {
            match list(&container, above, report, missing).await {
                Ok(listed) => {
                    entries.extend(listed);
                    there.push(report);
                }
                Err(error) => missing(report, why(&error)),
            }
        }
        let leaks = match wanted {
            Some(wanted) => without_leaks(&container, &mut entries, wanted, &tester.name, missing).await,
            None => Vec::new(),
        };
        if !entries.is_empty() {
            match self.write(&container, entries, missing).await {
                Ok(()) => {
                    let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
                    if !found.contains(&tester.name) {
                        found.push(tester.name.clone());
                    }
                }
                Err(error) => {
                    let reason = MissingReport::Unread(error.to_string());
                    there.iter().for_each(|report| missing(report, reason.clone()));
                }
            }
        }
        // It ends with the build, whatever this says.
        let _ = container.release().await;
        leaks
    }

    /// Writes entries beside the directory.
    async fn write<C: Channel>(
        &self,
        container: &Container<C>,
        entries: Entries,
        missing: &(dyn Fn(&str, MissingReport) + Sync),
    ) -> Result<(), TakeError> {
        let mut tree = self.exports.tree(0)?;
        for (parts, (stat, source)) in with_directories(entries) {
            let entry = Stat {
                path: parts.join(&b'/'),
                mode: Mode(stat.mode),
                mtime: stat.modified,
                link: if Mode(stat.mode).kind() == Kind::Symlink { stat.link.to_vec() } else { Vec::new() },
                ..Stat::default()
            };
            if entry.mode.kind() != Kind::File {
                tree.entry(entry).await?;
                continue;
            }
            // A file that cannot be read is told and left out, unless a part of it was announced already.
            let first = match read(container, &source, 0, stat.size).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    missing(&source, why(&error));
                    continue;
                }
            };
            tree.entry(Stat { size: i64::try_from(stat.size).unwrap_or(i64::MAX), ..entry })
                .await?;
            content(container, &mut tree, &source, stat.size, first).await?;
        }
        Ok(tree.end().await?)
    }
}

/// Why the reports of a tester are not taken.
#[derive(Debug, thiserror::Error)]
enum TakeError {
    #[error(transparent)]
    Daemon(#[from] GatewayError),
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// What a tester has, or what its failed step left, to be read.
async fn filesystem<C: Channel>(
    gateway: &Gateway<C>,
    graph: &Graph,
    tester: &LoweredTester,
) -> Result<Container<C>, MissingReport> {
    let unread = |error: &dyn std::error::Error| MissingReport::Unread(error.to_string());
    let Some(output) = tester.output else { return Err(MissingReport::Absent) };
    let definition = graph.definition(Some(output)).map_err(|error| unread(&error))?;
    let options = SolveOptions { evaluate: true, ..SolveOptions::default() };
    let root = match gateway.solve(&definition, &options).await {
        Ok(reference) => {
            let (dest, selector) = ("/".to_owned(), String::new());
            ContainerMount::Ref { dest, reference, selector, readonly: false }
        }
        Err(error) => {
            let own = tester.commands.iter().filter_map(|op| graph.digest(*op).ok());
            let own: Vec<String> = own.map(|digest| digest.to_string()).collect();
            let failed = |detail: Detail| matches!(detail, Detail::Vertex(digest) if own.contains(&digest));
            if !error.details().any(failed) {
                return Err(MissingReport::NotRun);
            }
            let step = error.solve().and_then(|solve| solve.failed_step());
            let mounts = step.map(|step| step.container.mounts).unwrap_or_default();
            let is_root =
                |mount: &ContainerMount| matches!(mount, ContainerMount::Failed { dest, .. } if dest == "/");
            let root = mounts.into_iter().find(is_root);
            root.ok_or_else(|| {
                MissingReport::Unread("the daemon did not keep what the step left".to_owned())
            })?
        }
    };
    let request = ContainerRequest { mounts: vec![root], ..ContainerRequest::default() };
    gateway.container(&request).await.map_err(|error| unread(&error))
}

/// A report and what is in it. What is neither file, directory nor link is told and left out.
async fn list<C: Channel>(
    container: &Container<C>,
    above: &[String],
    report: &str,
    missing: &(dyn Fn(&str, MissingReport) + Sync),
) -> Result<Entries, GatewayError> {
    // The report is what a link leads to, under the link's name.
    let mut source = report.to_owned();
    let mut stat = container.stat_file(0, &source).await?;
    for _ in 0..LINKS {
        if Mode(stat.mode).kind() != Kind::Symlink {
            break;
        }
        let link = String::from_utf8_lossy(&stat.link).into_owned();
        source = path::resolve(&path::resolve(&source, ".."), &link);
        stat = container.stat_file(0, &source).await?;
    }
    let parts = report.split('/').filter(|part| !part.is_empty());
    let place: Vec<Vec<u8>> = above.iter().map(String::as_str).chain(parts).map(Into::into).collect();
    let mut entries = Entries::new();
    let mut open = vec![(place, stat, source)];
    while let Some((place, stat, source)) = open.pop() {
        match Mode(stat.mode).kind() {
            Kind::File | Kind::Symlink => {}
            Kind::Directory => {
                for inner in container.read_dir(0, &source).await? {
                    let mut place = place.clone();
                    place.push(inner.path.to_vec());
                    match std::str::from_utf8(&inner.path) {
                        Ok(name) => {
                            let source = path::resolve(&source, name);
                            open.push((place, inner, source));
                        }
                        Err(_) => {
                            let name = String::from_utf8_lossy(&inner.path);
                            let reason = "its name is not UTF-8".to_owned();
                            missing(&path::resolve(&source, &name), MissingReport::Unread(reason));
                        }
                    }
                }
            }
            _ => {
                let reason = "it is neither a file nor a directory".to_owned();
                missing(&source, MissingReport::Unread(reason));
                continue;
            }
        }
        entries.insert(place, (stat, source));
    }
    Ok(entries)
}

/// Takes out what secrets stand in, and what cannot be read.
async fn without_leaks<C: Channel>(
    container: &Container<C>,
    entries: &mut Entries,
    wanted: &Wanted,
    tester: &str,
    missing: &(dyn Fn(&str, MissingReport) + Sync),
) -> Vec<Leak> {
    let mut leaks = Vec::new();
    for (parts, (stat, source)) in std::mem::take(entries) {
        match hits(container, wanted, &parts, &stat, &source).await {
            Ok(hits) if hits.is_empty() => {
                entries.insert(parts, (stat, source));
            }
            Ok(hits) => {
                let path = wanted.shown(&source);
                missing(&path, MissingReport::Leaks);
                let place = Place::Report { tester: tester.to_owned(), path };
                leaks.extend(hits.into_iter().map(|(secret, form)| Leak {
                    secret,
                    form,
                    place: place.clone(),
                }));
            }
            Err(error) => missing(&source, why(&error)),
        }
    }
    leaks
}

/// What stands in an entry: in its path, where it leads as a link, and its content.
async fn hits<C: Channel>(
    container: &Container<C>,
    wanted: &Wanted,
    parts: &[Vec<u8>],
    stat: &FileStat,
    source: &str,
) -> Result<BTreeSet<Hit>, GatewayError> {
    let mut found = wanted.in_bytes(&parts.join(&b'/'));
    found.extend(wanted.in_bytes(&stat.link));
    if Mode(stat.mode).kind() == Kind::File {
        let mut search = wanted.search();
        let mut offset = 0;
        loop {
            let piece = read(container, source, offset, stat.size).await?;
            if piece.is_empty() {
                break;
            }
            offset += piece.len() as u64;
            search.push(&piece);
        }
        found.extend(search.found());
    }
    Ok(found)
}

/// The same with the directories above.
fn with_directories(entries: Entries) -> Entries {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let directory = FileStat {
        mode: Mode::DIRECTORY | 0o755,
        modified: i64::try_from(now.as_nanos()).unwrap_or(i64::MAX),
        ..FileStat::default()
    };
    let mut all = Entries::new();
    for parts in entries.keys() {
        for length in 1..parts.len() {
            all.insert(parts[..length].to_vec(), (directory.clone(), String::new()));
        }
    }
    all.extend(entries);
    all
}

/// The bytes of a file, of which the first are there already.
async fn content<C: Channel>(
    container: &Container<C>,
    tree: &mut Tree,
    source: &str,
    size: u64,
    first: Bytes,
) -> Result<(), TakeError> {
    let mut offset = 0;
    let mut piece = first;
    while !piece.is_empty() {
        offset += piece.len() as u64;
        tree.write(piece).await?;
        piece = read(container, source, offset, size).await?;
    }
    // Nothing more: the end of the file.
    Ok(tree.write(piece).await?)
}

/// The next bytes of a file; none at its end.
async fn read<C: Channel>(
    container: &Container<C>,
    source: &str,
    offset: u64,
    size: u64,
) -> Result<Bytes, GatewayError> {
    match size.saturating_sub(offset).min(PIECE) {
        0 => Ok(Bytes::new()),
        length => container.read_file(0, source, Some(FileRange { offset, length })).await,
    }
}

/// What an error of reading says of a report.
fn why(error: &GatewayError) -> MissingReport {
    match error.is_absence() {
        true => MissingReport::Absent,
        false => MissingReport::Unread(error.message().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_stands_below_directories_of_its_own() {
        let parts = |path: &str| path.split('/').map(Into::into).collect::<Vec<Vec<u8>>>();
        let file = || (FileStat { mode: 0o640, ..FileStat::default() }, "/a".to_owned());
        let kept = (FileStat { mode: Mode::DIRECTORY | 0o700, ..FileStat::default() }, "/b".to_owned());
        let entries = [(parts("unit/app/a"), file()), (parts("unit/b"), kept), (parts("unit/b/c"), file())];
        let all = with_directories(entries.into_iter().collect());
        let text = |(parts, (stat, _)): (Vec<Vec<u8>>, (FileStat, String))| {
            let path = String::from_utf8(parts.join(&b'/')).unwrap();
            format!("{path} {:o}", stat.mode & 0o777)
        };
        let all: Vec<String> = all.into_iter().map(text).collect();
        assert_eq!(all, ["unit 755", "unit/app 755", "unit/app/a 640", "unit/b 700", "unit/b/c 640"]);
    }

    #[test]
    fn what_is_not_there_is_told_apart_from_what_cannot_be_read() {
        let check = |message: &str, absent| {
            assert_eq!(why(&GatewayError::new(message)) == MissingReport::Absent, absent, "{message}");
        };
        check("stat /app/report.xml: no such file or directory", true);
        check("open /app/report.xml: permission denied", false);
    }
}
