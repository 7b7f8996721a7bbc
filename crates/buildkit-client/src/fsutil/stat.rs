//! One entry of a tree: its path and what `lstat` says of it.

use std::collections::BTreeMap;

/// An entry as the protocol announces it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Relative path with `/`, not necessarily UTF-8.
    pub path: Vec<u8>,
    /// Kind and permissions.
    pub mode: Mode,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of a regular file, by each of its names; 0 for directories.
    pub size: i64,
    /// Time of last modification, nanoseconds since 1970.
    pub mtime: i64,
    /// Target of a symbolic link as written, or path of the entry that a hard link repeats.
    pub link: Vec<u8>,
    /// Major number of a device.
    pub device_major: i64,
    /// Minor number of a device.
    pub device_minor: i64,
    /// Extended attributes by full name.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl Stat {
    /// Whether this is a regular file that has bytes of its own.
    pub fn has_content(&self) -> bool {
        self.mode.kind() == Kind::File && self.link.is_empty()
    }

    /// Whether this repeats an earlier entry.
    pub fn is_hard_link(&self) -> bool {
        self.mode.kind() != Kind::Symlink && !self.link.is_empty()
    }
}

/// Kind and permissions in the bits of Go's `os.FileMode`, which are not those of `st_mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode(pub u32);

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file, or a hard link to one.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// Bits that no file has.
    Other,
}

impl Mode {
    /// A directory.
    pub const DIRECTORY: u32 = 1 << 31;
    /// A symbolic link.
    pub const SYMLINK: u32 = 1 << 27;
    /// A device.
    pub const DEVICE: u32 = 1 << 26;
    /// A named pipe.
    pub const FIFO: u32 = 1 << 25;
    /// A socket.
    pub const SOCKET: u32 = 1 << 24;
    /// Runs as its owner.
    pub const SETUID: u32 = 1 << 23;
    /// Runs as its group.
    pub const SETGID: u32 = 1 << 22;
    /// With [`Self::DEVICE`]: a character device.
    pub const CHAR_DEVICE: u32 = 1 << 21;
    /// Only owners remove entries.
    pub const STICKY: u32 = 1 << 20;

    const IRREGULAR: u32 = 1 << 19;
    const TYPE: u32 = Self::DIRECTORY
        | Self::SYMLINK
        | Self::DEVICE
        | Self::FIFO
        | Self::SOCKET
        | Self::CHAR_DEVICE
        | Self::IRREGULAR;

    /// From a unix `st_mode`.
    pub fn from_unix(st_mode: u32) -> Self {
        let kind = match st_mode & 0o170_000 {
            0o040_000 => Self::DIRECTORY,
            0o120_000 => Self::SYMLINK,
            0o060_000 => Self::DEVICE,
            0o020_000 => Self::DEVICE | Self::CHAR_DEVICE,
            0o010_000 => Self::FIFO,
            0o140_000 => Self::SOCKET,
            0o100_000 => 0,
            _ => Self::IRREGULAR,
        };
        let special = [(0o4000, Self::SETUID), (0o2000, Self::SETGID), (0o1000, Self::STICKY)];
        let bits = special.iter().filter(|(unix, _)| st_mode & unix != 0).map(|(_, go)| go);
        Self(kind | (st_mode & 0o777) | bits.sum::<u32>())
    }

    /// What the entry is.
    pub fn kind(self) -> Kind {
        match self.0 & Self::TYPE {
            0 => Kind::File,
            Self::DIRECTORY => Kind::Directory,
            Self::SYMLINK => Kind::Symlink,
            Self::FIFO => Kind::Fifo,
            Self::SOCKET => Kind::Socket,
            Self::DEVICE => Kind::BlockDevice,
            bits if bits == Self::DEVICE | Self::CHAR_DEVICE => Kind::CharDevice,
            _ => Kind::Other,
        }
    }

    /// Permissions in unix bits, with setuid, setgid and sticky.
    pub fn permissions(self) -> u32 {
        let special = [(0o4000, Self::SETUID), (0o2000, Self::SETGID), (0o1000, Self::STICKY)];
        let bits = special.iter().filter(|(_, go)| self.0 & go != 0).map(|(unix, _)| unix);
        (self.0 & 0o777) | bits.sum::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_modes_become_gos() {
        for (unix, go, kind) in [
            (0o100_644, 0o644, Kind::File),
            (0o104_755, Mode::SETUID | 0o755, Kind::File),
            (0o102_755, Mode::SETGID | 0o755, Kind::File),
            (0o041_777, Mode::DIRECTORY | Mode::STICKY | 0o777, Kind::Directory),
            (0o120_777, Mode::SYMLINK | 0o777, Kind::Symlink),
            (0o020_600, Mode::DEVICE | Mode::CHAR_DEVICE | 0o600, Kind::CharDevice),
            (0o060_600, Mode::DEVICE | 0o600, Kind::BlockDevice),
            (0o010_600, Mode::FIFO | 0o600, Kind::Fifo),
            (0o140_600, Mode::SOCKET | 0o600, Kind::Socket),
        ] {
            let mode = Mode::from_unix(unix);
            assert_eq!(mode.0, go, "{unix:o}");
            assert_eq!(mode.kind(), kind, "{unix:o}");
            assert_eq!(mode.permissions(), unix & 0o7777, "{unix:o}");
        }
        assert_eq!(Mode(Mode::DIRECTORY | Mode::SYMLINK).kind(), Kind::Other);
    }
}
