//! What a visitor is told.

use html_escape::encode_text;

/// Greets somebody.
pub fn greeting(name: Option<&str>) -> String {
    let name = name.filter(|name| !name.is_empty()).unwrap_or("you");
    format!("<p>Rust greets {}</p>\n", encode_text(name))
}
