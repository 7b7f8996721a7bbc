//! What the two ends say to each other, and how that looks on the wire.

use bytes::Bytes;

use buildkit_proto::fsutil as pb;
use buildkit_proto::fsutil::packet::PacketType;

use super::stat::{Mode, Stat};

/// One message of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// Sender: the next entry. Its id is the number of entries before it.
    Stat(Box<Stat>),
    /// Sender: that were all entries.
    EndOfStats,
    /// Receiver: send the bytes of this file.
    Request(u32),
    /// Sender: the next bytes of a file; none at all end it.
    Data {
        /// The file.
        id: u32,
        /// At most [`MAX_DATA`] of its bytes.
        bytes: Bytes,
    },
    /// Both: there is nothing more to say.
    Finish,
    /// Both: the transfer failed, in words for people.
    Error(String),
}

/// Bytes in one data packet.
pub const MAX_DATA: usize = 32 * 1024;

/// Bytes of the other end's error that are kept.
const MAX_ERROR: usize = 16 << 10;

/// A packet that is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("packet of unknown type {0}")]
pub struct UnknownPacket(i32);

impl From<Packet> for pb::Packet {
    fn from(packet: Packet) -> Self {
        let of = |kind: PacketType| Self { r#type: kind.into(), ..Self::default() };
        match packet {
            Packet::Stat(stat) => Self { stat: Some((*stat).into()), ..of(PacketType::PacketStat) },
            Packet::EndOfStats => of(PacketType::PacketStat),
            Packet::Request(id) => Self { id, ..of(PacketType::PacketReq) },
            Packet::Data { id, bytes } => Self { id, data: bytes, ..of(PacketType::PacketData) },
            Packet::Finish => of(PacketType::PacketFin),
            Packet::Error(text) => Self { data: text.into(), ..of(PacketType::PacketErr) },
        }
    }
}

impl TryFrom<pb::Packet> for Packet {
    type Error = UnknownPacket;

    fn try_from(packet: pb::Packet) -> Result<Self, UnknownPacket> {
        let kind = PacketType::try_from(packet.r#type).map_err(|_| UnknownPacket(packet.r#type))?;
        Ok(match (kind, packet.stat) {
            (PacketType::PacketStat, Some(stat)) => Self::Stat(Box::new(stat.into())),
            (PacketType::PacketStat, None) => Self::EndOfStats,
            (PacketType::PacketReq, _) => Self::Request(packet.id),
            (PacketType::PacketData, _) => Self::Data { id: packet.id, bytes: packet.data },
            (PacketType::PacketFin, _) => Self::Finish,
            (PacketType::PacketErr, _) => {
                let text = &packet.data[..packet.data.len().min(MAX_ERROR)];
                Self::Error(String::from_utf8_lossy(text).into_owned())
            }
        })
    }
}

impl From<Stat> for pb::Stat {
    fn from(stat: Stat) -> Self {
        let xattrs = stat.xattrs.into_iter();
        Self {
            path: stat.path.into(),
            mode: stat.mode.0,
            uid: stat.uid,
            gid: stat.gid,
            size: stat.size,
            mod_time: stat.mtime,
            linkname: stat.link.into(),
            devmajor: stat.device_major,
            devminor: stat.device_minor,
            xattrs: xattrs
                .map(|(key, value)| pb::stat::XattrsEntry { key: Some(key), value: Some(value.into()) })
                .collect(),
        }
    }
}

impl From<pb::Stat> for Stat {
    fn from(stat: pb::Stat) -> Self {
        let xattrs = stat.xattrs.into_iter();
        Self {
            path: stat.path.into(),
            mode: Mode(stat.mode),
            uid: stat.uid,
            gid: stat.gid,
            size: stat.size,
            mtime: stat.mod_time,
            link: stat.linkname.into(),
            device_major: stat.devmajor,
            device_minor: stat.devminor,
            xattrs: xattrs
                .map(|e| (e.key.unwrap_or_default(), e.value.unwrap_or_default().into()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use buildkit_proto::Message;

    use super::*;

    #[test]
    fn packets_survive_the_wire() {
        let stat = Stat {
            path: b"dir/\xff\n".to_vec(),
            mode: Mode(Mode::SYMLINK | 0o777),
            mtime: -1,
            link: b"../\xfe".to_vec(),
            xattrs: [("user.a".to_owned(), vec![0, 1]), ("user.b".to_owned(), vec![])].into(),
            ..Stat::default()
        };
        for packet in [
            Packet::Stat(Box::new(stat)),
            Packet::EndOfStats,
            Packet::Request(7),
            Packet::Data { id: 7, bytes: Bytes::from_static(b"x") },
            Packet::Finish,
            Packet::Error("no".to_owned()),
        ] {
            let bytes = pb::Packet::from(packet.clone()).encode_to_vec();
            assert_eq!(Packet::try_from(pb::Packet::decode(bytes.as_slice()).unwrap()), Ok(packet));
        }
    }

    #[test]
    fn the_last_stat_is_an_empty_message() {
        assert!(pb::Packet::from(Packet::EndOfStats).encode_to_vec().is_empty());
    }

    #[test]
    fn an_unknown_type_is_an_error() {
        let packet = pb::Packet { r#type: 9, ..pb::Packet::default() };
        assert_eq!(Packet::try_from(packet), Err(UnknownPacket(9)));
    }
}
