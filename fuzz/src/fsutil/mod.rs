//! The two ends of a transfer of directories, as values: fed whatever another end may say.

pub(crate) mod receive;
pub(crate) mod send;

use buildkit_client::fsutil::packet::Packet;
use buildkit_client::fsutil::stat::{Mode, Stat};
use buildkit_proto::Message;
use buildkit_proto::fsutil as pb;

use crate::script::Script;

/// Names that a path is made of: few, so that entries meet.
const NAMES: [&[u8]; 12] =
    [b"a", b"b", b"c", b"d", b"a-b", b"a.b", b"..", b".", b"", b"\xff\n", b"x\0y", b"\x1b[2J"];

/// Kinds and permissions, and bits that no file has.
const MODES: [u32; 12] = [
    0o644,
    Mode::DIRECTORY | 0o755,
    Mode::SYMLINK | 0o777,
    Mode::SETUID | Mode::SETGID | 0o755,
    Mode::FIFO | 0o600,
    Mode::SOCKET | 0o600,
    Mode::DEVICE | 0o600,
    Mode::DEVICE | Mode::CHAR_DEVICE | 0o600,
    Mode::DIRECTORY | Mode::SYMLINK,
    Mode::DIRECTORY | Mode::STICKY | Mode::SETGID | 0o777,
    u32::MAX,
    0,
];

/// Sizes: mostly so small that their bytes can follow.
const SIZES: [i64; 8] = [0, 1, 2, 3, 40, i64::MAX, i64::MIN, -1];

/// The next entry of a script.
fn entry(script: &mut Script<'_>) -> Box<Stat> {
    let path = path(script);
    let mode = Mode(script.pick(&MODES));
    let shape = script.byte();
    let link = match shape & 0b11 {
        0b00 | 0b01 => Vec::new(),
        0b10 => self::path(script),
        _ => script.bytes().to_vec(),
    };
    let size = script.pick(&SIZES);
    let mtime = if shape & 0b100 == 0 { 0 } else { [i64::MIN, -1, i64::MAX][usize::from(shape >> 6) % 3] };
    Box::new(Stat { path, mode, size, mtime, link, ..Stat::default() })
}

/// A path of up to three names, or any bytes.
fn path(script: &mut Script<'_>) -> Vec<u8> {
    let shape = script.byte();
    let names: Vec<&[u8]> = match shape {
        0..=251 => (0..=shape % 3).map(|_| script.pick(&NAMES)).collect(),
        252 => vec![b"", script.pick(&NAMES)],
        _ => return script.bytes().to_vec(),
    };
    names.join(&b'/')
}

/// The next packet of a script, from the wire; nothing if it is none.
fn wire_packet(script: &mut Script<'_>) -> Option<Packet> {
    let packet = Packet::try_from(pb::Packet::decode(script.bytes()).ok()?).ok()?;
    let bytes = pb::Packet::from(packet.clone()).encode_to_vec();
    let again = pb::Packet::decode(&bytes[..]).expect("what was encoded here is a packet");
    assert_eq!(Packet::try_from(again).as_ref(), Ok(&packet), "a packet survives the wire");
    Some(packet)
}
