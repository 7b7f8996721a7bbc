//! Fields of a text, as an output, a cache and a secret are written.

/// Fields between commas. A field with a comma stands in quotes, where a quote is written twice; `None` if they do not end.
pub(crate) fn fields(text: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let last = fields.last_mut().expect("starts with one");
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                last.push('"');
            }
            '"' if quoted || last.is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => last.push(character),
        }
    }
    (!quoted).then_some(fields)
}
