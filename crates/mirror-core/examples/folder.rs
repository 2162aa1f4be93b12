//! A source of one's own: a folder of files with a checksum list, as `sha256sum * > SHA256SUMS` makes
//! it. `cargo run --example folder -- FOLDER ROOT`.
//!
//! The same could name files on a server (`Origin::Remote`): the engine would fetch, resume and
//! verify them. Here the source reads them itself and puts them into the store.

#![allow(clippy::print_stdout)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mirror_core::digest::{Algorithm, Digest, Sha256};
use mirror_core::manifest::{Entry, Manifest, Origin, Role};
use mirror_core::part::Expected;
use mirror_core::path::RepoPath;
use mirror_core::report::{Event, Reporter};
use mirror_core::source::{BoxFuture, Context, Resolution, Source};
use mirror_core::{CancellationToken, Error, Job, Mirror, Mode, Options, Result};

const LIST: &str = "SHA256SUMS";

/// The files that a folder's checksum list names.
struct Folder(PathBuf);

impl Source for Folder {
    fn identity(&self) -> String {
        format!("folder {}", self.0.display())
    }

    fn fingerprint(&self) -> String {
        "folder 1".into()
    }

    fn resolve<'a>(&'a self, context: &'a Context<'a>) -> BoxFuture<'a, Result<Resolution>> {
        Box::pin(async { self.read(context) })
    }
}

impl Folder {
    fn read(&self, context: &Context<'_>) -> Result<Resolution> {
        let list = self.0.join(LIST);
        let text = std::fs::read_to_string(&list).map_err(Error::io("read", &list))?;
        let known = context.previous().and_then(|previous| previous.get(LIST));
        if known.is_some_and(|known| known.sha256 == Sha256::of(text.as_bytes())) {
            return Ok(Resolution::Unchanged);
        }
        let mut entries =
            vec![self.entry(context, LIST, &Expected::default(), Role::EntryPoint)?];
        for line in text.lines() {
            let (hex, name) = line.split_once("  ").unwrap_or((line, ""));
            let digest = Digest::from_hex(Algorithm::Sha256, hex)
                .map_err(|source| Error::Digest { file: list.display().to_string(), source })?;
            let expected = Expected { size: None, digest: Some(digest) };
            entries.push(self.entry(context, name, &expected, Role::Payload)?);
        }
        Manifest::new(entries, &list.display().to_string()).map(Resolution::Manifest)
    }

    /// Puts a file into the store, against what is expected of it.
    fn entry(
        &self,
        context: &Context<'_>,
        name: &str,
        expected: &Expected,
        role: Role,
    ) -> Result<Entry> {
        let path =
            RepoPath::new(name).map_err(|source| Error::Path { file: LIST.to_owned(), source })?;
        let from = path.under(&self.0);
        let mut file = File::open(&from).map_err(Error::io("open", &from))?;
        let stored = context.add(name, &mut file, expected)?;
        Ok(Entry {
            path,
            size: Some(stored.size),
            digest: Some(stored.sha256.into()),
            origin: Origin::Stored { sha256: stored.sha256, remote: None },
            role,
            subject: None,
            unverified: None,
        })
    }
}

/// Shows what happens as it happens.
struct Lines;

impl Reporter for Lines {
    fn on_event(&self, event: &Event<'_>) {
        println!("{event:?}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [folder, root] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "FOLDER ROOT")?;
    let mirror = Mirror::open(Path::new(&root), Options::default()).await?;
    let jobs = [Job::new(Folder(folder.into()), "files".parse()?)];
    let cancel = CancellationToken::new();
    let report = mirror.sync(&jobs, Mode::Apply, Arc::new(Lines), &cancel).await?;
    println!("{report:#?}");
    Ok(())
}
