//! Text of a build, made safe for a terminal.
//!
//! What builds print, and the names and errors that a daemon sends, may hold any bytes. Here control
//! sequences are taken out, except that SGR sequences (colours) may stay: nothing can move the cursor, clear
//! the screen, set a title or ring. The functions know one line at a time.

use std::borrow::Cow;

/// The longest parameters of an SGR sequence that is kept, in bytes.
const LONGEST_SGR: usize = 64;

/// What ends the colours of a line.
const RESET: &str = "\x1b[0m";

/// A line without its end, with nothing in it but text, tabs and colours.
///
/// Bytes that are not UTF-8 become U+FFFD. A line that sets colours ends with a reset, so that they do not run
/// into what follows.
pub(crate) fn line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut safe = filter(&text, true);
    if safe.contains('\x1b') && !safe.ends_with(RESET) {
        safe.push_str(RESET);
    }
    safe
}

/// A line without colours.
pub(crate) fn without_colours(line: &str) -> Cow<'_, str> {
    if line.contains('\x1b') { Cow::Owned(filter(line, false)) } else { Cow::Borrowed(line) }
}

/// A name: one line without colours, white space joined to single spaces.
pub(crate) fn name(text: &str) -> String {
    filter(&text.replace(['\n', '\r'], " "), false)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// A text of several lines without colours.
pub(crate) fn text(text: &str) -> String {
    text.lines().map(|line| filter(line, false)).collect::<Vec<_>>().join("\n")
}

/// So much of a text, in bytes; an ellipsis stands for the rest.
pub(super) fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('\u{2026}');
        text.shrink_to_fit();
    }
    text
}

fn filter(text: &str, keep_colours: bool) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(char::is_control) {
        safe.push_str(&rest[..at]);
        let Some(control) = rest[at..].chars().next() else { break };
        let after = &rest[at + control.len_utf8()..];
        rest = match control {
            '\x1b' => match after.chars().next() {
                Some('[') => csi(&after[1..], keep_colours, &mut safe),
                Some(']' | 'P' | 'X' | '^' | '_') => after_string(&after[1..]),
                _ => after_escape(after),
            },
            '\u{9b}' => csi(after, keep_colours, &mut safe),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => after_string(after),
            '\t' => {
                safe.push('\t');
                after
            }
            _ => after,
        };
    }
    safe.push_str(rest);
    safe
}

/// Reads a control sequence behind its introducer and gives what follows it (ECMA-48, 5.4).
fn csi<'a>(text: &'a str, keep_colours: bool, safe: &mut String) -> &'a str {
    let parameters = text.bytes().take_while(|b| (0x30..=0x3f).contains(b)).count();
    let between = text[parameters..].bytes().take_while(|b| (0x20..=0x2f).contains(b)).count();
    let Some(last) = text[parameters + between..].chars().next() else { return "" };
    if !('\x40'..='\x7e').contains(&last) {
        return &text[parameters + between..];
    }
    let is_sgr = last == 'm'
        && between == 0
        && parameters <= LONGEST_SGR
        && text[..parameters].bytes().all(|b| b.is_ascii_digit() || b == b';' || b == b':');
    if keep_colours && is_sgr {
        safe.push_str("\x1b[");
        safe.push_str(&text[..=parameters]);
    }
    &text[parameters + between + 1..]
}

/// What follows a control string (a title, a hyperlink, a picture): all is lost if it does not end.
fn after_string(text: &str) -> &str {
    for (at, c) in text.char_indices() {
        match c {
            '\x07' | '\u{9c}' => return &text[at + c.len_utf8()..],
            '\x1b' => return text[at + 1..].strip_prefix('\\').unwrap_or(&text[at..]),
            _ => {}
        }
    }
    ""
}

/// What follows an escape sequence that is neither of the two.
fn after_escape(text: &str) -> &str {
    let between = text.bytes().take_while(|b| (0x20..=0x2f).contains(b)).count();
    match text[between..].chars().next() {
        Some('\x30'..='\x7e') => &text[between + 1..],
        _ => &text[between..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stay_and_end_with_their_line() {
        assert_eq!(line(b"\x1b[31mred\x1b[0m"), "\x1b[31mred\x1b[0m");
        assert_eq!(line(b"\x1b[1;38;5;8mx"), "\x1b[1;38;5;8mx\x1b[0m");
        assert_eq!(line("\u{9b}32mgreen".as_bytes()), "\x1b[32mgreen\x1b[0m");
        assert_eq!(without_colours("\x1b[31mred\x1b[0m"), "red");
    }

    #[test]
    fn nothing_else_stays() {
        for (given, expected) in [
            (&b"\x1b[2J\x1b[Hcleared"[..], "cleared"),
            (b"\x1b[10A up", " up"),
            (b"\x1b]0;title\x07text", "text"),
            (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            (b"\x1bPdevice\x1b\\text", "text"),
            (b"\x1b]never ends", ""),
            (b"\x1b]broken\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
            (b"\x1bc\x1b(B\x1b7text", "text"),
            (b"\x1b[?25l\x1b[>4;2m\x1b[1 m-", "-"),
            (b"bell\x07 back\x08 down\x0b form\x0c nul\x00 del\x7f", "bell back down form nul del"),
            (b"\x1b", ""),
            (b"\x1b[", ""),
            (b"\x1b[31", ""),
            (b"\x1b[3\xc3\xa9", "\u{e9}"),
            (b"\xff\xfe tab\t\xe2\x82\xac", "\u{fffd}\u{fffd} tab\t\u{20ac}"),
            ("\u{85}\u{9d}0;title\u{9c}c1".as_bytes(), "c1"),
        ] {
            assert_eq!(line(given), expected, "{:?}", given.escape_ascii().to_string());
        }
        let endless = format!("\x1b[{}mx", "1;".repeat(1000));
        assert_eq!(line(endless.as_bytes()), "x");
    }

    #[test]
    fn no_bytes_make_a_control_sequence_out_of_what_is_left() {
        // Taking the inner sequence out must not join the outer halves to a new one.
        assert_eq!(line(b"\x1b\x1b[2J[2J"), "[2J");
        assert_eq!(line(b"\x1b\x00[2Jx"), "[2Jx");
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                let safe = line(&[0x1b, first, second, b'm', b'H', 0x1b, b'[', first, second]);
                let colourless = without_colours(&safe);
                assert!(!colourless.chars().any(|c| c.is_control() && c != '\t'), "{safe:?}");
            }
        }
    }

    #[test]
    fn names_are_one_line() {
        assert_eq!(name("RUN <<EOF\n  echo\r\n\x1b[31mEOF"), "RUN <<EOF echo EOF");
        assert_eq!(text("a\x1b[2J\nb\r\n"), "a\nb");
        assert_eq!(cut("a\u{20ac}b".to_owned(), 3), "a\u{2026}");
        assert_eq!(cut("abc".to_owned(), 3), "abc");
    }
}
