//! Rich dependencies: `(a if b else c)`, as rpm 4.13 and later have them.
//!
//! A dependency whose text begins with a parenthesis is an expression over plain ones. Operands of
//! `and`, `or` and `with` may be more than two; whatever else is mixed needs parentheses of its own.

use std::fmt;

use super::excerpt;
use super::nevra::Evr;
use crate::limits;

/// How versions are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

impl Comparison {
    /// The sign in text.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }

    /// Reads a sign.
    pub fn from_sign(sign: &str) -> Option<Self> {
        Some(match sign {
            "<" => Self::Less,
            "<=" | "=<" => Self::LessOrEqual,
            "=" | "==" => Self::Equal,
            ">=" | "=>" => Self::GreaterOrEqual,
            ">" => Self::Greater,
            _ => return None,
        })
    }

    /// Whether smaller versions are meant.
    pub fn includes_less(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual)
    }

    /// Whether the version itself is meant.
    pub fn includes_equal(self) -> bool {
        matches!(self, Self::LessOrEqual | Self::Equal | Self::GreaterOrEqual)
    }

    /// Whether greater versions are meant.
    pub fn includes_greater(self) -> bool {
        matches!(self, Self::Greater | Self::GreaterOrEqual)
    }
}

/// A name, and the versions of it that are meant: what a package provides or asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// A package's name, a path, or whatever packages agree upon (`libc.so.6()(64bit)`).
    pub name: String,
    /// The versions; `None` means any.
    pub versions: Option<(Comparison, Evr)>,
}

/// As in spec files: `name >= 1:2-3`.
impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.versions {
            Some((comparison, evr)) => write!(f, " {} {evr}", comparison.sign()),
            None => Ok(()),
        }
    }
}

/// A rich dependency, or a plain one inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rich {
    /// Something that a package provides.
    Plain(Relation),
    /// All of them.
    And(Vec<Rich>),
    /// One of them at least.
    Or(Vec<Rich>),
    /// `then` where `condition` holds, and `otherwise` where it does not.
    If {
        /// What is asked for.
        then: Box<Rich>,
        /// When.
        condition: Box<Rich>,
        /// What is asked for else.
        otherwise: Option<Box<Rich>>,
    },
    /// `then` where `condition` does not hold, and `otherwise` where it does.
    Unless {
        /// What is asked for.
        then: Box<Rich>,
        /// When not.
        condition: Box<Rich>,
        /// What is asked for else.
        otherwise: Option<Box<Rich>>,
    },
    /// All of them, of one package.
    With(Vec<Rich>),
    /// The first of a package that does not provide the second.
    Without(Box<Rich>, Box<Rich>),
}

/// A text that is no rich dependency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct RichError {
    /// What was expected.
    pub expected: &'static str,
    /// What was found, shortened.
    pub found: String,
}

/// Whether a dependency's name is one of these.
pub fn is_rich(name: &str) -> bool {
    name.starts_with('(')
}

/// Written with all its parentheses.
impl fmt::Display for Rich {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, list: &[Self], word: &str| {
            for (number, one) in list.iter().enumerate() {
                let before = if number == 0 { "(" } else { word };
                write!(f, "{before}{one}")?;
            }
            f.write_str(")")
        };
        match self {
            Self::Plain(relation) => relation.fmt(f),
            Self::And(list) => joined(f, list, " and "),
            Self::Or(list) => joined(f, list, " or "),
            Self::With(list) => joined(f, list, " with "),
            Self::Without(one, other) => write!(f, "({one} without {other})"),
            Self::If { then, condition, otherwise } => {
                write!(f, "({then} if {condition}")?;
                otherwise.as_ref().map_or(Ok(()), |one| write!(f, " else {one}"))?;
                f.write_str(")")
            }
            Self::Unless { then, condition, otherwise } => {
                write!(f, "({then} unless {condition}")?;
                otherwise.as_ref().map_or(Ok(()), |one| write!(f, " else {one}"))?;
                f.write_str(")")
            }
        }
    }
}

/// Parses a rich dependency, which begins with a parenthesis.
impl std::str::FromStr for Rich {
    type Err = RichError;

