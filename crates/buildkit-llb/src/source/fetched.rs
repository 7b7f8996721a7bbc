//! The one file that some sources give.
//!
//! Attributes as in BuildKit v0.34 client/llb/source.go, refusals as in source/util/pathutil.

use std::collections::BTreeMap;

use crate::OpError;

/// What a fetched file is called, and whose it is; zero and empty leave it to the daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchedFile {
    /// Its name in the root directory; empty for the last part of what it is fetched from.
    pub name: String,
    /// Permission bits, at most 0777; zero for 0600.
    pub mode: u16,
    /// Whose file it is.
    pub uid: u32,
    /// And of which group.
    pub gid: u32,
}

impl FetchedFile {
    pub(super) fn add_attrs(&self, attrs: &mut BTreeMap<&'static str, String>) {
        if !self.name.is_empty() {
            attrs.insert("http.filename", self.name.clone());
        }
        if self.mode != 0 {
            attrs.insert("http.perm", format!("0{:o}", self.mode));
        }
        for (name, id) in [("http.uid", self.uid), ("http.gid", self.gid)] {
            if id != 0 {
                attrs.insert(name, id.to_string());
            }
        }
    }

    /// A daemon would give the file another name instead, and other bits of the mode are nowhere to be said.
    pub(super) fn validate(&self, identifier: &str) -> Result<(), OpError> {
        let name = &self.name;
        let is_name = !matches!(name.as_str(), "." | "..")
            && !name.contains(|c: char| c == '/' || c.is_control())
            && name.trim() == name;
        if !is_name {
            return Err(OpError::FileName { identifier: identifier.to_owned(), name: name.clone() });
        }
        if self.mode > 0o777 {
            return Err(OpError::FileMode { identifier: identifier.to_owned(), mode: self.mode });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_root() {
        let file = |name: &str| FetchedFile { name: name.to_owned(), ..FetchedFile::default() };
        for name in ["", "a", "資料 1.txt", "..a"] {
            assert_eq!(file(name).validate("x"), Ok(()), "{name:?}");
        }
        for name in [".", "..", "a/b", "/", " a", "a\n"] {
            let error = file(name).validate("x").unwrap_err().to_string();
            assert_eq!(error, format!("source \"x\" names its file {name:?}, which is no plain file name"));
        }
    }

    #[test]
    fn modes_are_permissions_alone() {
        let file = |mode| FetchedFile { mode, ..FetchedFile::default() };
        assert_eq!(file(0o777).validate("x"), Ok(()));
        let error = file(0o4755).validate("x").unwrap_err().to_string();
        assert_eq!(error, "source \"x\" gives its file the mode 4755: the highest is 0777");
    }
}
