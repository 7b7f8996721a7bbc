//! One pattern as a regular expression.
//!
//! moby writes a Go expression and lets Go read it; results depend on how Go reads it, inside classes
//! above all. So this does the same in two steps: the expression that moby writes, and a reading of it
//! by Go's rules that is then written out for the `regex` crate with nothing left to interpret.

use std::iter::Peekable;
use std::str::Chars;

/// How a pattern is matched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The path is the pattern.
    Exact,
    /// The path begins with the pattern, less its trailing `**`.
    Prefix,
    /// The path ends with the pattern, less its leading `**`.
    Suffix,
    /// An expression for the `regex` crate.
    Regex(String),
}

/// The rule for a pattern.
pub(crate) fn translate(pattern: &str) -> Result<Rule, &'static str> {
    match moby(pattern) {
        Rule::Regex(expression) => rewrite(&expression).map(Rule::Regex),
        rule => Ok(rule),
    }
}

/// The rule as moby writes it, with a Go expression (`patternmatcher.go`, `compile`).
fn moby(pattern: &str) -> Rule {
    let mut chars = pattern.chars().peekable();
    let mut out = String::from("^");
    let mut rule = Rule::Exact;
    let regex = || Rule::Regex(String::new());
    let mut first = true;
    // Go's scanner drops a byte order mark.
    chars.next_if_eq(&'\u{feff}');
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                chars.next_if_eq(&'/');
                if chars.peek().is_some() {
                    out.push_str("(.*/)?");
                    rule = regex();
                } else if rule == Rule::Exact {
                    rule = Rule::Prefix;
                } else {
                    out.push_str(".*");
                    rule = regex();
                }
                if first {
                    rule = Rule::Suffix;
                }
            }
            '*' => {
                out.push_str("[^/]*");
                rule = regex();
            }
            '?' => {
                out.push_str("[^/]");
                rule = regex();
            }
            // moby means to escape |, { and } too, but its table has no room for them: outside of exact
            // patterns they are Go's operators.
            '.' | '+' | '(' | ')' | '$' => {
                out.push('\\');
                out.push(c);
            }
            '\\' => {
                out.push('\\');
                if let Some(next) = chars.next() {
                    out.push(next);
                    rule = regex();
                }
            }
            '[' | ']' => {
                out.push(c);
                rule = regex();
            }
            _ => out.push(c),
        }
        first = false;
    }
    match rule {
        Rule::Regex(_) => Rule::Regex(out + "$"),
        rule => rule,
    }
}

/// A Go expression, as [`moby`] writes it, for the `regex` crate.
fn rewrite(expression: &str) -> Result<String, &'static str> {
    let mut chars = expression.chars().peekable();
    let mut out = String::new();
    // Whether there is something before that can be repeated, and is not yet.
    let mut repeatable = false;
    while let Some(c) = chars.next() {
        match c {
            '[' => class(&mut chars, &mut out)?,
            '\\' if chars.next_if_eq(&'Q').is_some() => {
                if !quote(&mut chars, &mut out) {
                    continue;
                }
            }
            '\\' => match escape(&mut chars)? {
                Escape::Char(c) => literal(c, &mut out),
                Escape::Set(set) => {
                    out.push('[');
                    out.push_str(set);
                    out.push(']');
                }
                Escape::Position(position) => out.push_str(position),
            },
            '{' => match count(&mut chars)? {
                Some(_) if !repeatable => return Err("{ } stands behind nothing that it could repeat"),
                Some(count) => {
                    out.push_str(&count);
                    repeatable = false;
                    continue;
                }
                None => literal('{', &mut out),
            },
            '}' => literal('}', &mut out),
            _ => out.push(c),
        }
        repeatable = !matches!(c, '|' | '(' | '*' | '?');
    }
    Ok(out)
}