    fn from_str(text: &str) -> Result<Self, RichError> {
        if text.len() > limits::RICH_LEN {
            return Err(RichError {
                expected: "a shorter dependency",
                found: format!("{} bytes", text.len()),
            });
        }
        let mut parser = Parser { rest: text.trim() };
        let rich = parser.group(0)?;
        if parser.rest.is_empty() { Ok(rich) } else { Err(parser.unexpected("its end")) }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn unexpected(&self, expected: &'static str) -> RichError {
        RichError { expected, found: excerpt(self.rest) }
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn takes(&mut self, sign: char) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// What stands before the next white space or parenthesis that closes what it did not open.
    fn word(&mut self) -> &'a str {
        let mut open = 0_usize;
        let end = self.rest.find(|c: char| {
            match c {
                '(' => open += 1,
                ')' if open == 0 => return true,
                ')' => open -= 1,
                _ => {}
            }
            c.is_whitespace()
        });
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    /// `( … )`
    fn group(&mut self, depth: usize) -> Result<Rich, RichError> {
        if depth >= limits::RICH_DEPTH {
            return Err(self.unexpected("fewer nested parentheses"));
        }
        if !self.takes('(') {
            return Err(self.unexpected("("));
        }
        let first = self.operand(depth)?;
        let word = self.operator()?;
        let rich = match word {
            None => first,
            Some("and") => Rich::And(self.operands(first, "and", depth)?),
            Some("or") => Rich::Or(self.operands(first, "or", depth)?),
            Some("with") => Rich::With(self.operands(first, "with", depth)?),
            Some("without") => {
                let other = self.operand(depth)?;
                Rich::Without(Box::new(first), Box::new(other))
            }
            Some("if") => {
                let (condition, otherwise) = self.condition(depth)?;
                Rich::If { then: Box::new(first), condition, otherwise }
            }
            Some("unless") => {
                let (condition, otherwise) = self.condition(depth)?;
                Rich::Unless { then: Box::new(first), condition, otherwise }
            }
            Some(_) => return Err(self.unexpected("and, or, with, without, if or unless")),
        };
        self.skip_blanks();
        if self.takes(')') { Ok(rich) } else { Err(self.unexpected(")")) }
    }

    /// The word between two operands; `None` before the end of the group.
    fn operator(&mut self) -> Result<Option<&'a str>, RichError> {
        self.skip_blanks();
        if self.rest.starts_with(')') {
            return Ok(None);
        }
        let before = self.rest;
        let word = self.word();
        if ["and", "or", "with", "without", "if", "unless", "else"].contains(&word) {
            return Ok(Some(word));
        }
        self.rest = before;
        Err(self.unexpected("and, or, with, without, if or unless"))
    }

    fn operands(
        &mut self,
        first: Rich,
        word: &'static str,
        depth: usize,
    ) -> Result<Vec<Rich>, RichError> {
        let mut list = vec![first, self.operand(depth)?];
        loop {
            let before = self.rest;
            match self.operator()? {
                None => return Ok(list),
                Some(next) if next == word => list.push(self.operand(depth)?),
                Some(_) => {
                    self.rest = before.trim_start();
                    return Err(self.unexpected("one operator within parentheses"));
                }
            }
        }
    }

    fn condition(&mut self, depth: usize) -> Result<(Box<Rich>, Option<Box<Rich>>), RichError> {
        let condition = Box::new(self.operand(depth)?);
        let before = self.rest;
        let otherwise = match self.operator()? {
            None => None,
            Some("else") => Some(Box::new(self.operand(depth)?)),
            Some(_) => {
                self.rest = before.trim_start();
                return Err(self.unexpected("else or )"));
            }
        };
        Ok((condition, otherwise))
    }

    fn operand(&mut self, depth: usize) -> Result<Rich, RichError> {
        self.skip_blanks();
        if self.rest.starts_with('(') {
            return self.group(depth + 1);
        }
        let name = self.word();
        if name.is_empty() {
            return Err(self.unexpected("a dependency"));
        }
        let before = self.rest;
        self.skip_blanks();
        let versions = if let Some(comparison) = Comparison::from_sign(self.word()) {
            self.skip_blanks();
            let found = self.word();
            let evr =
                evr(found).ok_or(RichError { expected: "a version", found: excerpt(found) })?;
            Some((comparison, evr))
        } else {
            self.rest = before;
            None
        };
        Ok(Rich::Plain(Relation { name: name.to_owned(), versions }))
    }
}

/// `[epoch:]version[-release]`, as rpm takes it apart.
pub fn evr(text: &str) -> Option<Evr> {
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
        _ => ("", text),
    };
    let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (!version.is_empty()).then(|| Evr::new(epoch, version, release))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(name: &str) -> Rich {
        Rich::Plain(Relation { name: name.to_owned(), versions: None })
    }

