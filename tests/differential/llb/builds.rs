//! Builds that people know: those of the golden vectors, and some that could be a project's.

mod projects;
mod vectors;

use super::description::*;
use super::order;

/// All of them, with their names.
pub(crate) fn all() -> Vec<Build> {
    let mut builds: Vec<Build> = [vectors::ALL, projects::ALL]
        .into_iter()
        .flatten()
        .map(|(name, make)| {
            let mut draft = Draft::default();
            draft.build.name = (*name).to_owned();
            draft.build.unique_id = "fixed-unique-id".to_owned();
            draft.build.target = make(&mut draft);
            draft.build
        })
        .collect();
    builds.iter_mut().for_each(order::sort);
    builds
}

/// What makes a build, and gives its target.
type Make = fn(&mut Draft) -> Option<Ref>;

#[derive(Default)]
struct Draft {
    build: Build,
}

impl Draft {
    fn add(&mut self, node: impl Into<Node>) -> Ref {
        self.build.nodes.push(node.into());
        Ref { node: self.build.nodes.len() - 1, output: 0 }
    }

    fn image(&mut self, name: &str) -> Ref {
        self.add(image(name))
    }

    fn run(&mut self, root: &Ref, args: &[&str]) -> Ref {
        self.add(run(root, args))
    }

    fn file(&mut self, base: Option<&Ref>, dir: &str, actions: Vec<Action>) -> Ref {
        self.add(file(base, dir, actions))
    }

    /// Says more about the node that was added last.
    fn meta(&mut self) -> &mut Meta {
        &mut self.build.nodes.last_mut().expect("a node").meta
    }
}

impl Ref {
    fn output(&self, output: usize) -> Self {
        Self { node: self.node, output }
    }
}

fn image(name: &str) -> Op {
    Op::Image(Image { reference: name.to_owned(), ..Image::default() })
}

fn exec(root: &Ref, args: &[&str]) -> Exec {
    Exec { args: texts(args), root: Some(root.clone()), ..Exec::default() }
}

fn run(root: &Ref, args: &[&str]) -> Op {
    Op::Exec(Box::new(exec(root, args)))
}

fn file(base: Option<&Ref>, dir: &str, actions: Vec<Action>) -> Op {
    let chain = Chain { base: base.cloned(), dir: dir.to_owned(), actions };
    Op::File(File { chains: Vec::new(), chain })
}

fn copy(from: CopySource, src: &str, dest: &str) -> Copy {
    Copy {
        from,
        src: src.to_owned(),
        dest: dest.to_owned(),
        owner: None,
        mode: None,
        follow_symlinks: false,
        dir_contents: false,
        unpack: false,
        create_dest_path: false,
        wildcard: false,
        empty_wildcard: false,
        created: None,
        include: Vec::new(),
        exclude: Vec::new(),
        replace_existing: false,
        required_paths: Vec::new(),
    }
}

fn copied(from: &Ref, src: &str, dest: &str) -> Action {
    Action::Copy(Box::new(copy(files_of(from), src, dest)))
}

fn files_of(from: &Ref) -> CopySource {
    CopySource::State(CopyState { input: Some(from.clone()), dir: String::new() })
}

fn mkdir(path: &str, mode: u16) -> Mkdir {
    Mkdir { path: path.to_owned(), mode, ..Mkdir::default() }
}

fn bind(dest: &str, input: Option<&Ref>) -> Mount {
    Mount { dest: dest.to_owned(), input: input.cloned(), ..Mount::default() }
}

fn cache(dest: &str, id: &str, sharing: Sharing) -> Mount {
    Mount { cache: Some(Cache { id: id.to_owned(), sharing }), ..bind(dest, None) }
}

fn platform(os: &str, architecture: &str, variant: &str) -> Option<Platform> {
    Some(Platform {
        os: os.to_owned(),
        architecture: architecture.to_owned(),
        variant: variant.to_owned(),
        ..Platform::default()
    })
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}
