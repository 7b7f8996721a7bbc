//! The first line of a build file: the image that reads it.

use buildkit_llb::ImageRef;
use stagewright_plan::Site;
use stagewright_plan::lock::{LockKey, Need};

/// The image that the directives of a file name as its `syntax`, if they do.
///
/// Source: BuildKit v0.34 `frontend/dockerfile/parser/directives.go`.
pub(crate) fn syntax(file: &str, text: &str) -> Option<Need> {
    let text = text.trim_start_matches('\u{feff}');
    let lines = (1..)
        .zip(text.lines())
        .skip_while(|(line, text)| *line == 1 && text.starts_with("#!"));
    for (line, text) in lines {
        let rest = text.strip_prefix('#').or_else(|| text.strip_prefix("//"))?;
        let (key, value) = rest.split_once('=')?;
        if !key.trim().eq_ignore_ascii_case("syntax") {
            continue;
        }
        // What stands behind the name is for the frontend.
        let image: ImageRef = value.split_whitespace().next()?.parse().ok()?;
        let at = Site { file: file.to_owned(), line, column: 1 };
        return frontend(&image, at);
    }
    None
}

/// An image that reads or compiles a build file. None if it is named by its digest alone.
pub(crate) fn frontend(image: &ImageRef, at: Site) -> Option<Need> {
    let (LockKey::Image(name), written) = LockKey::image(image)? else { return None };
    Some(Need { asked: image.to_string(), key: LockKey::Frontend(name), written, platform: None, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_of_a_file_stands_in_its_first_lines() {
        let check = |text: &str, expected: Option<(&str, u32)>| {
            let found = syntax("stages.yaml", text).map(|need| (need.key.name(), need.at.line));
            let expected = expected.map(|(name, line)| (name.to_owned(), line));
            assert_eq!(found, expected, "{text:?}");
        };
        check("# syntax=stagewright/stages:1\nstages: {}", Some(("stagewright/stages:1", 1)));
        check("#!/usr/bin/env x\n// syntax = a/b more\n", Some(("a/b:latest", 2)));
        check("# check=skip=all\n# syntax=a\n", Some(("a:latest", 2)));
        check("# hello\n# syntax=a\n", None);
        check("stages:\n# syntax=a\n", None);
        check("", None);
    }
}
