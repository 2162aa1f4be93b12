//! What the tree holds beside the packages, made of the packages themselves: their metadata, the
//! pages, and the record of the sets. And the proof, before any of it is published, that the tree
//! alone answers what was asked.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::library::{Known, Tree, Unproved};
use super::read;
use super::record::{self, FileRecord, Record};
use crate::digest::Sha256;
use crate::error::{Cause, Error, Result};
use crate::format::pypi::filename::is_wheel;
use crate::format::pypi::page::write::{FILES, Project, root_html, root_json};
use crate::format::pypi::page::{self, CoreMetadata};
use crate::format::pypi::{PackageName, Version};
use crate::manifest::{Entry, Origin, Role, StoredEntry};
use crate::part::Expected;
use crate::path::RepoPath;
use crate::resolve::pypi::Metadata;
use crate::source::{Context, Stored};

/// Files that are read at once.
const AT_ONCE: usize = 4;

/// What resolving leaves for when the packages are there.
#[derive(Debug)]
pub(super) struct Pending {
    /// What the tree is to hold, but for what only the files tell.
    pub(super) record: Record,
    /// What the published generation holds.
    pub(super) old: Record,
    /// What was taken for a wheel's metadata when it was resolved.
    pub(super) used: HashMap<String, Used>,
}

/// What was taken for a file's metadata.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) metadata: Arc<Metadata>,
    /// Under what it is kept for later runs.
    pub(super) kept_under: Option<String>,
}

/// What a file says of itself.
pub(super) struct Said {
    pub(super) known: Known,
    /// A wheel's metadata.
    document: Option<Vec<u8>>,
    title: Option<String>,
    requires_python: Option<String>,
}

/// An error, and the sets whose fault it is; none where it is nobody's.
pub(super) struct Blamed {
    pub(super) error: Error,
    pub(super) sets: Vec<String>,
}

impl From<Error> for Blamed {
    fn from(error: Error) -> Self {
        Self { error, sets: Vec::new() }
    }
}

impl Pending {
    /// The sets that have a file.
    pub(super) fn sets_with(&self, filename: &str) -> Vec<String> {
        let with = self.record.sets.iter().filter(|(_, set)| set.files.contains(filename));
        with.map(|(name, _)| name.clone()).collect()
    }

    /// Makes what the tree holds beside the packages, and proves it.
    pub(super) async fn finish(
        mut self,
        context: &Context<'_>,
        stored: &[StoredEntry],
    ) -> Result<Vec<Entry>, Blamed> {
        self.take_digests(stored)?;
        if !self.take_what_is_known() {
            let known = self.read_all(context).await?;
            self.record.give_titles();
            let unproved = prove(self.record.clone(), known).await?;
            if let Some(first) = unproved.first() {
                let (set, target) = (first.set.clone(), first.target.clone());
                let why = first.why.join("; ");
                let error = Error::Unproved { set, target, why };
                let sets = unproved.into_iter().map(|one| one.set).collect();
                return Err(Blamed { error, sets });
            }
        }
        let mut made = self.metadata(context)?;
        made.extend(pages(context, &self.record)?);
        made.push(add(context, record::NAME, &self.record.write()?, Role::Metadata)?);
        Ok(made)
    }

    fn take_digests(&mut self, stored: &[StoredEntry]) -> Result<()> {
        for entry in stored {
            let name = entry.path.as_str().strip_prefix(FILES).and_then(|n| n.strip_prefix('/'));
            let Some(file) = name.and_then(|name| self.record.files.get_mut(name)) else {
                let reason = "is not part of any set";
                return Err(Error::metadata(entry.path.as_str(), reason));
            };
            file.sha256 = entry.sha256.hex();
            file.size = entry.size;
        }
        Ok(())
    }

    /// Takes over what the published generation knows of the same files; true where the tree is to
    /// hold nothing else than it does.
    fn take_what_is_known(&mut self) -> bool {
        for (name, file) in &mut self.record.files {
            let Some(old) = self.old.files.get(name) else { continue };
            if old.sha256 == file.sha256 {
                file.metadata.clone_from(&old.metadata);
                file.title.clone_from(&old.title);
                file.own_python.clone_from(&old.own_python);
            }
        }
        let mut record = self.record.clone();
        record.give_titles();
        let is_same = record == self.old;
        if is_same {
            self.record = record;
        }
        is_same
    }

