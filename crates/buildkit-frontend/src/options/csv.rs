//! One line of comma-separated values, as clients join lists with it.
//!
//! Quotes as in BuildKit v0.34's `go-csvvalue`: a field may stand in quotes, in which a quote is written twice.

/// Why a line is no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum CsvError {
    /// A quote where none may be.
    #[error("a quote in the middle of a field")]
    Bare,
    /// A quoted field without end.
    #[error("a quote that is not closed")]
    Open,
}

/// The fields of a line. An empty line has none.
pub(super) fn fields(line: &str) -> Result<Vec<String>, CsvError> {
    let mut rest = line.strip_suffix('\n').unwrap_or(line);
    rest = rest.strip_suffix('\r').unwrap_or(rest);
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let mut fields = Vec::new();
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (field, after) = rest.split_at(end);
                if field.contains('"') {
                    return Err(CsvError::Bare);
                }
                (field.to_owned(), after)
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok(fields),
        }
    }
}

/// A field up to its closing quote, and what follows: nothing, or a comma.
fn quoted_field(text: &str) -> Result<(String, &str), CsvError> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"').ok_or(CsvError::Open)?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.chars().next() {
            Some('"') => {
                field.push('"');
                rest = &rest[1..];
            }
            None | Some(',') => return Ok((field, rest)),
            Some(_) => return Err(CsvError::Bare),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let cases: [(&str, &[&str]); 6] = [
            ("", &[]),
            ("a", &["a"]),
            ("a,,b,", &["a", "", "b", ""]),
            ("\"a,b\",c\n", &["a,b", "c"]),
            ("\"say \"\"a\"\"\"", &["say \"a\""]),
            ("\"\"", &[""]),
        ];
        for (line, expected) in cases {
            assert_eq!(fields(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn quotes_must_fit() {
        assert_eq!(fields("a\"b"), Err(CsvError::Bare));
        assert_eq!(fields("\"a\"b"), Err(CsvError::Bare));
        assert_eq!(fields("\"a"), Err(CsvError::Open));
    }
}
