//! What a document says.

use std::borrow::Cow;
use std::str::FromStr;

use super::yaml::{Result, Yaml};
use super::{About, Broken, Content, Defaults, Profile, Requirement, Stream, is_stream};
use crate::format::rpm::excerpt;
use crate::format::rpm::nevra::Nevra;
use crate::limits;

/// Reads a document that begins in `line`.
pub(super) fn read(document: &[u8], line: usize) -> std::result::Result<Content, Broken> {
    let broken = |reason: String| Broken { line, kind: None, reason };
    if document.len() > limits::MODULE_DOCUMENT {
        return Err(broken(format!("is larger than {} bytes", limits::MODULE_DOCUMENT)));
    }
    let text = std::str::from_utf8(document).map_err(|_| broken("is not UTF-8".to_owned()))?;
    let text = indented(text);
    let text = Text { text: &text, line };
    let (kind, version) = head(text).map_err(broken)?;
    let content = read_data(text, &kind, version);
    content.map_err(|reason| Broken { line, kind: Some(kind), reason })
}

/// The text as a reader of YAML 1.2 takes it: libyaml before 0.2.3 wrote the closing quote of a text
/// that ends in line breaks into the first column, where only libyaml itself expects it.
fn indented(text: &str) -> Cow<'_, str> {
    let is_lone = |line: &str| matches!(line.trim_ascii_end(), "'" | "\"");
    if !text.lines().any(is_lone) {
        return Cow::Borrowed(text);
    }
    let mut indented = String::with_capacity(text.len() + 1024);
    for line in text.split_inclusive('\n') {
        if is_lone(line) {
            // Deeper than what it closes can be; white space there means nothing.
            indented.extend(std::iter::repeat_n(' ', 4 * limits::YAML_DEPTH));
        }
        indented.push_str(line);
    }
    Cow::Owned(indented)
}

/// A document, and the line in which it begins.
#[derive(Clone, Copy)]
struct Text<'a> {
    text: &'a str,
    line: usize,
}

impl<'a> Text<'a> {
    fn walk(self) -> Yaml<'a> {
        Yaml::new(self.text, self.line)
    }
}

fn read_data(text: Text<'_>, kind: &str, version: u64) -> Result<Content> {
    let is_known = |known: &[u64]| {
        let expected: Vec<_> = known.iter().map(u64::to_string).collect();
        let expected = expected.join(" or ");
        let found = || format!("is of version {version} of {kind}, expected {expected}");
        if known.contains(&version) { Ok(()) } else { Err(found()) }
    };
    match kind {
        kind if is_stream(kind) => {
            is_known(&[1, 2])?;
            stream(text).map(Content::Stream)
        }
        "modulemd-defaults" => {
            is_known(&[1])?;
            defaults(text).map(Content::Defaults)
        }
        "modulemd-obsoletes" => {
            is_known(&[1])?;
            about(text).map(Content::Obsoletes)
        }
        "modulemd-translations" => {
            is_known(&[1])?;
            about(text).map(Content::Translations)
        }
        // Of what is built, not of packages.
        _ => Ok(Content::Other(kind.to_owned())),
    }
}

/// The kind and version of a document: they may stand behind all else.
fn head(text: Text<'_>) -> Result<(String, u64)> {
    let (mut kind, mut version, mut has_data) = (None, None, false);
    let twice = |is_there: bool, what: &str| {
        if is_there { Err(format!("gives its {what} twice")) } else { Ok(()) }
    };
    let mut yaml = text.walk();
    let mut is_mapping = false;
    yaml.mapping(|yaml, key| {
        is_mapping = true;
        match key {
            "document" => {
                twice(kind.is_some(), key)?;
                kind = Some(yaml.text()?);
            }
            "version" => {
                twice(version.is_some(), key)?;
                version = Some(number(&yaml.text()?)?);
            }
            key => {
                has_data |= key == "data";
                yaml.skip()?;
            }
        }
        Ok(())
    })?;
    yaml.finish()?;
    if !is_mapping {
        return Err("is empty".to_owned());
    }
    let kind = kind.filter(|kind| !kind.is_empty()).ok_or("does not say of which kind it is")?;
    let version = version.ok_or("does not say of which version it is")?;
    if !has_data {
        return Err("has no data".to_owned());
    }
    Ok((kind, version))
}