    /// Reads what each file says of itself into the record.
    async fn read_all(&mut self, context: &Context<'_>) -> Result<HashMap<String, Known>, Blamed> {
        let mut reading = Vec::new();
        for (name, file) in &self.record.files {
            reading.push(look(context, name, file));
        }
        let said: Vec<_> = stream::iter(reading).buffered(AT_ONCE).try_collect().await?;
        let mut all = HashMap::new();
        for (name, said) in said {
            if let (Some(used), Ok(found)) = (self.used.get(&name), &said.known.metadata)
                && used.metadata != *found
            {
                // The next run resolves with what is true.
                if let (Some(key), Some(document)) = (&used.kept_under, &said.document) {
                    context.keep(key, document.clone());
                    context.kept().await;
                }
                let error = Error::metadata(&name, other_metadata(&used.metadata, found));
                return Err(Blamed { error, sets: self.sets_with(&name) });
            }
            let Some(file) = self.record.files.get_mut(&name) else { continue };
            file.title = said.title;
            file.own_python = said.requires_python;
            if let Some(document) = said.document {
                let stored = keep(context, &format!("{FILES}/{name}.metadata"), &document)?;
                file.metadata = Some(stored.sha256.hex());
            }
            all.insert(name, said.known);
        }
        Ok(all)
    }

    /// The metadata beside the wheels.
    fn metadata(&self, context: &Context<'_>) -> Result<Vec<Entry>> {
        let mut made = Vec::new();
        for (name, file) in &self.record.files {
            let Some(sha256) = file.metadata.as_deref().and_then(Sha256::from_hex) else {
                continue;
            };
            let path = format!("{FILES}/{name}.metadata");
            if context.find(&sha256.into())?.is_none() {
                // It was lost: the wheel has it.
                let Said { document, .. } = look_now(context, name, file)?;
                keep(context, &path, &document.unwrap_or_default())?;
            }
            made.push(entry(&path, sha256, Role::Metadata)?);
        }
        Ok(made)
    }
}

impl Record {
    /// Gives each project the spelling of its newest file.
    fn give_titles(&mut self) {
        let mut newest: HashMap<&str, (Option<Version>, &str)> = HashMap::new();
        for file in self.files.values() {
            let Some(title) = &file.title else { continue };
            let version = file.version.parse().ok();
            let best = newest.entry(&file.project).or_insert((None, title));
            if version >= best.0 {
                *best = (version, title);
            }
        }
        for (name, project) in &mut self.projects {
            let title = newest.get(name.as_str()).map_or(name.as_str(), |(_, title)| title);
            title.clone_into(&mut project.title);
        }
    }
}

fn other_metadata(used: &Metadata, found: &Metadata) -> String {
    let needs = |metadata: &Metadata| {
        let all: Vec<_> = metadata.requires_dist.iter().map(ToString::to_string).collect();
        let python = metadata.requires_python.iter().map(|python| format!("Python {python}"));
        python.chain(all).collect::<Vec<_>>().join(", ")
    };
    format!(
        "the index gave other metadata than the file has: expected what needs [{}], found what \
         needs [{}]",
        needs(used),
        needs(found)
    )
}

async fn look(context: &Context<'_>, name: &str, file: &FileRecord) -> Result<(String, Said)> {
    let Some(sha256) = file.sha256() else { return Err(Error::metadata(name, "is not stored")) };
    let opened = context.open_entry(&path_of(name)?, &sha256)?;
    let (name, file) = (name.to_owned(), file.clone());
    let work = move || {
        let said = said(opened, &name, &file);
        Ok((name, said))
    };
    super::index::blocking(work).await
}

fn look_now(context: &Context<'_>, name: &str, file: &FileRecord) -> Result<Said> {
    let Some(sha256) = file.sha256() else { return Err(Error::metadata(name, "is not stored")) };
    Ok(said(context.open_entry(&path_of(name)?, &sha256)?, name, file))
}

fn path_of(name: &str) -> Result<RepoPath> {
    super::safe(&format!("{FILES}/{name}"))
}

/// What a file says of itself. That it cannot be read stands in the way of those alone who need it.
pub(super) fn said(content: File, filename: &str, file: &FileRecord) -> Said {
    let nothing = |why: String| Said {
        known: Known { metadata: Err(format!("{filename}: {why}")), build: None },
        document: None,
        title: None,
        requires_python: None,
    };
    let (Ok(name), Ok(version)) = (file.project.parse(), file.version.parse()) else {
        return nothing("expected a project and a version".to_owned());
    };
    let result = if is_wheel(filename) {
        said_by_wheel(content, &name, &version)
    } else {
        said_by_sdist(content, filename, &name, &version)
    };
    result.unwrap_or_else(|error| nothing(error.to_string()))
}

fn said_by_wheel(mut content: File, name: &PackageName, version: &Version) -> Result<Said, Cause> {
    let document = read::wheel(&mut content, name, version)?;
    let metadata = read::metadata(&document, name, version).and_then(read::usable);
    Ok(Said {
        title: title(&document, name),
        requires_python: python(metadata.as_ref().ok()),
        known: Known { metadata: metadata.map(Arc::new), build: None },
        document: Some(document),
    })
}

