//! The forms in which a secret may stand in something: as it is, or as tools write it.

use std::collections::BTreeSet;
use std::fmt;

use buildkit_llb::Digest;
use serde_json::to_string;

/// Bytes that a secret has at least: of fewer, other things would be taken for it.
pub(in crate::builder) const MIN_SECRET: usize = 8;

/// Of a longer one this is looked for, and its sums: where the whole stands, its beginning does.
const MAX_LOOKED_FOR: usize = 4 << 10;

/// A form in which a secret was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Form {
    /// Byte for byte.
    Value,
    /// As a string of JSON.
    Json,
    /// In base64, of either alphabet, wherever in the encoded bytes it begins, and however the lines are broken.
    Base64,
    /// In hexadecimal digits.
    Hex,
    /// Its SHA-256, in any of these forms: whoever guesses the value can check it.
    Sha256,
}

/// Bytes to look for, and what they say.
pub(super) struct Needle {
    pub(super) form: Form,
    pub(super) bytes: Vec<u8>,
    /// Whether spaces and line ends may stand between any two bytes: lines of base64 are broken.
    pub(super) spaced: bool,
}

/// All forms of a value. Line ends after it do not count: files have them, variables mostly have not.
pub(super) fn needles(value: &[u8]) -> Vec<Needle> {
    let trimmed = trimmed(value);
    let begin = &trimmed[..trimmed.len().min(MAX_LOOKED_FOR)];
    let mut needles = Vec::new();
    let mut seen = BTreeSet::new();
    let mut add = |form, bytes: Vec<u8>, spaced| {
        if seen.insert(bytes.clone()) {
            needles.push(Needle { form, bytes, spaced });
        }
    };
    add(Form::Value, begin.to_vec(), false);
    if let Ok(text) = std::str::from_utf8(begin) {
        for json in json(text) {
            add(Form::Json, json.into_bytes(), false);
        }
    }
    for encoded in base64(begin) {
        add(Form::Base64, encoded, true);
    }
    for encoded in hex(begin) {
        add(Form::Hex, encoded.into_bytes(), true);
    }
    // The sum of a file is that of its line end, too.
    for hashed in [trimmed, value, &[trimmed, b"\n"].concat()] {
        let sum = Digest::of(hashed);
        let sum = sum.as_bytes();
        for encoded in hex(sum) {
            add(Form::Sha256, encoded.into_bytes(), true);
        }
        for encoded in base64(sum) {
            add(Form::Sha256, encoded, true);
        }
        add(Form::Sha256, sum.to_vec(), false);
    }
    needles
}

/// The value without line ends after it.
pub(in crate::builder) fn trimmed(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
    &value[..end.map_or(0, |last| last + 1)]
}

/// As a string of JSON without its quotes: as most write it, and as Go does, which escapes what HTML would read.
fn json(text: &str) -> [String; 2] {
    let quoted = to_string(text).expect("a string is JSON");
    let plain = quoted[1..quoted.len() - 1].to_owned();
    let go = plain.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    [plain, go]
}

/// What stands in base64 when the value begins at any place of the encoded bytes, without the digits that what is
/// before and after it decides, too.
fn base64(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |at: usize| {
        // The bit that a digit begins with, from the value's first.
        let bits = (at..at + 6).map(|bit| (value[bit / 8] >> (7 - bit % 8)) & 1);
        bits.fold(0, |digit, bit| (digit << 1) | usize::from(bit))
    };
    // A value that begins 0, 1 or 2 bytes after a group of three has its first own digit after 0, 4 or 2 bits.
    let digits = [0, 4, 2].map(|first| {
        let starts = (first..).step_by(6).take_while(|at| at + 6 <= value.len() * 8);
        starts.map(digit).collect::<Vec<usize>>()
    });
    let alphabets = [STANDARD, URL].into_iter();
    alphabets
        .flat_map(move |alphabet| digits.clone().map(|digits| digits.iter().map(|d| alphabet[*d]).collect()))
}

fn hex(value: &[u8]) -> [String; 2] {
    let lower: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
    let upper = lower.to_uppercase();
    [lower, upper]
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value => "its value",
            Self::Json => "its value in JSON",
            Self::Base64 => "its value in base64",
            Self::Hex => "its value in hexadecimal",
            Self::Sha256 => "its SHA-256",
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    const SECRET: &[u8] = b"hunter2~\xff\xfe>tail";

    fn contains(text: &[u8], form: Form) -> bool {
        let found = |needle: &Needle| text.windows(needle.bytes.len()).any(|window| window == needle.bytes);
        needles(SECRET).iter().any(|needle| needle.form == form && found(needle))
    }

    #[test]
    fn base64_is_known_at_every_alignment() {
        for before in 0..7 {
            for after in 0..4 {
                let text = [vec![b'a'; before], SECRET.to_vec(), vec![b'z'; after]].concat();
                assert!(contains(STANDARD.encode(&text).as_bytes(), Form::Base64), "{before} {after}");
                assert!(contains(URL_SAFE.encode(&text).as_bytes(), Form::Base64), "{before} {after}");
            }
        }
        assert!(!contains(STANDARD.encode(b"something else of some length").as_bytes(), Form::Base64));
    }

    #[test]
    fn the_other_forms_are_known() {
        assert!(contains(&[b"a=", SECRET, b"\n"].concat(), Form::Value));
        assert!(contains(b"68756e746572327efffe3e7461696c", Form::Hex));
        assert!(contains(b"68756E746572327EFFFE3E7461696C", Form::Hex));
        let sum = Digest::of(SECRET);
        assert!(contains(sum.to_string().as_bytes(), Form::Sha256));
        assert!(contains(Digest::of(&[SECRET, b"\n"].concat()).to_string().as_bytes(), Form::Sha256));
        assert!(contains(STANDARD.encode(sum.as_bytes()).as_bytes(), Form::Sha256));
        assert!(contains(sum.as_bytes(), Form::Sha256));
    }

    #[test]
    fn json_is_known_as_go_writes_it() {
        let needles = needles(b"a \"b\" <c>\nd\n");
        let of = |text: &str| needles.iter().any(|needle| needle.bytes == text.as_bytes());
        assert!(of("a \"b\" <c>\nd") && of(r#"a \"b\" <c>\nd"#) && of(r#"a \"b\" \u003cc\u003e\nd"#));
    }
}
