//! Whose a file is.

use buildkit_proto::pb;

/// A user, a group, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub user: Option<UserId>,
    /// The group.
    pub group: Option<UserId>,
}

/// A user or a group by number or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserId {
    /// By number.
    Id(u32),
    /// By a name in `/etc/passwd` or `/etc/group`.
    Name(String),
}

impl Owner {
    /// The owner that `user`, `user:` or `user:group` means.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        let parse = |id: &str| (!id.is_empty()).then(|| UserId::parse(id));
        Self { user: parse(user), group: parse(group) }
    }

    /// A user and a group by number.
    #[must_use]
    pub fn ids(uid: u32, gid: u32) -> Self {
        Self { user: Some(UserId::Id(uid)), group: Some(UserId::Id(gid)) }
    }

    /// The first of the two that is a name.
    pub(super) fn name(&self) -> Option<&str> {
        [&self.user, &self.group].into_iter().flatten().find_map(|id| match id {
            UserId::Id(_) => None,
            UserId::Name(name) => Some(name.as_str()),
        })
    }

    pub(super) fn to_pb(&self, base: i64) -> pb::ChownOpt {
        let user = |id: &Option<UserId>| {
            id.as_ref().map(|id| pb::UserOpt {
                user: Some(match id {
                    UserId::Id(id) => pb::user_opt::User::ById(*id),
                    UserId::Name(name) => {
                        pb::user_opt::User::ByName(pb::NamedUserOpt { name: name.clone(), input: base })
                    }
                }),
            })
        };
        pb::ChownOpt { user: user(&self.user), group: user(&self.group) }
    }
}

impl UserId {
    /// `root` and decimal numbers are numbers, everything else is a name.
    fn parse(text: &str) -> Self {
        if text == "root" {
            return Self::Id(0);
        }
        // Go reads a signed number and stores its bits.
        text.parse::<i32>()
            .map_or_else(|_| Self::Name(text.to_owned()), |id| Self::Id(id.cast_unsigned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_read_as_chown_reads_them() {
        let name = |name: &str| Some(UserId::Name(name.to_owned()));
        let id = |id| Some(UserId::Id(id));
        for (text, user, group) in [
            ("root", id(0), None),
            ("0", id(0), None),
            ("1000:1000", id(1000), id(1000)),
            ("bob", name("bob"), None),
            ("bob:", name("bob"), None),
            ("bob:staff", name("bob"), name("staff")),
            ("bob:5", name("bob"), id(5)),
            (":staff", None, name("staff")),
            ("4294967295", name("4294967295"), None),
            ("", None, None),
        ] {
            assert_eq!(Owner::parse(text), Owner { user, group }, "{text:?}");
        }
    }
}
