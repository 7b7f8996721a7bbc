//! Random ids of builds and sessions.

/// How many characters an id has: enough for 128 bits in base 36.
const LENGTH: usize = 25;
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes: {0}")]
pub struct NoRandomness(getrandom::Error);

/// A random id: 25 characters of base 36, as BuildKit makes its own
/// (BuildKit v0.34 `identity/randomid.go`).
///
/// # Errors
/// The system gave no random bytes.
pub fn new_id() -> Result<String, NoRandomness> {
    let mut id = String::with_capacity(LENGTH);
    while id.len() < LENGTH {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(NoRandomness)?;
        // 252 is the largest multiple of 36 in a byte: what lies above it would favour some digits.
        let fair = bytes.iter().filter(|byte| **byte < 252).map(|byte| usize::from(byte % 36));
        id.extend(fair.take(LENGTH - id.len()).map(|digit| char::from(DIGITS[digit])));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_long_plain_and_different() {
        let (one, two) = (new_id().unwrap(), new_id().unwrap());
        assert_eq!(one.len(), 25);
        assert!(one.bytes().all(|byte| DIGITS.contains(&byte)), "{one}");
        assert_ne!(one, two);
    }
}