/// A count of repetitions behind its `{`, if that is what follows; taken from `chars` then.
fn count(chars: &mut Peekable<Chars<'_>>) -> Result<Option<String>, &'static str> {
    let rest: String = chars.clone().take_while(|c| *c != '}').collect();
    let (low, high) = rest.split_once(',').unwrap_or((&rest, &rest));
    let number =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let is_count = !low.is_empty() && number(low) && number(high);
    if !is_count || chars.clone().nth(rest.len()) != Some('}') {
        return Ok(None);
    }
    let bounds = [low, high].map(|text| if text.is_empty() { Ok(1000) } else { text.parse::<u32>() });
    match bounds {
        [Ok(low), Ok(high)] if low <= high && high <= 1000 => {}
        _ => return Err("{ } counts to at most 1000, upwards"),
    }
    chars.nth(rest.len());
    Ok(Some(format!("{{{rest}}}")))
}

/// What a `\` and the letter behind it stand for.
enum Escape {
    Char(char),
    /// The inside of a class.
    Set(&'static str),
    /// A place between characters.
    Position(&'static str),
}

fn escape(chars: &mut Peekable<Chars<'_>>) -> Result<Escape, &'static str> {
    Ok(match chars.next() {
        Some('d') => Escape::Set("0-9"),
        Some('D') => Escape::Set("^0-9"),
        Some('s') => Escape::Set("\\t\\n\\f\\r "),
        Some('S') => Escape::Set("^\\t\\n\\f\\r "),
        Some('w') => Escape::Set("0-9A-Za-z_"),
        Some('W') => Escape::Set("^0-9A-Za-z_"),
        Some('a') => Escape::Char('\x07'),
        Some('f') => Escape::Char('\x0c'),
        Some('n') => Escape::Char('\n'),
        Some('r') => Escape::Char('\r'),
        Some('t') => Escape::Char('\t'),
        Some('v') => Escape::Char('\x0b'),
        Some('A') => Escape::Position("\\A"),
        Some('z') => Escape::Position("\\z"),
        Some('b') => Escape::Position("(?-u:\\b)"),
        Some('B') => Escape::Position("(?-u:\\B)"),
        Some('x') => Escape::Char(hexadecimal(chars)?),
        Some(c @ '0'..='7') => Escape::Char(octal(c, chars)?),
        Some('p' | 'P') => return Err("\\p, a class by Unicode tables, is not supported"),
        Some(c) if c.is_ascii() && !c.is_ascii_alphanumeric() => Escape::Char(c),
        _ => return Err("\\ stands before a character that needs none"),
    })
}

/// The character behind `\x`: two digits, or any number in braces.
fn hexadecimal(chars: &mut Peekable<Chars<'_>>) -> Result<char, &'static str> {
    const WRONG: &str = "\\x stands before two hexadecimal digits, or any in { }";
    let digits: String = if chars.next_if_eq(&'{').is_some() {
        chars.by_ref().take_while(|c| *c != '}').collect()
    } else {
        let digits: String = chars.by_ref().take(2).collect();
        if digits.chars().count() == 2 { digits } else { String::new() }
    };
    let number =
        if digits.chars().all(|c| c.is_ascii_hexdigit()) { digits.trim_start_matches('0') } else { "" };
    let number = if number.is_empty() && digits.starts_with('0') { "0" } else { number };
    u32::from_str_radix(number, 16).ok().and_then(char::from_u32).ok_or(WRONG)
}

/// The character of up to three octal digits. A single one that is not 0 would be a back-reference.
fn octal(first: char, chars: &mut Peekable<Chars<'_>>) -> Result<char, &'static str> {
    let mut digits = String::from(first);
    while digits.len() < 3 {
        match chars.next_if(|c| ('0'..='7').contains(c)) {
            Some(digit) => digits.push(digit),
            None => break,
        }
    }
    if digits.len() == 1 && first != '0' {
        return Err("\\ before one digit would repeat a group, which is not supported");
    }
    u32::from_str_radix(&digits, 8)
        .ok()
        .and_then(char::from_u32)
        .ok_or("not an octal number")
}

/// Everything up to `\E` or the end, as it is; whether that is anything.
fn quote(chars: &mut Peekable<Chars<'_>>, out: &mut String) -> bool {
    let mut any = false;
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next_if_eq(&'E').is_some() {
            break;
        }
        literal(c, out);
        any = true;
    }
    any
}

/// Reads a class after its `[` as Go does and writes it with every character spelled out.
fn class(chars: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), &'static str> {
    const OPEN: &str = "a [ has no ]";
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    loop {
        let low = match chars.next().ok_or(OPEN)? {
            ']' if !first => break,
            '[' if let Some(name) = posix_name(chars) => {
                if !POSIX.contains(&name.trim_start_matches('^')) {
                    return Err("a class has an unknown [:name:]");
                }
                out.push_str(&format!("[:{name}:]"));
                first = false;
                continue;
            }
            '\\' => match escape(chars)? {
                Escape::Char(c) => c,
                Escape::Set(set) => {
                    out.push_str(&format!("[{set}]"));
                    first = false;
                    continue;
                }
                Escape::Position(_) => return Err("\\ stands before a character that needs none"),
            },
            c => c,
        };
        first = false;
        literal(low, out);
        let mut ahead = chars.clone();
        if ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']') {
            chars.next();
            let high = match chars.next().ok_or(OPEN)? {
                '\\' => match escape(chars)? {
                    Escape::Char(c) => c,
                    _ => return Err("a range in a class ends in no character"),
                },
                c => c,
            };
            if high < low {
                return Err("a range in a class runs backwards");
            }
            out.push('-');
            literal(high, out);
        }
    }
    out.push(']');
    Ok(())
}

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// The name in `[:name:]`, if that is what follows a `[` inside a class; taken from `chars` then.
fn posix_name(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let rest: String = chars.clone().collect();
    let name = rest.strip_prefix(':')?.split_once(":]")?.0.to_owned();
    chars.nth(name.chars().count() + 2);
    Some(name)
}

/// A character that means itself, inside a class or out of it.
fn literal(c: char, out: &mut String) {
    out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expression_is_mobys() {
        let regex = |text: &str| Rule::Regex(text.to_owned());
        for (pattern, expected) in [
            ("*", regex("^[^/]*$")),
            ("file*", regex("^file[^/]*$")),
            ("a*/b", regex("^a[^/]*/b$")),
            ("**", Rule::Suffix),
            ("**/**", regex("^(.*/)?.*$")),
            ("dir/**", Rule::Prefix),
            ("**/dir", Rule::Suffix),
            ("**/dir2/*", regex("^(.*/)?dir2/[^/]*$")),
            ("**/dir2/**", regex("^(.*/)?dir2/.*$")),
            ("**file", Rule::Suffix),
            ("**/**/*.txt", regex("^(.*/)?(.*/)?[^/]*\\.txt$")),
            ("a[b-d]e", regex("^a[b-d]e$")),
            (".*", regex("^\\.[^/]*$")),
            ("abc.def", Rule::Exact),
            ("abc?def", regex("^abc[^/]def$")),
            ("a.|)$(}+{bc", Rule::Exact),
            ("a\\*", regex("^a\\*$")),
        ] {
            assert_eq!(moby(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn classes_are_spelled_out() {
        for (expression, expected) in [
            ("[a-c]", "[\\x{61}-\\x{63}]"),
            ("[^a]", "[^\\x{61}]"),
            ("[a-]", "[\\x{61}\\x{2d}]"),
            ("[]a]", "[\\x{5d}\\x{61}]"),
            ("[a[b]", "[\\x{61}\\x{5b}\\x{62}]"),
            ("[[:alpha:]]", "[[:alpha:]]"),
            ("[[:^alpha:]x]", "[[:^alpha:]\\x{78}]"),
            ("[\\d]", "[[0-9]]"),
            ("x\\dy", "x[0-9]y"),
            ("\\<", "\\x{3c}"),
            ("a{2,3}b", "a{2,3}b"),
            ("a{02}", "a\\x{7b}02\\x{7d}"),
            ("{a,b}", "\\x{7b}a,b\\x{7d}"),
        ] {
            assert_eq!(rewrite(expression).unwrap(), expected, "{expression}");
        }
        assert!(rewrite("[[:nope:]]").is_err());
        assert!(rewrite("[z-a]").is_err());
        for expression in ["a{2}{3}", "[^/]*{2}", "a|{2}", "a{1001}", "a{3,2}"] {
            assert!(rewrite(expression).is_err(), "{expression}");
        }
    }
}
