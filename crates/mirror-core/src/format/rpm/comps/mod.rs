//! `comps.xml`: groups of packages, environments of groups, and categories to show them in.
//!
//! [`Comps`] is a document: what it holds is read from it ([`Comps::groups`], …), it is filtered to what
//! a tree has ([`Comps::retain`]), merged with others ([`Comps::merge`]) and written. Translations,
//! language packs, and elements that nobody here knows stay what they were.
//!
//! A *group* requires packages, each of them in a way ([`Kind`]). An *environment* is a list of groups
//! to be installed together, and of groups that may be added. Both are written with an `@` where
//! packages are named: `@core`, `@^minimal-environment`.

use std::io::{self, BufRead, Write};

use super::FormatError;
use super::xml::tree::Element;
use super::xml_writer::XmlWriter;
use crate::limits;

mod change;
#[cfg(test)]
mod tests;

/// A comps document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comps {
    root: Element,
}

/// A group of packages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Its id, as `core`.
    pub id: String,
    /// Its name and description.
    pub texts: Texts,
    /// Whether installers choose it by themselves.
    pub default: bool,
    /// Whether it is shown to users.
    pub visible: bool,
    /// Whether it is for hosts of two architectures only.
    pub biarch_only: bool,
    /// The language that it is for, where it is for one.
    pub lang_only: String,
    /// Its place in a list: the lowest comes first.
    pub display_order: Option<i64>,
    /// What it requires.
    pub packages: Vec<Requirement>,
}

/// A package that a group requires.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirement {
    /// The package's name, or one that it provides.
    pub name: String,
    /// In which way.
    pub kind: Kind,
    /// The package that makes a [`Kind::Conditional`] one be installed.
    pub requires: String,
}

/// In which way a group requires a package.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// With the group, always; what has no kind, or one that clients do not know, is of this.
    #[default]
    Mandatory,
    /// With the group, unless left out.
    Default,
    /// Only where asked for.
    Optional,
    /// With the group, where another package is.
    Conditional,
}

impl Kind {
    /// What clients install with a group unless told otherwise. Conditional packages come with what
    /// they require.
    pub const INSTALLED: [Self; 2] = [Self::Mandatory, Self::Default];

    fn read(name: Option<&str>) -> Self {
        match name {
            Some("default") => Self::Default,
            Some("optional") => Self::Optional,
            Some("conditional") => Self::Conditional,
            _ => Self::Mandatory,
        }
    }
}

/// Groups to be installed together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Its id, as `minimal-environment`.
    pub id: String,
    /// Its name and description.
    pub texts: Texts,
    /// Its place in a list: the lowest comes first.
    pub display_order: Option<i64>,
    /// The ids of its groups.
    pub groups: Vec<String>,
    /// Groups that may be added.
    pub options: Vec<GroupOption>,
}

/// A group that may be added to an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupOption {
    /// Its id.
    pub id: String,
    /// Whether installers add it by themselves; dnf does not.
    pub default: bool,
}

/// Groups to be shown together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Category {
    /// Its id.
    pub id: String,
    /// Its name and description.
    pub texts: Texts,
    /// Its place in a list: the lowest comes first.
    pub display_order: Option<i64>,
    /// The ids of its groups.
    pub groups: Vec<String>,
}

/// A package that brings another one's language packs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Langpack {
    /// The package.
    pub name: String,
    /// The name of its language packs, with `%s` for the language.
    pub install: String,
}

/// What people are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// The name.
    pub name: String,
    /// The description.
    pub description: String,
    /// The names in other languages, by the language (`xml:lang`).
    pub names: Vec<(String, String)>,
    /// The descriptions in other languages.
    pub descriptions: Vec<(String, String)>,
}

impl Comps {
    /// Reads a document.
    ///
    /// XML that is not well-formed, more than [`limits::COMPS_SIZE`] bytes and more than
    /// [`limits::COMPS_ELEMENTS`] elements are errors.
    pub fn read(reader: impl BufRead) -> Result<Self, FormatError> {
        let root = Element::read(reader, "comps", limits::COMPS_SIZE, limits::COMPS_ELEMENTS)?;
        Ok(Self { root })
    }

    /// Writes it.
    pub fn write(&self, writer: impl Write) -> io::Result<()> {
        let mut out = XmlWriter::new(writer);
        out.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
        out.raw(
            "<!DOCTYPE comps PUBLIC \"-//Red Hat, Inc.//DTD Comps info//EN\" \"comps.dtd\">\n",
        )?;
        self.root.write(&mut out, 0)
    }

    /// The groups.
    pub fn groups(&self) -> impl Iterator<Item = Group> {
        self.of("group").map(|element| Group {
            id: text(element, "id"),
            texts: Texts::read(element),
            default: is_true(element, "default").unwrap_or(false),
            visible: is_true(element, "uservisible").unwrap_or(true),
            biarch_only: is_true(element, "biarchonly").unwrap_or(false),
            lang_only: text(element, "langonly"),
            display_order: display_order(element),
            packages: list(element, "packagelist").map(Requirement::read).collect(),
        })
    }

