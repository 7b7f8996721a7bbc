//! The sessions of a build: what the daemon may ask of this machine, and where it sends files.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use buildkit_client::session::filesend::{ExportError, ExportTarget, Exports};
use buildkit_client::session::filesync::{FileSync, LocalDir, SyncEvent};
use buildkit_client::session::secrets::Secrets;
use buildkit_client::session::ssh::SshAgents;
use buildkit_client::{Client, Session, SessionOptions};
use buildkit_llb::Digest;
use tokio::sync::mpsc::UnboundedSender;

use super::audit::{Audit, Wanted};
use super::order::Order;
use super::served::Served;
use super::{BuildOptions, Event, StartError};

/// The sessions of a build.
pub(super) struct Sessions {
    /// The one that serves the contexts, for all targets.
    pub(super) context: Session,
    /// For targets that send files here, one of their own: a daemon counts the exporters of each solve from zero.
    pub(super) exports: BTreeMap<String, (Session, Exports)>,
    /// For targets that are looked into, one more, for the same reason.
    pub(super) audits: BTreeMap<String, Audit>,
}

impl Sessions {
    /// Opens them all, and checks every place that files go to, with nothing written yet.
    pub(super) async fn open(
        client: &Client,
        orders: &[Order],
        options: &BuildOptions,
        served: &Served,
        events: &UnboundedSender<Event>,
    ) -> Result<Self, StartError> {
        let key = shared_key(&served.directories);
        let mut opened = Vec::new();
        for (name, path) in served.directories.clone() {
            let directory =
                LocalDir::open(path).map_err(|source| StartError::Context { name: name.clone(), source })?;
            opened.push((name, directory));
        }
        let mut exports = BTreeMap::new();
        for order in orders {
            if let Some(prepared) = prepare(order)? {
                exports.insert(order.target.clone(), prepared);
            }
        }

        let secrets = options
            .secrets
            .iter()
            .fold(Secrets::new(), |secrets, (id, secret)| secrets.with(id.clone(), secret.clone()));
        let ssh = options.ssh.iter();
        let ssh = ssh.fold(SshAgents::new(), |agents, (id, agent)| agents.with(id.clone(), agent.clone()));
        // The daemon may ask any session of a build.
        let offer = || {
            SessionOptions::new()
                .auth(options.auth.clone())
                .secrets(secrets.clone())
                .ssh(ssh.clone())
                .content(served.content.clone())
        };
        let events = events.clone();
        let files = FileSync::new(opened).observe(move |event| sent(event, &events));
        let own = offer().shared_key(key).file_sync(files);
        let context = client.session(own).await?;
        let mut sessions = Self { context, exports: BTreeMap::new(), audits: BTreeMap::new() };
        for (target, exports) in exports {
            let own = offer().file_send(exports.service());
            let session = client.session(own).await?;
            sessions.exports.insert(target, (session, exports));
        }
        if options.audit {
            let wanted = Wanted::new(&options.secrets);
            for order in orders {
                let prepared = Audit::prepare(order)?;
                let session = client.session(offer().file_send(prepared.1.service())).await?;
                let audit = Audit::new(wanted.clone(), session, prepared);
                sessions.audits.insert(order.target.clone(), audit);
            }
        }
        Ok(sessions)
    }
}

/// What a target sends here, if it does: checked, with nothing written yet.
fn prepare(order: &Order) -> Result<Option<Exports>, ExportError> {
    let exports = (0..).zip(&order.exports);
    let targets: Vec<(u32, ExportTarget)> = exports
        .filter_map(|(id, export)| Some((id, export.sent.as_ref()?.target())))
        .collect();
    if targets.is_empty() { Ok(None) } else { Exports::prepare(targets).map(Some) }
}

fn sent(event: &SyncEvent, events: &UnboundedSender<Event>) {
    let event = match event {
        SyncEvent::Skipped { directory, path, .. } => {
            Event::ContextSkipped { context: directory.clone(), path: path.clone() }
        }
        SyncEvent::Ended { directory, sent, error: None } => {
            Event::ContextSent { context: directory.clone(), files: sent.files, bytes: sent.bytes }
        }
        _ => return,
    };
    // Nobody listens to a build that is being dropped.
    let _ = events.send(event);
}

/// Names these directories of this machine, so that the daemon takes only changes from a later build of them.
fn shared_key(directories: &[(String, PathBuf)]) -> String {
    let system = rustix::system::uname();
    let mut text =
        format!("{:?}\n{}\n", system.nodename(), fs::read_to_string("/etc/machine-id").unwrap_or_default());
    for (name, path) in directories {
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        text.push_str(&format!("{name}={}\n", path.display()));
    }
    Digest::of(text.as_bytes()).to_string()
}
