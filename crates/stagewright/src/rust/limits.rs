//! What compiling and running a program may take.
//!
//! All limits grow and shrink together, by one factor: [`LIMITS_ARG`]. Processor time and memory are those of a process.

use std::str::FromStr;
use std::time::Duration;

use buildkit_llb::Ulimit;

/// The build arg that multiplies all limits.
pub const LIMITS_ARG: &str = "STAGEWRIGHT_RUST_LIMITS";

/// The factors that are taken.
const FACTORS: std::ops::RangeInclusive<f64> = 0.01..=100.0;

/// Who needs more processes than that builds nothing. It is the smallest number, too: a program shares it with others.
const PROCESSES: i64 = 64;

/// How much of everything the steps of a program may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    factor: f64,
}

/// A text that is no factor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "build arg `{LIMITS_ARG}` is `{0}`: write a number from 0.01 to 100, by which all limits of a build program are \
     multiplied"
)]
pub struct LimitsError(String);

/// What one step may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StepLimits {
    /// Processor time of a process, in seconds.
    pub(super) processor: i64,
    /// Time on the clock, in seconds.
    pub(super) clock: i64,
    /// Memory of a process, in bytes: what it shares with no other.
    pub(super) memory: i64,
    /// Longest file that is written, in bytes.
    pub(super) file: i64,
}

impl Limits {
    /// The compiling step.
    pub(super) fn compile(self) -> StepLimits {
        self.of(StepLimits { processor: 60, clock: 120, memory: 4 << 30, file: 256 << 20 })
    }

    /// The running step.
    pub(super) fn run(self) -> StepLimits {
        self.of(StepLimits { processor: 20, clock: 60, memory: 2 << 30, file: 16 << 20 })
    }

    /// How to have more, for errors.
    pub(super) fn advice(self) -> String {
        format!(
            "if it needs more, `--build-arg {LIMITS_ARG}={}` allows four times as much of everything",
            self.factor * 4.0
        )
    }

    fn of(self, step: StepLimits) -> StepLimits {
        StepLimits {
            processor: self.times(step.processor),
            clock: self.times(step.clock),
            memory: self.times(step.memory),
            file: self.times(step.file),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "limits need not be exact"
    )]
    fn times(self, value: i64) -> i64 {
        ((value as f64 * self.factor).round() as i64).max(1)
    }
}

impl StepLimits {
    /// As a step is given them. At the soft limit of processor time a process gets SIGXCPU, which the first process of a
    /// container does not heed: at the hard limit it is killed.
    pub(super) fn ulimits(self) -> Vec<Ulimit> {
        let limits = [
            ("core", 0, 0),
            ("cpu", self.processor, self.processor + 1),
            ("data", self.memory, self.memory),
            ("fsize", self.file, self.file),
        ];
        let ulimit = |(name, soft, hard): (&str, i64, i64)| Ulimit { name: name.to_owned(), soft, hard };
        limits.map(ulimit).into()
    }

    /// A limit of processes, for a user that is not root: root has none.
    pub(super) fn processes() -> Ulimit {
        Ulimit { name: "nproc".to_owned(), soft: PROCESSES, hard: PROCESSES }
    }

    pub(super) fn clock(self) -> Duration {
        Duration::from_secs(self.clock.unsigned_abs())
    }

    /// What an exit code probably means: the limit that was reached.
    ///
    /// A process that a signal ends has 128 and the signal's number; the first one of a container aborts by a fault.
    /// `timeout` ends with 124.
    pub(super) fn reached(self, exit_code: Option<u32>) -> Option<String> {
        let Self { processor, clock, memory, file } = self;
        Some(match exit_code? {
            124 => format!("it was stopped after {clock} s"),
            152 => format!("it was stopped after {processor} s of processor time"),
            137 => format!(
                "it was killed, most likely after {processor} s of processor time: is there a loop without end?"
            ),
            134 | 139 => format!(
                "it crashed: the log above says whether it was out of stack or of its {} of memory",
                size(memory)
            ),
            153 => format!("it wrote a file of more than {}", size(file)),
            _ => return None,
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { factor: 1.0 }
    }
}

impl FromStr for Limits {
    type Err = LimitsError;

    fn from_str(text: &str) -> Result<Self, LimitsError> {
        let factor = text.parse().ok().filter(|factor| FACTORS.contains(factor));
        factor.map(|factor| Self { factor }).ok_or_else(|| LimitsError(text.to_owned()))
    }
}

/// Bytes in words.
pub(super) fn size(bytes: i64) -> String {
    match bytes {
        _ if bytes >= 1 << 30 && bytes % (1 << 30) == 0 => format!("{} GiB", bytes >> 30),
        _ if bytes >= 1 << 20 => format!("{} MiB", bytes >> 20),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_limits_are_multiplied() {
        let run = "2.5".parse::<Limits>().unwrap().run();
        assert_eq!(run, StepLimits { processor: 50, clock: 150, memory: 5 << 30, file: 40 << 20 });
        assert_eq!(run.reached(Some(124)).unwrap(), "it was stopped after 150 s");
        assert!(run.reached(Some(134)).unwrap().contains("its 5 GiB of memory"));
        assert_eq!(run.reached(Some(3)), None);
        assert_eq!("0.01".parse::<Limits>().unwrap().run().processor, 1);
        assert!("2".parse::<Limits>().unwrap().advice().contains("STAGEWRIGHT_RUST_LIMITS=8"));
    }

    #[test]
    fn a_factor_is_a_number() {
        for text in ["", "0", "-1", "1e9", "nan", "inf", "4x"] {
            let error = text.parse::<Limits>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("build arg `STAGEWRIGHT_RUST_LIMITS` is `{text}`: ")),
                "{error}"
            );
        }
    }
}
