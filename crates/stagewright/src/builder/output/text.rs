//! An output as a text: as it is written for `docker buildx build --output`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::{Dest, LOCAL_ATTRS, Output, OutputError, OutputKind, is_true};
use crate::builder::fields::fields;

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type={}", self.kind.name())?;
        if let Some(dest) = &self.dest {
            match dest {
                Dest::Path(path) => write!(f, ",dest={}", path.display())?,
                Dest::Stdout => f.write_str(",dest=-")?,
            }
        }
        for (key, value) in &self.attrs {
            write!(f, ",{key}={value}")?;
        }
        Ok(())
    }
}

impl FromStr for Output {
    type Err = OutputError;

    fn from_str(text: &str) -> Result<Self, OutputError> {
        if text == "-" {
            return Ok(Self::tar(text).to_stdout());
        }
        if !text.contains('=') && !text.is_empty() {
            return Ok(Self::local(text));
        }
        let mut attrs = BTreeMap::new();
        for field in fields(text).ok_or_else(|| OutputError::Quote(text.to_owned()))? {
            let Some((key, value)) = field.split_once('=') else {
                return Err(OutputError::Field { text: text.to_owned(), field });
            };
            attrs.insert(key.trim().to_lowercase(), value.to_owned());
        }
        let kind = match attrs.remove("type").as_deref() {
            Some("image") => OutputKind::Image,
            Some("registry") => {
                attrs.insert("push".to_owned(), "true".to_owned());
                OutputKind::Image
            }
            Some("tar") => OutputKind::Tar,
            Some("oci") => OutputKind::Oci,
            Some("docker") => OutputKind::Docker,
            Some("local") => OutputKind::Local,
            Some("cacheonly") => OutputKind::CacheOnly,
            Some(kind) => return Err(OutputError::Kind { text: text.to_owned(), kind: kind.to_owned() }),
            None => return Err(OutputError::NoType(text.to_owned())),
        };
        let dest = attrs.remove("dest").filter(|dest| !dest.is_empty());
        match (dest.as_deref(), kind) {
            (Some("-"), OutputKind::Local) => return Err(OutputError::Stdout(text.to_owned())),
            (Some(_), OutputKind::Image) => return Err(OutputError::Dest(text.to_owned())),
            (_, OutputKind::CacheOnly) if dest.is_some() || !attrs.is_empty() => {
                return Err(OutputError::CacheOnly(text.to_owned()));
            }
            (None, OutputKind::Image | OutputKind::CacheOnly) | (Some(_), _) => {}
            (None, _) => return Err(OutputError::NoDest(text.to_owned())),
        }
        if kind != OutputKind::Image && attrs.get("tar").is_some_and(|tar| !is_true(tar)) {
            return Err(OutputError::Layout(text.to_owned()));
        }
        if let Some(key) = attrs.keys().find(|key| !kind.takes(key)) {
            let known = kind.keys().join(", ");
            return Err(OutputError::Key { text: text.to_owned(), key: key.clone(), known });
        }
        let stdout = dest.as_deref() == Some("-");
        let output = Self { attrs, ..Self::new(kind, dest.map(PathBuf::from)) };
        let output = if stdout { output.to_stdout() } else { output };
        output.mirrors()?;
        if kind == OutputKind::Local {
            LOCAL_ATTRS.iter().try_for_each(|key| output.wants(key).map(drop))?;
        }
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_as_docker_writes_them() {
        let check = |text: &str, expected: Output| assert_eq!(text.parse(), Ok(expected), "{text}");
        check("out/{target}", Output::local("out/{target}"));
        check("type=local,dest=out", Output::local("out"));
        check("type=oci,dest=a.tar,compression=zstd", Output::oci("a.tar").attr("compression", "zstd"));
        check("type=image,push=true", Output::push());
        check("type=registry", Output::push());
        check("type=image,\"name=a,b\"", Output::image().attr("name", "a,b"));
        check("Type=tar,dest=a.tar", Output::tar("a.tar"));
        check("-", Output::tar("-").to_stdout());
        check("type=oci,dest=-", Output::oci("").to_stdout());
        check("type=cacheonly", Output::cache_only());
        check(
            "type=local,dest=o,mode=delete,setuid=true",
            Output::local("o").attr("mode", "delete").attr("setuid", "true"),
        );
    }

    #[test]
    fn other_texts_are_told_what_is_right() {
        let check = |text: &str, part: &str| {
            let error = text.parse::<Output>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        };
        check("", "not of the form");
        check("type=oci", "add dest=PATH");
        check("type=zip,dest=a", "unknown type `zip`");
        check("dest=a", "has no type");
        check("type=tar,a", "`a` in output");
        check("type=image,dest=a", "makes no files here");
        check("type=local,dest=-", "use type=tar");
        check("type=cacheonly,dest=a", "nothing else");
        check("type=local,dest=a,mode=mirror", "`mode=mirror`: copy and delete are known");
        check("type=local,dest=a,devices=yes", "`devices=yes`: true and false are known");
        check("type=image,\"name=a", "does not end");
        check("type=oci,dest=a,compresion=zstd", "unknown attribute `compresion`: name, compression, ");
        check("type=oci,dest=a,push=true", "unknown attribute `push`");
        check("type=oci,dest=a,tar=false", "leave out tar=false");
        check("type=local,dest=a,name=b", "unknown attribute `name`: mode, setuid, ");
    }
}
