//! Programs of this workspace as images of frontends.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use stagewright::prelude::*;
use stagewright::{BuildOptions, plan};
use tokio::sync::Mutex;

use crate::support::{build_plan, image, program, stdout};

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
        Targets::new().product(frontend.label("moby.buildkit.frontend.network.none", "true").label(
            "moby.buildkit.frontend.caps",
            "moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests",
        ))
    };
    let image = image(&format!("frontend/{name}"), "1");
    let options = BuildOptions::new(files.path()).push().tag(image.clone());
    build_plan(&plan(build, &[]).unwrap(), &options).await.expect_success();
    pushed.insert(name.to_owned(), image.clone());
    image
}

/// Puts a program of this workspace into a directory, as `frontend`, with the libraries of this machine.
pub(crate) fn frontend_files(name: &str, directory: &Path) {
    let path = PathBuf::from(program(name).get_program());
    // Without what a debugger needs, which is most of it.
    stdout(Command::new("strip").arg("-o").arg(directory.join("frontend")).arg(&path));
    for library in libraries(&path) {
        let to = directory.join(library.strip_prefix("/").unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&library, to).unwrap();
    }
}

/// What the loader maps with a program: lines like `libc.so.6 => /lib/libc.so.6 (0x…)`.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let list = String::from_utf8(stdout(Command::new("ldd").arg(program))).unwrap();
    let paths = list.split_whitespace().filter(|word| word.starts_with('/'));
    paths.map(PathBuf::from).collect()
}
