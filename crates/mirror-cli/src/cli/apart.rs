//! An option whose value may be left out, and a value behind it that is none of it: in
//! `mirror sync --lock-wait 60` that is a preset called 60.

use std::ffi::OsString;

use clap::{Command, CommandFactory as _};

use super::Cli;

/// An option and what was most likely meant as its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Apart {
    /// With its dashes.
    pub(crate) option: String,
    pub(crate) value: String,
}

/// The first such pair of a command line. All these values are numbers, and few presets and trees
/// are called so.
pub(crate) fn value_apart(words: &[OsString]) -> Option<Apart> {
    let command = Cli::command();
    let command = words.iter().find_map(|word| command.find_subcommand(word.to_str()?))?;
    let before_dashes = words.split(|word| word == "--").next()?;
    before_dashes.windows(2).find_map(|pair| {
        let [option, value] = pair else { return None };
        let (option, value) = (option.to_str()?, value.to_str()?);
        let is_number = value.starts_with(|c: char| c.is_ascii_digit());
        (is_number && takes_value_behind_equals(command, option))
            .then(|| Apart { option: option.to_owned(), value: value.to_owned() })
    })
}

fn takes_value_behind_equals(command: &Command, option: &str) -> bool {
    let Some(name) = option.strip_prefix("--") else { return false };
    let mut arguments = command.get_arguments();
    arguments.any(|known| known.get_long() == Some(name) && known.is_require_equals_set())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &str) -> Option<String> {
        let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        value_apart(&words).map(|Apart { option, value }| format!("{option}={value}"))
    }

    #[test]
    fn finds_values_that_are_taken_for_something_else() {
        let wait = Some("--lock-wait=60".to_owned());
        for command in ["sync rocky", "verify", "rollback", "prune"] {
            assert_eq!(found(&format!("mirror {command} --lock-wait 60")), wait);
        }
        let newest = found("mirror sync --newest-only 3 rocky");
        assert_eq!(newest.as_deref(), Some("--newest-only=3"));
        for sound in [
            "mirror sync --lock-wait rocky",
            "mirror sync --lock-wait=60 10",
            "mirror sync --release 10 --lock-wait",
            "mirror verify --lock-wait -- 10",
            "mirror serve --lock-wait 60",
            "mirror",
        ] {
            assert_eq!(found(sound), None, "{sound}");
        }
    }
}
