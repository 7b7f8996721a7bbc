//! The figures as a page: one file that needs no other, no script and no network.
//!
//! For each example a bar per figure, and beside them the graph of its build. It follows the reader's choice of light or dark,
//! is as wide as its window, and says in words all that it shows in colours and lengths.

mod bars;
mod draw;
mod graph;

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use super::report::{Figures, Measured};
use crate::demo::bytes;
use bars::{bars, seconds};
use draw::draw;
use graph::Graph;

const STYLE: &str = include_str!("style.css");

/// What the lines of graphs mean.
const LEGEND: &str = r#"<ul class="legend">
<li><svg width="44" height="12" aria-hidden="true"><path class="edge starts" d="M0 6 L37 6"/><path class="head starts" d="M44 6 L37 2.5 L37 9.5 Z"/></svg> starts from it</li>
<li><svg width="44" height="12" aria-hidden="true"><path class="edge takes" d="M0 6 L37 6"/><path class="head takes" d="M44 6 L37 2.5 L37 9.5 Z"/></svg> takes files of it</li>
<li><svg width="44" height="12" aria-hidden="true"><path class="edge waits" d="M0 6 L32 6"/><path class="head waits" d="M32 6 L38 0 L44 6 L38 12 Z"/></svg> a gate: ships only if it has passed</li>
<li>round corners: a tester</li>
<li>two frames: what ships</li>
</ul>
"#;

/// The whole page.
pub(super) fn page(measured: &Measured) -> Result<String> {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Stagewright: the examples, measured</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>Stagewright: the examples, measured</h1>\n<p>{} on {} processors. {}</p>\n",
        text(&measured.at),
        measured.processors,
        text(&measured.method().join(" ")),
    );
    html.push_str(&overview(measured));
    html.push_str("<h2 class=\"lead\">How to read the graphs</h2>\n");
    html.push_str(LEGEND);
    for figures in &measured.examples {
        html.push_str(&example(figures).with_context(|| format!("cannot draw {}", figures.name))?);
    }
    Ok(html + "</main>\n</body>\n</html>\n")
}

/// A line for each example.
fn overview(measured: &Measured) -> String {
    let mut html = String::from(
        "<h2 class=\"lead\">All examples</h2>\n<p>Sizes are those of all images together, compressed.</p>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"All examples\">\n<table>\n<tr><th scope=\"col\">Example</th>",
    );
    for column in ["Cold", "No-op", "One edit", "Images", "Builders", "Gates", "Gates add"] {
        let _ = write!(html, "<th scope=\"col\" class=\"number\">{column}</th>");
    }
    html.push_str("</tr>\n");
    for Figures { name, cold, no_op, edit, gates, images, .. } in &measured.examples {
        let image: u64 = images.iter().map(|image| image.size.compressed).sum();
        let builders: Vec<_> = images.iter().filter_map(|image| image.builder.as_ref()).collect();
        let builder: u64 = builders.iter().map(|builder| builder.size.compressed).sum();
        let builder = if builders.is_empty() { "none".to_owned() } else { bytes(builder) };
        let added: u64 = images.iter().map(|image| image.gate_bytes).sum();
        let name = text(name);
        let _ = write!(html, "<tr><th scope=\"row\"><a href=\"#{name}\">{name}</a></th>");
        let gates = gates.len().to_string();
        for cell in
            [seconds(*cold), seconds(*no_op), seconds(*edit), bytes(image), builder, gates, bytes(added)]
        {
            let _ = write!(html, "<td class=\"number\">{cell}</td>");
        }
        html.push_str("</tr>\n");
    }
    html + "</table>\n</div>\n"
}

fn example(figures: &Figures) -> Result<String> {
    let name = text(&figures.name);
    let graph = Graph::of(&figures.plan)?;
    let title = format!("The stages of {} and what they are made from", figures.name);
    Ok(format!(
        "<section aria-labelledby=\"{name}\">\n<h2 id=\"{name}\">{name}</h2>\n{}\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Graph of {name}\">\n{}</div>\n</section>\n",
        bars(figures),
        draw(&graph, &format!("graph-{name}"), &title),
    ))
}

/// A text as it stands in HTML, also in an attribute.
fn text(plain: &str) -> String {
    let mut escaped = String::with_capacity(plain.len());
    for letter in plain.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::report::tests::figures;

    #[test]
    fn the_page_needs_nothing_else() {
        let page = page(&figures()).unwrap();
        for outside in
            ["<script", "<link", "<img", "src=", "url(", "@import", "http://", "https://", "href=\"/"]
        {
            assert!(!page.contains(outside), "the page has {outside}");
        }
        let targets = page.matches("href=\"#service\"").count();
        assert_eq!((targets, page.matches("id=\"service\"").count()), (1, 1));
    }

    #[test]
    fn elements_are_closed_in_order() {
        let page = page(&figures()).unwrap();
        let mut open: Vec<&str> = Vec::new();
        for tag in page
            .split('<')
            .skip(1)
            .filter_map(|rest| rest.split_once('>'))
            .map(|(tag, _)| tag)
        {
            let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap_or_default();
            match tag {
                tag if tag.starts_with('!') || name == "meta" || tag.ends_with('/') => {}
                tag if tag.starts_with('/') => assert_eq!(open.pop(), Some(name)),
                _ => open.push(name),
            }
        }
        assert_eq!(open, [""; 0]);
    }

    #[test]
    fn a_text_cannot_be_markup() {
        assert_eq!(text("a<b & \"c\">"), "a&lt;b &amp; &quot;c&quot;&gt;");
        let mut measured = figures();
        measured.examples[0].edited = "<script>x</script>".to_owned();
        assert!(page(&measured).unwrap().contains("&lt;script&gt;x"));
    }
}
