//! The table at the end, and numbers for people.

/// An image beside its builder stage.
pub(super) struct Row {
    pub(super) image: &'static str,
    /// Bytes of the layers, compressed.
    pub(super) size: Pair,
    /// Bytes of those layers that lie above the base image.
    pub(super) above: Pair,
    /// Bytes of the files.
    pub(super) unpacked: Pair,
}

/// A number of the image, and the builder's.
pub(super) struct Pair {
    pub(super) image: u64,
    pub(super) builder: u64,
}

/// Seconds of the three builds.
pub(super) struct Times {
    pub(super) cold: f64,
    pub(super) again: f64,
    pub(super) edit: f64,
}

/// The rows with a heading, then the times.
pub(super) fn table(rows: &[Row], times: &Times) -> String {
    let mut text = line("image", ["above its base", "with the base", "files"].map(str::to_owned));
    for Row { image, size, above, unpacked } in rows {
        text.push_str(&line(image, [above, size, unpacked].map(Pair::cell)));
    }
    let Times { cold, again, edit } = times;
    text.push_str(
        "Read: the image, of what its builder has. Layers are compressed; every image shares its base's.\n\n",
    );
    text.push_str(&format!(
        "build     cold {cold:.1} s    no-op {again:.1} s    one-file edit {edit:.1} s\n"
    ));
    text
}

fn line(name: &str, cells: [String; 3]) -> String {
    let [first, second, third] = cells;
    format!("{name:8}  {first:27}  {second:27}  {third}\n")
}

impl Pair {
    fn cell(&self) -> String {
        let share = 100.0 * self.image as f64 / self.builder as f64;
        let digits = usize::from(share < 10.0);
        format!("{} of {} ({share:.digits$} %)", bytes(self.image), bytes(self.builder))
    }
}

/// Bytes in units of thousands.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}

/// A count with its noun.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_share_of_its_builder_an_image_is() {
        let pair = |image, builder| Pair { image, builder };
        let row = Row {
            image: "api",
            size: pair(50_000_000, 80_000_000),
            above: pair(300_000, 30_300_000),
            unpacked: pair(150_000_000, 250_000_000),
        };
        let text = table(&[row], &Times { cold: 61.25, again: 0.5, edit: 4.0 });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "api       300.0 kB of 30.3 MB (1.0 %)  50.0 MB of 80.0 MB (62 %)    150.0 MB of 250.0 MB (60 %)"
        );
        assert_eq!(lines[4], "build     cold 61.2 s    no-op 0.5 s    one-file edit 4.0 s");
    }

    #[test]
    fn numbers_have_units() {
        assert_eq!([bytes(999), bytes(1_000), bytes(2_500_000)], ["999 B", "1.0 kB", "2.5 MB"]);
        assert_eq!([count(1, "file"), count(0, "file")], ["1 file", "0 files"]);
    }
}
