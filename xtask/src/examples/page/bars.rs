//! The figures of one example, a bar for each.

use std::fmt::Write as _;

use super::text;
use crate::demo::{bytes, count};
use crate::examples::report::{Figures, layers};

/// A figure: what it is, its value in words, and its bar's share of the longest.
struct Bar {
    name: String,
    /// More of what it is.
    note: String,
    value: String,
    share: f64,
    is_builder: bool,
}

/// A table of all figures. Times have one scale, sizes another, and each says its number.
pub(super) fn bars(figures: &Figures) -> String {
    let mut html = String::from("<table class=\"figures\">\n<caption>Times, sizes and gates</caption>\n");
    for Bar { name, note, value, share, is_builder } in of(figures) {
        let class = if is_builder { "bar builder-bar" } else { "bar" };
        let note = if note.is_empty() { note } else { format!(" <small>{}</small>", text(&note)) };
        // What is nothing has no bar.
        let bar = match share > 0.0 {
            true => format!("<span class=\"{class}\" style=\"width:{:.2}%\"></span>", share * 100.0),
            false => String::new(),
        };
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\">{}{note}</th><td class=\"number\">{}</td><td aria-hidden=\"true\">{bar}</td></tr>",
            text(&name),
            text(&value),
        );
    }
    html + "</table>\n"
}

fn of(figures: &Figures) -> Vec<Bar> {
    let Figures { cold, no_op, edit, edited, commands, commands_after_edit, gates, images, plan, .. } =
        figures;
    let longest = cold.max(*no_op).max(*edit);
    let time = |name: &str, note: String, seconds: f64| Bar {
        name: name.to_owned(),
        note,
        value: self::seconds(seconds),
        share: seconds / longest,
        is_builder: false,
    };
    let mut bars = vec![
        time("Cold build", format!("{} ran", count(*commands, "command")), *cold),
        time("No-op build", "nothing ran".to_owned(), *no_op),
        time("After one edit", format!("{edited}; {} ran", count(*commands_after_edit, "command")), *edit),
    ];
    let sizes = images
        .iter()
        .flat_map(|image| [Some(image.size), image.builder.as_ref().map(|it| it.size)]);
    let largest = sizes
        .flatten()
        .map(|size| size.unpacked.max(size.compressed))
        .max()
        .unwrap_or(1)
        .max(1);
    let size = |name: String, note: &str, size: u64, is_builder: bool| Bar {
        name,
        note: note.to_owned(),
        value: bytes(size),
        share: size as f64 / largest as f64,
        is_builder,
    };
    for image in images {
        let name = &image.target;
        let of_image = layers(image.layers);
        bars.push(size(format!("Image {name}, compressed"), &of_image, image.size.compressed, false));
        bars.push(size(format!("Image {name}, unpacked"), "", image.size.unpacked, false));
        if let Some(builder) = &image.builder {
            let stage = &builder.stage;
            let does = "as an image; it does not ship";
            bars.push(size(format!("Its builder {stage}, compressed"), does, builder.size.compressed, true));
            bars.push(size(format!("Its builder {stage}, unpacked"), "", builder.size.unpacked, true));
        }
    }
    let testers = plan.stages.iter().filter(|stage| stage.role.name() == "tester").count().max(1);
    bars.push(Bar {
        name: "Gates that ran".to_owned(),
        note: gates.join(", "),
        value: format!("{} of {}", gates.len(), count(testers, "tester")),
        share: gates.len() as f64 / testers as f64,
        is_builder: false,
    });
    let (added, bytes_added) = images
        .iter()
        .fold((0, 0), |(count, all), it| (count + it.gate_layers, all + it.gate_bytes));
    bars.push(size("Bytes that gates added".to_owned(), &layers(added), bytes_added, false));
    bars
}

/// A time with as many digits as matter.
pub(super) fn seconds(seconds: f64) -> String {
    let digits = if seconds < 10.0 { 2 } else { 1 };
    format!("{seconds:.digits$} s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::report::tests::figures;

    #[test]
    fn there_is_a_bar_for_each_figure_that_is_not_zero() {
        let figures = &figures().examples[0];
        let html = bars(figures);
        // Three times, of one image four sizes, of the other two; the gates, and the bytes that they did not add.
        assert_eq!((html.matches("<tr>").count(), html.matches("<span class").count()), (11, 10), "{html}");
        let last = html.lines().rev().nth(1).unwrap();
        assert!(
            last.contains("Bytes that gates added <small>0 layers</small>") && last.contains(">0 B<"),
            "{last}"
        );
    }

    #[test]
    fn bars_have_the_length_of_their_figures() {
        let figures = &figures().examples[0];
        let share = |name: &str| of(figures).into_iter().find(|bar| bar.name == name).unwrap().share;
        assert_eq!(share("Cold build"), 1.0);
        assert_eq!(share("After one edit"), 4.0 / 61.25);
        assert_eq!(share("Its builder compile, unpacked"), 1.0);
        assert_eq!(share("Image app, compressed"), 0.2);
        assert_eq!(share("Bytes that gates added"), 0.0);
    }
}
