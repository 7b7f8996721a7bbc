//! Images by tags that move.

use buildkit_llb::ImageRef;

use super::{Code, Found};
use crate::plan::{Image, Origin, Stage};
use crate::site::Site;

/// Images without a tag, or with `latest`, whose digest nobody knows.
pub(super) fn images<'a>(stages: &[&'a Stage], is_pinned: &dyn Fn(&str) -> bool) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for stage in stages {
        let start = (&stage.from, &stage.at, stage.via.as_slice());
        let steps = stage.steps.iter().flat_map(|step| {
            let origins = step.origins().into_iter();
            origins.map(move |(origin, _)| (origin, &step.at, step.via.as_slice()))
        });
        for (origin, at, via) in std::iter::once(start).chain(steps) {
            if let Origin::Image(image) = origin
                && moves(image)
                && !is_pinned(&image.name)
            {
                found.push(one(stage, image, at, via));
            }
        }
    }
    found
}

fn one<'a>(stage: &'a Stage, image: &Image, at: &Site, via: &[Site]) -> Found<'a> {
    let message = match image.name.ends_with(":latest") {
        true => format!("`{}` is another image tomorrow", image.name),
        false => format!("`{}` has no tag, and is another image tomorrow", image.name),
    };
    Found::new(stage, Code::LatestImage, message).map(|problem| {
        problem
            .at(at)
            .via(via)
            .help("name a version, as in `node:18-slim`, or a digest")
    })
}

fn moves(image: &Image) -> bool {
    image
        .name
        .parse::<ImageRef>()
        .is_ok_and(|name| name.digest().is_none() && name.tag().is_none_or(|tag| tag == "latest"))
}