/// Calls `on` with each key of the data.
fn data(text: Text<'_>, mut on: impl FnMut(&mut Yaml<'_>, &str) -> Result<()>) -> Result<()> {
    text.walk().mapping(|yaml, key| if key == "data" { yaml.mapping(&mut on) } else { yaml.skip() })
}

fn stream(text: Text<'_>) -> Result<Stream> {
    let mut stream = Stream::default();
    data(text, |yaml, key| {
        match key {
            "name" => stream.name = yaml.text()?,
            "stream" => stream.stream = yaml.text()?,
            "version" => stream.version = number(&yaml.text()?)?,
            "context" => stream.context = yaml.text()?,
            "arch" => stream.arch = yaml.text()?,
            "artifacts" => yaml.mapping(|yaml, key| {
                if key != "rpms" {
                    return yaml.skip();
                }
                for artifact in yaml.texts()? {
                    stream.artifacts.push(nevra(&artifact)?);
                }
                Ok(())
            })?,
            "demodularized" => yaml.mapping(|yaml, key| {
                if key != "rpms" {
                    return yaml.skip();
                }
                stream.demodularized.extend(yaml.texts()?);
                Ok(())
            })?,
            // One mapping in version 1, a list of them in version 2.
            "dependencies" => yaml.items(|yaml| {
                stream.dependencies.push(requirements(yaml)?);
                Ok(())
            })?,
            "profiles" => yaml.mapping(|yaml, name| {
                stream.profiles.push(profile(yaml, name)?);
                Ok(())
            })?,
            _ => yaml.skip()?,
        }
        Ok(())
    })?;
    Ok(stream)
}

fn requirements(yaml: &mut Yaml<'_>) -> Result<Vec<Requirement>> {
    let mut requirements = Vec::new();
    yaml.mapping(|yaml, key| {
        if key != "requires" {
            return yaml.skip();
        }
        yaml.mapping(|yaml, module| {
            let streams = yaml.texts()?;
            requirements.push(Requirement { module: module.to_owned(), streams });
            Ok(())
        })
    })?;
    Ok(requirements)
}

fn profile(yaml: &mut Yaml<'_>, name: &str) -> Result<Profile> {
    let mut profile = Profile { name: name.to_owned(), packages: Vec::new() };
    yaml.mapping(|yaml, key| {
        if key != "rpms" {
            return yaml.skip();
        }
        profile.packages.extend(yaml.texts()?);
        Ok(())
    })?;
    Ok(profile)
}

fn defaults(text: Text<'_>) -> Result<Defaults> {
    let mut defaults = Defaults::default();
    data(text, |yaml, key| {
        match key {
            "module" => defaults.module = yaml.text()?,
            "stream" => defaults.stream = yaml.text()?,
            "profiles" => yaml.mapping(|yaml, stream| {
                defaults.profiles.push((stream.to_owned(), yaml.texts()?));
                Ok(())
            })?,
            _ => yaml.skip()?,
        }
        Ok(())
    })?;
    named(&defaults.module)?;
    Ok(defaults)
}

fn about(text: Text<'_>) -> Result<About> {
    let mut about = About::default();
    data(text, |yaml, key| {
        match key {
            "module" => about.module = yaml.text()?,
            "stream" => about.stream = yaml.text()?,
            _ => yaml.skip()?,
        }
        Ok(())
    })?;
    named(&about.module)?;
    Ok(about)
}

fn named(module: &str) -> Result<()> {
    if module.is_empty() { Err("names no module".to_owned()) } else { Ok(()) }
}

fn number(text: &str) -> Result<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.ok_or_else(|| format!("has {:?} as its version, expected a number", excerpt(text)))
}

/// An artifact, whose epoch is never left out.
fn nevra(text: &str) -> Result<Nevra> {
    let nevra = Nevra::from_str(text).ok().filter(|_| text.contains(':'));
    nevra.ok_or_else(|| {
        let found = excerpt(text);
        format!("has {found:?} as an artifact, expected name-epoch:version-release.arch")
    })
}