    fn boxed(name: &str) -> Box<Rich> {
        Box::new(plain(name))
    }

    #[test]
    fn reads_what_packages_have() {
        for text in [
            "(foo and bar)",
            "(foo or bar or baz(x)(64bit))",
            "(NetworkManager >= 1.20 if (firewalld and nftables))",
            "(foo if bar else baz)",
            "((a if b) or (c unless d))",
            "(python3dist(x) >= 1:2~rc1-3 with python3dist(x) < 3)",
            "(foo without bar)",
            "(/usr/bin/x or /usr/bin/y)",
        ] {
            let rich: Rich = text.parse().unwrap();
            assert_eq!(rich.to_string(), text);
        }
        let rich: Rich = " ( a  if  b  else  c ) ".parse().unwrap();
        let (then, condition, otherwise) = (boxed("a"), boxed("b"), Some(boxed("c")));
        assert_eq!(rich, Rich::If { then, condition, otherwise });
        assert_eq!("(a)".parse::<Rich>().unwrap(), plain("a"));
        assert_eq!("(a==1)".parse::<Rich>().unwrap(), plain("a==1"), "a name without blanks");
    }

    #[test]
    fn refuses_what_is_none() {
        for text in [
            "",
            "a",
            "()",
            "(",
            "(a",
            "(a b)",
            "(a and)",
            "(a and b",
            "(a and b or c)",
            "(a if b or c)",
            "(a if b else c else d)",
            "(a without b without c)",
            "(a else b)",
            "(a and b) c",
            "(a >=)",
            "(a >= )",
        ] {
            assert!(text.parse::<Rich>().is_err(), "{text}");
        }
        let deep = "(".repeat(limits::RICH_DEPTH + 1) + "a";
        assert!(deep.parse::<Rich>().unwrap_err().to_string().contains("fewer nested"));
        let long = format!("({})", "a".repeat(limits::RICH_LEN));
        assert!(long.parse::<Rich>().unwrap_err().to_string().contains("shorter"));
        let error = "(a xor b)".parse::<Rich>().unwrap_err().to_string();
        assert!(error.ends_with("found \"xor b)\""), "{error}");
    }

    fn any_rich() -> impl Strategy<Value = Rich> {
        let sign = prop_oneof![
            Just(Comparison::Less),
            Just(Comparison::LessOrEqual),
            Just(Comparison::Equal),
            Just(Comparison::GreaterOrEqual),
            Just(Comparison::Greater)
        ];
        let evr = (0_u64..3, "[0-9a-z.~^+_]{1,6}", "[0-9a-z.]{0,4}")
            .prop_map(|(epoch, version, release)| Evr { epoch, version, release });
        let leaf =
            ("[a-z/][a-z0-9._/+-]{0,6}(\\([a-z]{0,3}\\))?", proptest::option::of((sign, evr)))
                .prop_map(|(name, versions)| Rich::Plain(Relation { name, versions }));
        leaf.prop_recursive(4, 24, 3, |inner| {
            let list = || proptest::collection::vec(inner.clone(), 2..4);
            let one = || inner.clone().prop_map(Box::new);
            prop_oneof![
                list().prop_map(Rich::And),
                list().prop_map(Rich::Or),
                list().prop_map(Rich::With),
                (one(), one()).prop_map(|(a, b)| Rich::Without(a, b)),
                (one(), one(), proptest::option::of(one())).prop_map(
                    |(then, condition, otherwise)| Rich::If { then, condition, otherwise }
                ),
                (one(), one(), proptest::option::of(one())).prop_map(
                    |(then, condition, otherwise)| Rich::Unless { then, condition, otherwise }
                ),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(rich in any_rich()) {
            let is_plain = matches!(rich, Rich::Plain(_));
            let text = if is_plain { format!("({rich})") } else { rich.to_string() };
            prop_assert_eq!(text.parse::<Rich>().unwrap(), rich);
        }
    }
}
