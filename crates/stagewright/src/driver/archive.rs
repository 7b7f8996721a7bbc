//! Whether bytes are the start of an archive that the daemon unpacks.
//!
//! As BuildKit v0.34 `frontend/dockerui/context.go` tells an archive from a single file.

/// How much of a file has to be looked at.
pub(super) const HEAD: u64 = 1024;

/// bzip2, gzip, xz, zstd.
const MAGIC: [&[u8]; 4] = [b"BZh", b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"];

/// Whether this is compressed, or a tar archive.
pub(super) fn is_archive(head: &[u8]) -> bool {
    MAGIC.iter().any(|magic| head.starts_with(magic)) || is_skippable_zstd(head) || is_tar(head)
}

/// A zstd stream may begin with frames for others than decoders.
fn is_skippable_zstd(head: &[u8]) -> bool {
    head.len() >= 8 && head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18]
}

/// The first block of a tar archive names a file, and has the sum of its own bytes in octal digits.
fn is_tar(head: &[u8]) -> bool {
    const SUM: std::ops::Range<usize> = 148..156;
    let Some(block) = head.get(..512) else { return false };
    let digits = block[SUM].iter().copied().skip_while(|b| matches!(b, b' ' | 0));
    let digits: Vec<u8> = digits.take_while(|b| matches!(b, b'0'..=b'7')).collect();
    let Ok(text) = std::str::from_utf8(&digits) else { return false };
    let Ok(told) = u32::from_str_radix(text, 8) else { return false };
    let bytes = block.iter().enumerate();
    let sum: u32 = bytes.map(|(i, b)| if SUM.contains(&i) { 32 } else { u32::from(*b) }).sum();
    told == sum && block[0] != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_known_by_their_first_bytes() {
        for head in [b"BZh91AY".as_slice(), b"\x1f\x8b\x08\0", b"\xfd7zXZ\0\0", b"\x28\xb5\x2f\xfd\0"] {
            assert!(is_archive(head), "{head:?}");
        }
        assert!(is_archive(b"\x5a\x2a\x4d\x18\x04\0\0\0"));
        for head in [b"".as_slice(), b"\x1f\x8b", b"stages:\n", b"# syntax=a\n"] {
            assert!(!is_archive(head), "{head:?}");
        }
    }

    #[test]
    fn a_tar_archive_has_a_sum_that_is_right() {
        let mut block = [0u8; 1024];
        block[..4].copy_from_slice(b"file");
        block[100..108].copy_from_slice(b"0000644\0");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block[..512].iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert!(is_archive(&block));
        block[0] = b'g';
        assert!(!is_archive(&block));
        assert!(!is_archive(&[0u8; 1024]));
        assert!(!is_archive(&[b'a'; 1024]));
    }
}
