//! File ops as text.

use buildkit_proto::pb;

use super::{Text, index_name, word};
use crate::Digest;

pub(super) fn print(file: &pb::FileOp, inputs: &[String], text: &mut Text) {
    text.title = "file".to_owned();
    for (position, action) in file.actions.iter().enumerate() {
        let input = action_input(action.input, inputs);
        let what = match &action.action {
            Some(pb::file_action::Action::Copy(copy)) => {
                copy_text(copy, &action_input(action.secondary_input, inputs), inputs)
            }
            Some(pb::file_action::Action::Mkdir(mkdir)) => {
                let parents = if mkdir.make_parents { " parents" } else { "" };
                let of = made_by(mkdir.owner.as_ref(), mkdir.timestamp, inputs);
                format!("mkdir {} mode {:04o}{parents}{of}", word(&mkdir.path), mkdir.mode)
            }
            Some(pb::file_action::Action::Mkfile(mkfile)) => {
                let of = made_by(mkfile.owner.as_ref(), mkfile.timestamp, inputs);
                let data = data_text(&mkfile.data);
                format!("mkfile {} mode {:04o}{of} {data}", word(&mkfile.path), mkfile.mode)
            }
            Some(pb::file_action::Action::Rm(rm)) => {
                let missing = if rm.allow_not_found { " if there" } else { "" };
                let wildcard = if rm.allow_wildcard { " wildcard" } else { "" };
                format!("rm {}{missing}{wildcard}", word(&rm.path))
            }
            Some(pb::file_action::Action::Symlink(symlink)) => {
                let of = made_by(symlink.owner.as_ref(), symlink.timestamp, inputs);
                format!("symlink {} -> {}{of}", word(&symlink.newpath), word(&symlink.oldpath))
            }
            None => "nothing".to_owned(),
        };
        text.line(format!("[{position}] on {input}: {what}"));
    }
}

fn copy_text(copy: &pb::FileActionCopy, from: &str, inputs: &[String]) -> String {
    let mut text = format!("copy {from} {} -> {}", word(&copy.src), word(&copy.dest));
    if !copy.mode_str.is_empty() {
        text.push_str(&format!(" mode {}", word(&copy.mode_str)));
    } else if copy.mode >= 0 {
        text.push_str(&format!(" mode {:04o}", copy.mode));
    }
    text.push_str(&made_by(copy.owner.as_ref(), copy.timestamp, inputs));
    for (set, name) in [
        (copy.follow_symlink, "follow"),
        (copy.dir_copy_contents, "contents"),
        (copy.attempt_unpack_docker_compatibility, "unpack"),
        (copy.create_dest_path, "parents"),
        (copy.allow_wildcard, "wildcard"),
        (copy.allow_empty_wildcard, "none-ok"),
        (copy.always_replace_existing_dest_paths, "replace"),
    ] {
        if set {
            text.push(' ');
            text.push_str(name);
        }
    }
    for (patterns, name) in [
        (&copy.include_patterns, "include"),
        (&copy.exclude_patterns, "exclude"),
        (&copy.required_paths, "require"),
    ] {
        if !patterns.is_empty() {
            text.push_str(&format!(" {name} {patterns:?}"));
        }
    }
    text
}

/// What an index into the op's inputs, followed by its actions, means.
fn action_input(index: i64, inputs: &[String]) -> String {
    match usize::try_from(index) {
        Ok(position) if position >= inputs.len() => format!("[{}]", position - inputs.len()),
        _ => index_name(index, inputs),
    }
}

/// Owner and time, as far as they are given.
fn made_by(owner: Option<&pb::ChownOpt>, timestamp: i64, inputs: &[String]) -> String {
    let mut text = String::new();
    if let Some(owner) = owner {
        let user = owner.user.as_ref().map_or_else(String::new, |user| user_text(user, inputs));
        let group = owner.group.as_ref().map_or_else(String::new, |group| user_text(group, inputs));
        text.push_str(&format!(" owner {user}:{group}"));
    }
    if timestamp != -1 {
        text.push_str(&format!(" time {timestamp}"));
    }
    text
}

fn user_text(user: &pb::UserOpt, inputs: &[String]) -> String {
    match &user.user {
        Some(pb::user_opt::User::ById(id)) => id.to_string(),
        Some(pb::user_opt::User::ByName(named)) => {
            format!("{}@{}", word(&named.name), action_input(named.input, inputs))
        }
        None => String::new(),
    }
}

/// The content of a small text file; of any other, how much there is, and its digest.
fn data_text(data: &[u8]) -> String {
    match str::from_utf8(data) {
        Ok(text) if text.len() <= 200 => format!("{text:?}"),
        _ => format!("{} bytes {}", data.len(), Digest::of(data)),
    }
}
