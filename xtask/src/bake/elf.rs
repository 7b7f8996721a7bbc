//! The head of a program's file (ELF, System V gABI 4.1): what it runs on, and that it needs no other file.

use anyhow::{Context as _, Result, bail, ensure};

/// What a program runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Machine {
    X86_64,
    Aarch64,
}

impl Machine {
    /// Its name in platforms.
    pub(super) fn architecture(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// Its name in the names of programs, and Rust's.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }
}

/// What the kernel loads a program with that is not static.
const INTERPRETER: u32 = 3;

/// What a static program runs on: of 64 bits, the lower byte first. An error of any other file.
pub(super) fn machine(file: &[u8]) -> Result<Machine> {
    ensure!(file.starts_with(b"\x7fELF\x02\x01"), "it is no ELF program of 64 bits");
    let machine = match number(file, 18, 2)? {
        62 => Machine::X86_64,
        183 => Machine::Aarch64,
        other => bail!("it is for the machine {other}"),
    };
    let (table, size, count) = (number(file, 32, 8)?, number(file, 54, 2)?, number(file, 56, 2)?);
    for segment in 0..count {
        let kind = number(file, table.saturating_add(segment * size), 4)?;
        ensure!(kind != u64::from(INTERPRETER), "it is not static");
    }
    Ok(machine)
}

fn number(file: &[u8], at: u64, size: usize) -> Result<u64> {
    let at = usize::try_from(at)?;
    let bytes = at.checked_add(size).and_then(|end| file.get(at..end));
    let bytes = bytes.context("it is no whole ELF program")?;
    Ok(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(machine: u8, segment: u8) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01".to_vec();
        file.resize(64 + 56, 0);
        (file[18], file[32], file[54], file[56], file[64]) = (machine, 64, 56, 1, segment);
        file
    }

    #[test]
    fn a_static_program_tells_its_machine() {
        assert_eq!(machine(&elf(183, 1)).unwrap(), Machine::Aarch64);
        assert_eq!(machine(&elf(62, 1)).unwrap(), Machine::X86_64);
    }

    #[test]
    fn other_files_are_refused() {
        let error = |file: &[u8]| machine(file).unwrap_err().to_string();
        assert_eq!(error(&elf(183, 3)), "it is not static");
        assert_eq!(error(&elf(8, 1)), "it is for the machine 8");
        assert_eq!(error(b"#!/bin/sh"), "it is no ELF program of 64 bits");
        assert_eq!(error(&elf(62, 1)[..60]), "it is no whole ELF program");
    }
}
