//! Strings and lists of them as JSON, byte for byte as Go writes them.
//!
//! Local sources carry their patterns in this form, so it decides digests. Go escapes `<`, `>` and `&` for
//! the sake of HTML, and the two Unicode line separators, which other encoders leave alone.

use std::fmt::Write as _;

/// The list as a JSON array without spaces.
#[must_use]
pub fn string_list<S: AsRef<str>>(items: &[S]) -> String {
    let mut json = String::from("[");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        push_string(&mut json, item.as_ref());
    }
    json.push(']');
    json
}

/// The text as a JSON string.
#[must_use]
pub fn string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    push_string(&mut json, text);
    json
}

fn push_string(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string does not fail.
                let _ = write!(json, "\\u{:04x}", u32::from(character));
            }
            _ => json.push(character),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_go_escapes() {
        for (items, expected) in [
            (&[][..], "[]"),
            (&[""], r#"[""]"#),
            (&["a", "b c"], r#"["a","b c"]"#),
            (&["<a&b>"], r#"["\u003ca\u0026b\u003e"]"#),
            (&["\"\\"], r#"["\"\\"]"#),
            (&["\u{8}\u{c}\n\r\t"], r#"["\b\f\n\r\t"]"#),
            (&["\0\u{1f}"], r#"["\u0000\u001f"]"#),
            (&["\u{2028}\u{2029}"], r#"["\u2028\u2029"]"#),
            (&["\u{7f}é😀/"], "[\"\u{7f}é😀/\"]"),
        ] {
            assert_eq!(string_list(items), expected, "{items:?}");
        }
    }

    #[test]
    fn is_read_back_by_any_reader() {
        let items: Vec<String> = (0..0x3000).filter_map(char::from_u32).map(String::from).collect();
        let read: Vec<String> = serde_json::from_str(&string_list(&items)).unwrap();
        assert_eq!(read, items);
    }
}
