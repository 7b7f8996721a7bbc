//! Programs of this workspace as images of frontends.

use std::collections::BTreeMap;
use std::path::Path;

use stagewright::prelude::*;
use stagewright::{BuildOptions, plan};
use stagewright_tests::copy_program;
use tokio::sync::Mutex;

use crate::support::{build_plan, image, program};

/// The images that were pushed, by the program's name.
static PUSHED: Mutex<BTreeMap<String, String>> = Mutex::const_new(BTreeMap::new());

/// The name of an image whose entrypoint is a program of this workspace. It is made once.
///
/// The program is linked to libraries of this machine, which lie beside it in the image.
pub(crate) async fn frontend_image(name: &str) -> String {
    let mut pushed = PUSHED.lock().await;
    if let Some(image) = pushed.get(name) {
        return image.clone();
    }
    let files = tempfile::tempdir().unwrap();
    frontend_files(name, files.path());
    let build = |b: &Build, (): ()| {
        let all = b.context().dir(".");
        let frontend = b.runtime("frontend", Scratch).copy(all, "/").entrypoint(["/frontend"]);
        let frontend = frontend
            .label("moby.buildkit.frontend.network.none", "true")
            .label("moby.buildkit.frontend.caps", stagewright::FRONTEND_CAPS);
        Targets::new().product(frontend)
    };
    let image = image(&format!("frontend/{name}"), "1");
    let options = BuildOptions::new(files.path()).push().tag(image.clone());
    build_plan(&plan(build, &[]).unwrap(), &options).await.expect_success();
    pushed.insert(name.to_owned(), image.clone());
    image
}

/// Puts a program of this workspace into a directory, as `frontend`, with the libraries of this machine.
pub(crate) fn frontend_files(name: &str, directory: &Path) {
    copy_program(Path::new(program(name).get_program()), directory, "frontend").unwrap();
}
