//! Tags: the names that images go out with.

use std::collections::BTreeMap;

use buildkit_llb::ImageRef;

use super::OptionsError;

/// The full names of each target's image.
pub(super) fn tags<'a>(
    tags: &'a [String],
    images: &[&'a str],
    others: &[&str],
) -> Result<BTreeMap<&'a str, Vec<String>>, OptionsError> {
    let mut named: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for tag in tags {
        let (target, name) = match tag.split_once('=') {
            Some((target, name)) => (Some(target), name),
            None => (None, tag.as_str()),
        };
        let target = match (target, images) {
            (Some(target), _) if images.contains(&target) => target,
            (Some(target), _) if others.contains(&target) => {
                return Err(OptionsError::NoImage { target: target.to_owned(), what: "tag" });
            }
            (Some(target), _) => {
                let known = images.iter().map(|image| (*image).to_owned()).collect();
                return Err(OptionsError::TagOfOther { tag: tag.clone(), target: target.to_owned(), known });
            }
            (None, [image]) => image,
            (None, []) => return Err(OptionsError::NoImage { target: others[0].to_owned(), what: "tag" }),
            (None, several) => {
                let targets = several.iter().map(|image| (*image).to_owned()).collect();
                return Err(OptionsError::TagOfSeveral { tag: tag.clone(), targets });
            }
        };
        let wrong = |reason: String| OptionsError::Tag { tag: tag.clone(), reason };
        let image: ImageRef = name
            .parse()
            .map_err(|error: buildkit_llb::ImageRefError| wrong(error.to_string()))?;
        if image.digest().is_some() {
            return Err(wrong(
                "an image is named by a tag, and its digest is what the build gives".to_owned(),
            ));
        }
        let names = named.entry(target).or_default();
        if !names.contains(&image.to_string()) {
            names.push(image.to_string());
        }
    }
    Ok(named)
}

/// The repositories of names that are pushed by digest, which have no tag.
pub(super) fn repositories(tags: &[String]) -> Result<Vec<String>, OptionsError> {
    let repository = |tag: &String| match tag.strip_suffix(":latest") {
        Some(repository) => Ok(repository.to_owned()),
        None => Err(OptionsError::TagByDigest { tag: tag.clone() }),
    };
    tags.iter().map(repository).collect()
}