    /// The environments.
    pub fn environments(&self) -> impl Iterator<Item = Environment> {
        self.of("environment").map(|element| Environment {
            id: text(element, "id"),
            texts: Texts::read(element),
            display_order: display_order(element),
            groups: ids(element, "grouplist"),
            options: list(element, "optionlist")
                .map(|option| GroupOption {
                    id: option.text().to_owned(),
                    default: option.attribute("default").is_some_and(says_true),
                })
                .collect(),
        })
    }

    /// The categories.
    pub fn categories(&self) -> impl Iterator<Item = Category> {
        self.of("category").map(|element| Category {
            id: text(element, "id"),
            texts: Texts::read(element),
            display_order: display_order(element),
            groups: ids(element, "grouplist"),
        })
    }

    /// The language packs.
    pub fn langpacks(&self) -> impl Iterator<Item = Langpack> {
        self.of("langpacks").flat_map(Element::children).map(|element| Langpack {
            name: element.attribute("name").unwrap_or_default().to_owned(),
            install: element.attribute("install").unwrap_or_default().to_owned(),
        })
    }

    /// The group that a user calls `name`: its id, or the name that is shown.
    pub fn group(&self, name: &str) -> Option<Group> {
        let by_id = self.groups().find(|group| group.id == name);
        by_id.or_else(|| self.groups().find(|group| group.texts.name == name))
    }

    /// The environment that a user calls `name`: its id, or the name that is shown.
    pub fn environment(&self, name: &str) -> Option<Environment> {
        let by_id = self.environments().find(|environment| environment.id == name);
        by_id.or_else(|| self.environments().find(|environment| environment.texts.name == name))
    }

    /// The groups that `@GROUP` or `@^ENVIRONMENT` means, with the `@` or without; `None` where there is
    /// no such group or environment. As dnf has it, a plain name is an environment's where no group has
    /// it, and the groups that may be added to an environment are not of it; nor are groups that this
    /// document does not have.
    pub fn meant(&self, name: &str) -> Option<Vec<Group>> {
        let name = name.strip_prefix('@').unwrap_or(name);
        let (name, is_environment) =
            name.strip_prefix('^').map_or((name, false), |name| (name, true));
        if !is_environment && let Some(group) = self.group(name) {
            return Some(vec![group]);
        }
        let environment = self.environment(name)?;
        let is_of_it = |group: &Group| environment.groups.contains(&group.id);
        Some(self.groups().filter(is_of_it).collect())
    }

    fn of(&self, name: &'static str) -> impl Iterator<Item = &Element> {
        self.root.children().filter(move |child| child.name() == name)
    }
}

/// Reads a comps document and writes it with what `keep` takes; see [`Comps::retain`].
pub fn filter(
    reader: impl BufRead,
    writer: impl Write,
    keep: impl FnMut(&str) -> bool,
) -> Result<(), FormatError> {
    let mut comps = Comps::read(reader)?;
    comps.retain(keep);
    comps.write(writer).map_err(FormatError::Write)
}

impl Requirement {
    fn read(element: &Element) -> Self {
        Self {
            name: element.text().to_owned(),
            kind: Kind::read(element.attribute("type")),
            requires: element.attribute("requires").unwrap_or_default().to_owned(),
        }
    }
}

impl Texts {
    fn read(element: &Element) -> Self {
        let mut texts = Self::default();
        for child in element.children() {
            // An underscore marks what is still to be translated.
            let (plain, translated) = match child.name() {
                "name" | "_name" => (&mut texts.name, &mut texts.names),
                "description" | "_description" => (&mut texts.description, &mut texts.descriptions),
                _ => continue,
            };
            let text = child.text().to_owned();
            match child.attribute("xml:lang") {
                Some(language) => translated.push((language.to_owned(), text)),
                None => *plain = text,
            }
        }
        texts
    }
}

fn text(element: &Element, name: &str) -> String {
    element.child(name).map(Element::text).unwrap_or_default().to_owned()
}

fn is_true(element: &Element, name: &str) -> Option<bool> {
    element.child(name).map(|child| says_true(child.text()))
}

fn says_true(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

fn display_order(element: &Element) -> Option<i64> {
    element.child("display_order")?.text().parse().ok()
}

/// The items of a list.
fn list<'a>(element: &'a Element, name: &'static str) -> impl Iterator<Item = &'a Element> {
    let lists = element.children().filter(move |child| child.name() == name);
    lists.flat_map(Element::children).filter(|item| is_item(item))
}

fn is_item(element: &Element) -> bool {
    matches!(element.name(), "packagereq" | "groupid") && !element.text().is_empty()
}

fn ids(element: &Element, name: &'static str) -> Vec<String> {
    list(element, name).map(|item| item.text().to_owned()).collect()
}