fn said_by_sdist(
    content: File,
    filename: &str,
    name: &PackageName,
    version: &Version,
) -> Result<Said, Cause> {
    let sdist = read::sdist(content, filename, name)?;
    let metadata = sdist.metadata(name, version).map_err(|error| error.to_string());
    let metadata = metadata.and_then(|found| read::usable(found.metadata));
    let build = sdist.build_system().map_err(|error| error.to_string());
    Ok(Said {
        title: sdist.pkg_info.as_deref().and_then(|document| title(document, name)),
        requires_python: python(metadata.as_ref().ok()),
        known: Known { metadata: metadata.map(Arc::new), build: Some(build) },
        document: None,
    })
}

fn python(metadata: Option<&Metadata>) -> Option<String> {
    metadata?.requires_python.as_ref().map(ToString::to_string)
}

/// As a project spells itself: the `Name` of its metadata, where that is its name.
fn title(document: &[u8], name: &PackageName) -> Option<String> {
    let line = document.split(|byte| *byte == b'\n').find_map(|line| {
        let (field, value) = line.split_at_checked(5)?;
        field.eq_ignore_ascii_case(b"name:").then_some(value)
    })?;
    let title = std::str::from_utf8(line).ok()?.trim();
    title.parse::<PackageName>().is_ok_and(|found| found == *name).then(|| title.to_owned())
}

/// What the tree of that record has no answer for.
async fn prove(record: Record, known: HashMap<String, Known>) -> Result<Vec<Unproved>> {
    let work = move || {
        let tree = Tree::new(&record, known);
        let unproved = record.sets.iter().flat_map(|(name, set)| tree.prove(name, set));
        Ok(unproved.collect())
    };
    super::index::blocking(work).await
}

/// The pages of all projects, and the root's.
fn pages(context: &Context<'_>, record: &Record) -> Result<Vec<Entry>> {
    let mut made = Vec::new();
    each_page(record, |path, content| {
        made.push(add(context, path, content.as_bytes(), Role::EntryPoint)?);
        Ok(())
    })?;
    Ok(made)
}

/// Makes the pages that a record stands for, one after the other, each with its path.
pub(super) fn each_page(
    record: &Record,
    mut take: impl FnMut(&str, &str) -> Result<()>,
) -> Result<()> {
    let mut projects: BTreeMap<&str, Vec<(Version, page::File)>> = BTreeMap::new();
    for (filename, file) in &record.files {
        let version = file.version.parse().map_err(|error| Error::metadata(filename, error))?;
        projects.entry(&file.project).or_default().push((version, listed(filename, file)));
    }
    let mut root: Vec<(PackageName, &str)> = Vec::new();
    for (name, files) in &projects {
        let parsed: PackageName = name.parse().map_err(|error| Error::metadata(name, error))?;
        let (title, status) = match record.projects.get(*name) {
            Some(project) => (project.title.as_str(), project.status()),
            None => (*name, None),
        };
        let files = files.iter().map(|(version, file)| (version.clone(), file));
        let page = Project::new(&parsed, title, status.as_ref(), files);
        take(&format!("{name}/index.html"), &page.html())?;
        take(&format!("{name}/index.v1_json"), &page.json())?;
        root.push((parsed, title));
    }
    let root = || root.iter().map(|(name, title)| (name, *title));
    take("index.html", &root_html(root()))?;
    take("index.v1_json", &root_json(root()))
}

/// A file as its project's pages show it.
fn listed(filename: &str, file: &FileRecord) -> page::File {
    let metadata = file.metadata.as_deref().and_then(Sha256::from_hex);
    page::File {
        filename: filename.to_owned(),
        url: String::new(),
        digests: file.sha256().map(Into::into).into_iter().collect(),
        size: Some(file.size),
        requires_python: file.python().map(str::to_owned),
        yanked: file.yanked.clone(),
        core_metadata: metadata
            .map_or(CoreMetadata::No, |sha256| CoreMetadata::Digest(sha256.into())),
        upload_time: file.upload_time.clone(),
        provenance: file.provenance.clone(),
    }
}

fn add(context: &Context<'_>, path: &str, bytes: &[u8], role: Role) -> Result<Entry> {
    let stored = keep(context, path, bytes)?;
    entry(path, stored.sha256, role)
}

fn keep(context: &Context<'_>, path: &str, mut bytes: &[u8]) -> Result<Stored> {
    let digest = Some(Sha256::of(bytes).into());
    let expected = Expected { size: Some(bytes.len() as u64), digest };
    context.add(path, &mut bytes, &expected)
}

fn entry(path: &str, sha256: Sha256, role: Role) -> Result<Entry> {
    Ok(Entry {
        path: super::safe(path)?,
        size: None,
        digest: Some(sha256.into()),
        origin: Origin::Stored { sha256, remote: None },
        role,
        subject: None,
        unverified: None,
    })
}
