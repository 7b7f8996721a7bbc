//! `stages.yaml`: multi-stage container builds written by hand, read into a Plan.
//!
//! A [`Document`] is read from a text; with values for its args it becomes a [`Plan`](stagewright_plan::Plan), whose
//! steps know their lines in the text. [`schema`] is the form as a JSON schema, for editors. Nothing here touches a
//! file, a socket, a clock or the environment.
//!
//! ```
//! use stagewright_plan::Platform;
//! use stagewright_yaml::Document;
//!
//! let text = r#"
//! args:
//!   node: "18"
//! stages:
//!   app:
//!     role: runtime
//!     from: node:${node}-slim
//!     steps:
//!       - copy: server.js
//!         to: /app/
//!     cmd: [node, /app/server.js]
//! "#;
//!
//! let amd64 = Platform::new("linux", "amd64");
//! let document = Document::parse("stages.yaml", text).unwrap();
//! let plan = document.plan(&[("node", "20")], &amd64, &amd64).unwrap();
//! assert_eq!(plan.products().map(|target| target.name.as_str()).collect::<Vec<_>>(), ["app"]);
//! ```

#[cfg(test)]
mod agreement;
mod args;
#[cfg(test)]
mod docs;
mod document;
mod fill;
mod findings;
mod form;
#[cfg(test)]
mod hostile;
mod make;
#[cfg(test)]
mod misuse;
mod parse;
mod read;
mod schema;
mod template;
mod tree;

pub use document::Document;
pub use schema::{schema, schema_text};
