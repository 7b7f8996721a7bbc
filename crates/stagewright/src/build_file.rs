//! A build file of this machine: a text of bounded size.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

/// The largest build file that is read, in bytes: as large as a frontend takes one.
const MAX_BYTES: u64 = 16 << 20;

/// Reads a build file.
///
/// # Errors
/// It cannot be read, is no file of at most 16 MiB, or no text. A pipe or a device is refused before it is opened: the one
/// waits for a writer, and the other may never end.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let kind = fs::metadata(path)?;
    if kind.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a directory: name the file in it"));
    }
    if !kind.is_file() {
        let text = "it is a pipe, a socket or a device: write what it gives into a file, and name that";
        return Err(io::Error::new(ErrorKind::InvalidInput, text));
    }
    let mut data = Vec::new();
    // What grows in the meantime is not read to its end.
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut data)?;
    if data.len() as u64 > MAX_BYTES {
        let text = format!("it has more than {MAX_BYTES} bytes, which is the most that is read");
        return Err(io::Error::new(ErrorKind::FileTooLarge, text));
    }
    String::from_utf8(data).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        let text = format!(
            "it is no UTF-8 text: line {line} has a byte 0x{:02x} that cannot stand there",
            bytes[at]
        );
        io::Error::new(ErrorKind::InvalidData, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_file_is_a_text_of_bounded_size() {
        let folder = tempfile::tempdir().unwrap();
        let file = |data: &[u8]| {
            let path = folder.path().join("stages.yaml");
            fs::write(&path, data).unwrap();
            read(&path)
        };
        let largest = vec![b'#'; usize::try_from(MAX_BYTES).unwrap()];
        assert_eq!(file(&largest).unwrap().len(), largest.len());
        let told = |data: &[u8]| file(data).unwrap_err().to_string();
        assert!(told(&[largest.as_slice(), b"#"].concat()).contains("more than 16777216 bytes"));
        assert!(told(b"a: b\nc: \xff").contains("line 2 has a byte 0xff"));
        assert!(read(folder.path()).unwrap_err().to_string().contains("is a directory"));
        for endless in ["/dev/zero", "/dev/null"] {
            let told = read(Path::new(endless)).unwrap_err().to_string();
            assert!(told.contains("a pipe, a socket or a device"), "{told}");
        }
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(read(&socket).unwrap_err().to_string().contains("a pipe, a socket or a device"));
        #[cfg(feature = "frontend")]
        assert_eq!(MAX_BYTES, buildkit_frontend::Entry::MAX_BYTES);
    }
}
