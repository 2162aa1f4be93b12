//! Documents without the names of packages and streams that are gone.
//!
//! A document that names them is edited line by line: the rest stays the bytes that it was. Whether what
//! came of it says what it should, the reader says: where it does not, as with lists that are not written
//! one name a line, the document stays as it was.

use super::{About, Content, Defaults, Document, Modules, Profile, Stream, content};

impl Modules {
    /// Takes names of packages out of the profiles of streams: those of which `is_gone` says so. Gives
    /// what could not be taken out, in words.
    ///
    /// A client that installs a profile fails at a name that it finds nowhere.
    pub fn cut_profiles(&mut self, is_gone: impl Fn(&Stream, &str) -> bool) -> Vec<String> {
        let mut kept = Vec::new();
        for at in 0..self.documents.len() {
            let Ok(Content::Stream(stream)) = &self.documents[at].content else { continue };
            let is_cut = |name: &str| is_gone(stream, name);
            let mut wanted = stream.clone();
            for profile in &mut wanted.profiles {
                profile.packages.retain(|name| !is_cut(name));
            }
            if wanted.profiles == stream.profiles {
                continue;
            }
            let text = without_packages(self.text(at), is_cut);
            let names = describe(stream, &wanted.profiles);
            if !self.replace(at, &text, Content::Stream(wanted)) {
                kept.push(names);
            }
        }
        kept
    }

    /// Takes the default streams out that are among `gone`.
    pub(super) fn cut_defaults(&mut self, gone: &[About]) {
        for at in 0..self.documents.len() {
            let Ok(Content::Defaults(defaults)) = &self.documents[at].content else { continue };
            let Defaults { module, stream, .. } = defaults;
            if !gone.iter().any(|gone| gone.module == *module && gone.stream == *stream) {
                continue;
            }
            let wanted = Defaults { stream: String::new(), ..defaults.clone() };
            let is_stream = |line: &&str| !line.trim_start().starts_with("stream:");
            let text: String =
                self.text(at).split_inclusive('\n').filter(|line| is_stream(line)).collect();
            self.replace(at, &text, Content::Defaults(wanted));
        }
    }

    fn text(&self, at: usize) -> &str {
        // It was read as UTF-8.
        std::str::from_utf8(&self.text[self.documents[at].bytes.clone()]).unwrap_or_default()
    }

    /// Puts `text` in the place of a document, where it says what is `wanted`.
    fn replace(&mut self, at: usize, text: &str, wanted: Content) -> bool {
        let line = self.documents[at].line;
        if content::read(text.as_bytes(), line).as_ref() != Ok(&wanted) {
            return false;
        }
        let start = self.text.len();
        self.text.extend_from_slice(text.as_bytes());
        self.documents[at] = Document { bytes: start..self.text.len(), line, content: Ok(wanted) };
        true
    }
}

/// The lines of a document without those that name such a package in the list `rpms` of a profile. A list
/// that none is left in is written as an empty one.
fn without_packages(document: &str, is_cut: impl Fn(&str) -> bool) -> String {
    let mut out = String::with_capacity(document.len());
    let mut lines = document.split_inclusive('\n').peekable();
    let mut profiles: Option<usize> = None;
    while let Some(line) = lines.next() {
        let plain = line.trim_end();
        let (key, depth) = (plain.trim_start(), indent(line));
        if profiles.is_some_and(|outer| !key.is_empty() && depth <= outer) {
            profiles = None;
        }
        if profiles.is_none() && key == "profiles:" {
            profiles = Some(depth);
        }
        if profiles.is_none() || key != "rpms:" {
            out.push_str(line);
            continue;
        }
        let mut items = Vec::new();
        let is_item = |next: &&str| next.trim_start().starts_with("- ") && indent(next) >= depth;
        while let Some(item) = lines.next_if(is_item) {
            items.push(item);
        }
        let left: Vec<&str> = items.iter().copied().filter(|item| !is_cut(name(item))).collect();
        if left.is_empty() && !items.is_empty() {
            out.push_str(plain);
            out.push_str(" []\n");
            continue;
        }
        out.push_str(line);
        out.extend(left);
    }
    out
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// What an item of a list names, which has no white space in it.
fn name(item: &str) -> &str {
    let item = item.trim_start().trim_start_matches("- ").trim_start();
    let name = item.split_ascii_whitespace().next().unwrap_or_default();
    name.trim_matches(['"', '\''])
}

fn describe(stream: &Stream, left: &[Profile]) -> String {
    let profiles = stream.profiles.iter().zip(left).filter(|(before, left)| before != left);
    let names: Vec<_> = profiles.map(|(before, _)| before.name.as_str()).collect();
    format!("{}:{} goes on naming packages that are gone: {}", stream.name, stream.stream, {
        names.join(", ")
    })
}
