//! Trees of files that are the same on every machine and in every run.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Files in one directory.
const FILES: u32 = 20;
/// Directories in one directory.
const DIRECTORIES: u32 = 12;
/// Bytes of a source file: from, and to less than.
const SIZES: std::ops::Range<u64> = 100..3_000;

/// Makes a tree of this many small files, three levels of directories deep and deeper where they are many.
pub(super) fn sources(root: &Path, count: u32) -> Result<()> {
    let mut random = Random(1);
    let mut bytes = Vec::new();
    for number in 0..count {
        let directory = directory(root, number / FILES);
        if number % FILES == 0 {
            fs::create_dir_all(&directory)
                .with_context(|| format!("cannot create {}", directory.display()))?;
        }
        let size = SIZES.start + random.next() % (SIZES.end - SIZES.start);
        bytes.clear();
        bytes.extend((0..size).map(|_| b' ' + (random.next() % 95) as u8));
        let path = directory.join(format!("module-{number}.ts"));
        fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Writes one more line at the end of one of the tree's files.
pub(super) fn change(root: &Path) -> Result<()> {
    let path = directory(root, 0).join("module-0.ts");
    let mut file = File::options()
        .append(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    writeln!(file, "changed").with_context(|| format!("cannot write {}", path.display()))
}

/// Makes a directory with one large file in it.
pub(super) fn large(root: &Path, megabytes: u32) -> Result<()> {
    fs::create_dir_all(root).with_context(|| format!("cannot create {}", root.display()))?;
    let path = root.join("model.bin");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let mut random = Random(2);
    for _ in 0..u64::from(megabytes) * 1_000_000 / 8 {
        file.write_all(&random.next().to_le_bytes())?;
    }
    file.flush().with_context(|| format!("cannot write {}", path.display()))
}

/// The directory with this number: its digits to the base of [`DIRECTORIES`], the last one first.
fn directory(root: &Path, mut number: u32) -> PathBuf {
    let mut path = root.join("packages");
    loop {
        path.push(format!("part-{}", number % DIRECTORIES));
        number /= DIRECTORIES;
        if number == 0 {
            return path;
        }
    }
}

/// Xorshift: numbers that compress badly, fast.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths and contents.
    fn read(root: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in fs::read_dir(root).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => read(&path, found),
                false => found.push((path.clone(), fs::read(&path).unwrap())),
            }
        }
    }

    #[test]
    fn a_tree_has_as_many_files_as_asked_for_and_can_change() {
        let dir = tempfile::tempdir().unwrap();
        sources(dir.path(), 500).unwrap();
        let mut before = Vec::new();
        read(dir.path(), &mut before);
        assert_eq!(before.len(), 500);
        assert!(before.iter().all(|(_, bytes)| SIZES.contains(&(bytes.len() as u64))));
        change(dir.path()).unwrap();
        let mut after = Vec::new();
        read(dir.path(), &mut after);
        let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert_eq!((after.len(), changed), (500, 1));
    }

    #[test]
    fn a_large_file_has_its_size() {
        let dir = tempfile::tempdir().unwrap();
        large(dir.path(), 1).unwrap();
        assert_eq!(fs::metadata(dir.path().join("model.bin")).unwrap().len(), 1_000_000);
    }
}
