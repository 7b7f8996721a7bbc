//! Whom a container runs as: an image's user, looked up in the image's own files.

use thiserror::Error;

/// Why a user was not found in an image.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserError {
    /// A name that nobody has.
    #[error("no {kind} {name} in {file}")]
    Unknown {
        /// `user` or `group`.
        kind: &'static str,
        /// Who was looked for.
        name: String,
        /// Where.
        file: &'static str,
    },
    /// A line without the number that it must have.
    #[error("user {0} has no number in /etc/passwd")]
    NoNumber(String),
}

/// A user by numbers.
#[derive(Debug, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub uid: u32,
    /// The number of its first group.
    pub gid: u32,
    /// Groups beside the first.
    pub groups: Vec<u32>,
    /// Its directory.
    pub home: String,
}

impl User {
    /// Looks up `name`, `uid`, `name:group` or `uid:gid`; an empty text is root (OCI image spec v1.1 `config.md`).
    ///
    /// `passwd` and `group` are the texts of these files. A group that is named leaves the others out.
    pub(super) fn look_up(user: &str, passwd: &str, group: &str) -> Result<Self, UserError> {
        let (user, own_group) = match user.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (user, None),
        };
        let user = if user.is_empty() { "0" } else { user };
        let number: Option<u32> = user.parse().ok();
        // name:password:uid:gid:comment:home:shell
        let line = passwd.lines().map(fields).find(|line| match number {
            Some(number) => field(line, 2).parse() == Ok(number),
            None => field(line, 0) == user,
        });
        let (uid, first, home, name) = match &line {
            Some(line) => {
                let number =
                    |at: usize| field(line, at).parse().map_err(|_| UserError::NoNumber(user.to_owned()));
                (number(2)?, number(3)?, field(line, 5), field(line, 0))
            }
            None => (number.ok_or_else(|| unknown("user", user, "/etc/passwd"))?, 0, "/", ""),
        };
        let home = if home.is_empty() { "/" } else { home };

        let (gid, groups) = match own_group {
            Some(own) => (group_id(own, group)?, Vec::new()),
            None => (first, groups_of(name, first, group)),
        };
        Ok(Self { uid, gid, groups, home: home.to_owned() })
    }
}

/// The number of a group that is given by name or number.
fn group_id(name: &str, group: &str) -> Result<u32, UserError> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let line = group.lines().map(fields).find(|line| field(line, 0) == name);
    line.and_then(|line| field(&line, 2).parse().ok())
        .ok_or_else(|| unknown("group", name, "/etc/group"))
}

fn unknown(kind: &'static str, name: &str, file: &'static str) -> UserError {
    UserError::Unknown { kind, name: name.to_owned(), file }
}

/// The groups that list a user, without its first one.
fn groups_of(name: &str, first: u32, group: &str) -> Vec<u32> {
    // name:password:gid:members
    let listing = group
        .lines()
        .map(fields)
        .filter(|line| !name.is_empty() && field(line, 3).split(',').any(|member| member == name));
    let mut groups: Vec<u32> = listing.filter_map(|line| field(&line, 2).parse().ok()).collect();
    groups.retain(|gid| *gid != first);
    groups
}

fn fields(line: &str) -> Vec<&str> {
    line.trim().split(':').collect()
}

fn field<'a>(line: &[&'a str], at: usize) -> &'a str {
    line.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nnode:x:1000:1001::/home/node:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nnode:x:1001:node\naudio:x:29:tom,node\nstaff:x:50:tom\n";

    fn check(user: &str, uid: u32, gid: u32, groups: &[u32], home: &str) {
        let expected = User { uid, gid, groups: groups.to_vec(), home: home.to_owned() };
        assert_eq!(User::look_up(user, PASSWD, GROUP).unwrap(), expected, "{user:?}");
    }

    #[test]
    fn users_are_named_or_numbered() {
        check("node", 1000, 1001, &[29], "/home/node");
        check("1000", 1000, 1001, &[29], "/home/node");
        check("", 0, 0, &[], "/root");
        check("node:staff", 1000, 50, &[], "/home/node");
        check("node:7", 1000, 7, &[], "/home/node");
        check("4000", 4000, 0, &[], "/");
        check("4000:4001", 4000, 4001, &[], "/");
    }

    #[test]
    fn who_is_missing_is_named() {
        let error = |user: &str| User::look_up(user, PASSWD, GROUP).unwrap_err().to_string();
        assert_eq!(error("nobody"), "no user nobody in /etc/passwd");
        assert_eq!(error("node:nogroup"), "no group nogroup in /etc/group");
    }
}
