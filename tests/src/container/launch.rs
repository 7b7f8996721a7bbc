//! A container that is about to be started.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::bundle::{self, Bundle};
use super::{Container, ContainerError, Containers, Image, User};

/// A container that is about to be started: what its image says, and what whoever runs it adds.
#[derive(Debug)]
#[must_use]
pub struct Launch<'a> {
    containers: &'a Containers,
    image: &'a Image,
    name: String,
    arguments: Option<Vec<String>>,
    environment: Vec<String>,
    mounts: Vec<(PathBuf, String)>,
    memory: Vec<String>,
    network: Option<PathBuf>,
}

impl<'a> Launch<'a> {
    pub(super) fn new(containers: &'a Containers, image: &'a Image, name: &str) -> Self {
        Self {
            containers,
            image,
            name: name.to_owned(),
            arguments: None,
            environment: Vec::new(),
            mounts: Vec::new(),
            memory: Vec::new(),
            network: None,
        }
    }

    /// Gives arguments in place of the image's `cmd`; its entrypoint stays.
    pub fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments = Some(arguments.into_iter().map(Into::into).collect());
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push(format!("{name}={value}"));
        self
    }

    /// Puts a file or directory of this machine into the container, for reading.
    pub fn mount(mut self, from: impl AsRef<Path>, to: &str) -> Self {
        self.mounts.push((from.as_ref().to_path_buf(), to.to_owned()));
        self
    }

    /// Makes a directory one in memory, as `/tmp` always is: for everybody to write to, unless the image has it, whose mode
    /// it keeps.
    pub fn tmpfs(mut self, path: &str) -> Self {
        self.memory.push(path.to_owned());
        self
    }

    /// Shares the network of another container: each reaches the other's servers on 127.0.0.1.
    pub fn beside(mut self, other: &Container) -> Self {
        self.network = Some(other.network());
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// [`ContainerError`], when the image cannot be pulled or says nothing that can be run. Whether the process stays
    /// is what [`Container::wait_healthy`] finds out.
    pub fn start(self) -> Result<Container, ContainerError> {
        let rootfs = self.containers.unpack(self.image)?;
        let read = |path: &str| fs::read_to_string(rootfs.path().join(path)).unwrap_or_default();
        let config = &self.image.config.config;
        let user = User::look_up(&config.user, &read("etc/passwd"), &read("etc/group"))
            .map_err(|source| ContainerError::User { name: self.name.clone(), source })?;
        let configuration = bundle::config(&Bundle {
            name: &self.name,
            image: config,
            user: &user,
            arguments: self.arguments.as_deref(),
            environment: &self.environment,
            mounts: &self.mounts,
            memory: &self.memory,
            network: self.network.as_deref(),
        })
        .ok_or_else(|| ContainerError::NoProgram(self.name.clone()))?;
        let path = rootfs.directory.join("config.json");
        fs::write(&path, configuration.to_string()).map_err(ContainerError::io("write", &path))?;

        self.containers.check_interrupt()?;
        let id = self.containers.id(&self.name);
        let log = rootfs.directory.join("log");
        let out = File::create(&log).map_err(ContainerError::io("create", &log))?;
        let err = out.try_clone().map_err(ContainerError::io("open", &log))?;
        let runc = self.containers.runc.clone();
        let mut command = runc.command(&["run", "--pid-file"]);
        command
            .arg(rootfs.directory.join("pid"))
            .arg("--bundle")
            .arg(&rootfs.directory)
            .arg(&id);
        let child = command.stdout(out).stderr(err).spawn();
        let child =
            child.map_err(|source| ContainerError::Io { what: format!("start {id} by runc"), source })?;
        let (config, interrupted) = (config.clone(), self.containers.interrupted);
        Ok(Container { runc, id, name: self.name, child, rootfs, config, user, interrupted })
    }
}
