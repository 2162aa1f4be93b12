//! Filtering and merging.

use std::collections::{HashMap, HashSet};

use super::{Comps, is_item, text};
use crate::format::rpm::xml::tree::Element;

impl Comps {
    /// Leaves those packages only that `keep` takes by their names.
    ///
    /// A group that required packages and requires none any more is dropped, and named no more by
    /// environments and categories; one of these that had groups and has none left is dropped too.
    /// Groups that the document does not have may be another repository's, and stay named.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        let mut gone = HashSet::new();
        self.root.retain(|element| {
            let is_left = element.name() != "group" || retain_items(element, &mut keep);
            if !is_left {
                gone.insert(text(element, "id"));
            }
            is_left
        });
        // Of an id that is there twice, one may be left.
        for group in self.of("group") {
            gone.remove(&text(group, "id"));
        }
        self.root.retain(|element| {
            !matches!(element.name(), "environment" | "category")
                || retain_items(element, &mut |id| !gone.contains(id))
        });
    }

    /// Takes what `other` has to what there is, as libcomps and dnf do: groups, environments and
    /// categories of the same id become one, with the packages and groups of both. Where the two
    /// disagree on a package's kind, a text or anything else, `other` has the last word.
    pub fn merge(&mut self, other: Self) {
        unite(&mut self.root, other.root);
    }
}

/// Keeps those items of an element's lists that `keep` takes. Whether it still has some, or never had.
fn retain_items(element: &mut Element, keep: &mut impl FnMut(&str) -> bool) -> bool {
    let (mut had, mut has) = (false, false);
    for list in element.children_mut() {
        if !matches!(list.name(), "packagelist" | "grouplist" | "optionlist") {
            continue;
        }
        list.retain(|item| {
            if !is_item(item) {
                return true;
            }
            let is_kept = keep(item.text());
            (had, has) = (true, has || is_kept);
            is_kept
        });
    }
    has || !had
}

/// Takes the children of `other` to those of `known`.
fn unite(known: &mut Element, other: Element) {
    let mut children = known.take_children();
    let mut places = HashMap::new();
    for (at, child) in children.iter().enumerate() {
        if let Some(key) = key(child) {
            places.entry(key).or_insert(at);
        }
    }
    for child in other.into_children() {
        let key = key(&child);
        match key.as_ref().and_then(|key| places.get(key)) {
            Some(at) if has_parts(&child) => unite(&mut children[*at], child),
            Some(at) => children[*at] = child,
            None => {
                places.extend(key.map(|key| (key, children.len())));
                children.push(child);
            }
        }
    }
    // What is of one kind stays together.
    let mut kinds: Vec<String> = Vec::new();
    children.sort_by_cached_key(|child| {
        let known = kinds.iter().position(|kind| kind == child.name());
        known.unwrap_or_else(|| {
            kinds.push(child.name().to_owned());
            kinds.len() - 1
        })
    });
    for child in children {
        known.push(child);
    }
}

/// What makes two elements in the same place one; `None` where they never are.
fn key(element: &Element) -> Option<(String, String)> {
    let which = match element.name() {
        "group" | "environment" | "category" => text(element, "id"),
        "packagereq" | "groupid" => element.text().to_owned(),
        "match" | "package" => element.attribute("name").unwrap_or_default().to_owned(),
        "ignoredep" => {
            let attribute = |name| element.attribute(name).unwrap_or_default();
            format!("{} {}", attribute("requires"), attribute("package"))
        }
        name => {
            let language = element.attribute("xml:lang").unwrap_or_default().to_owned();
            return Some((name.to_owned(), language));
        }
    };
    (!which.is_empty()).then(|| (element.name().to_owned(), which))
}

/// Whether its children are looked at one by one when it is united with another.
fn has_parts(element: &Element) -> bool {
    matches!(
        element.name(),
        "group"
            | "environment"
            | "category"
            | "packagelist"
            | "grouplist"
            | "optionlist"
            | "langpacks"
            | "blacklist"
            | "whiteout"
    )
}
