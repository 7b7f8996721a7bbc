//! What people call an op that has no name of its own.

use buildkit_proto::pb;

use super::word;
use crate::source::without_userinfo;

/// Its source, its program or its first path.
pub(crate) fn name(op: Option<&pb::op::Op>) -> String {
    use pb::op::Op;
    let Some(op) = op else { return "nothing".to_owned() };
    match op {
        Op::Source(source) => match source.identifier.split_once("://") {
            Some(("http" | "https", _)) => without_userinfo(&source.identifier),
            _ => source.identifier.clone(),
        },
        Op::Exec(exec) => {
            let args: Vec<String> =
                exec.meta.iter().flat_map(|meta| &meta.args).map(|arg| word(arg)).collect();
            format!("exec {}", args.join(" "))
        }
        Op::File(file) => match file.actions.first().and_then(|action| action.action.as_ref()) {
            Some(pb::file_action::Action::Copy(copy)) => format!("copy {} {}", copy.src, copy.dest),
            Some(pb::file_action::Action::Mkdir(mkdir)) => format!("mkdir {}", mkdir.path),
            Some(pb::file_action::Action::Mkfile(mkfile)) => format!("mkfile {}", mkfile.path),
            Some(pb::file_action::Action::Rm(rm)) => format!("rm {}", rm.path),
            Some(pb::file_action::Action::Symlink(symlink)) => format!("symlink {}", symlink.newpath),
            None => "file".to_owned(),
        },
        Op::Merge(_) => "merge".to_owned(),
        Op::Diff(_) => "diff".to_owned(),
        Op::Build(_) => "build".to_owned(),
        Op::Passthrough(passthrough) => format!("passthrough {}", passthrough.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_called_by_its_identifier_without_password() {
        for (identifier, expected) in [
            ("https://me:secret@h/a", "https://…@h/a"),
            ("http://h/a", "http://h/a"),
            ("docker-image://docker.io/library/a@sha256:00", "docker-image://docker.io/library/a@sha256:00"),
        ] {
            let identifier = identifier.to_owned();
            let source = pb::SourceOp { identifier, ..pb::SourceOp::default() };
            assert_eq!(name(Some(&pb::op::Op::Source(source))), expected);
        }
    }
}
