//! Why a value could not be read.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};
use stagewright_plan::Problem;

#[derive(Debug)]
pub(crate) enum Fault {
    /// It was noted where it was found.
    Said,
    /// A map lacks this key.
    Missing(&'static str),
    /// Something is wrong with the value as a whole.
    Why(Box<Problem>),
}

impl Fault {
    pub(super) fn why(message: impl Into<String>) -> Self {
        Self::Why(Box::new(Problem::new(message)))
    }

    /// What to say about it, unless it was said.
    pub(super) fn problem(self) -> Option<Problem> {
        match self {
            Self::Said => None,
            Self::Missing(key) => Some(Problem::new(format!("`{key}` is missing here"))),
            Self::Why(problem) => Some(*problem),
        }
    }
}

impl de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self::why(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::why(format!("{expected} is expected here"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Unsigned(number) => Self::why(format!("{number} is too large for {expected}")),
            _ => Self::why(format!("{expected} is expected here")),
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said => f.write_str("noted"),
            Self::Missing(key) => write!(f, "`{key}` is missing here"),
            Self::Why(problem) => write!(f, "{problem}"),
        }
    }
}

impl std::error::Error for Fault {}
