//! The near name for one that does not exist.

/// The shortest word whose beginning alone says what was meant: `alma` for `almalinux`.
const PREFIX_LEN: usize = 3;

/// The candidate that `word` was most likely meant to be: one that differs by a slip of the fingers
/// (a third of its letters at most), or one that continues it or that it continues.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    let cost = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let slips = strsim::damerau_levenshtein(&word, &candidate);
        let longer = word.chars().count().max(candidate.chars().count());
        if slips <= (longer / 3).max(1) {
            return Some(slips);
        }
        let shorter = word.chars().count().min(candidate.chars().count());
        let continues = candidate.starts_with(&word) || word.starts_with(&candidate);
        (continues && shorter >= PREFIX_LEN).then_some(slips)
    };
    let near = candidates.into_iter().filter_map(|candidate| Some((cost(candidate)?, candidate)));
    // The first of equals: candidates come in the order that their owner prefers.
    near.min_by_key(|(cost, _)| *cost).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_was_meant() {
        let presets = ["rocky", "almalinux", "centos-stream", "fedora", "epel", "kubernetes"];
        for (word, near) in [
            ("rokcy", Some("rocky")),
            ("Rocky", Some("rocky")),
            ("rockylinux", Some("rocky")),
            ("alma", Some("almalinux")),
            ("centos", Some("centos-stream")),
            ("kuberentes", Some("kubernetes")),
            ("debian", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, presets), near, "{word}");
        }
    }

    #[test]
    fn keeps_apart_what_is_short() {
        assert_eq!(nearest("ha", ["rt", "nfv"]), None);
        assert_eq!(nearest("1.31", ["v1.30", "v1.31"]), Some("v1.31"));
        assert_eq!(nearest("baseso", ["appstream", "baseos"]), Some("baseos"));
        assert_eq!(nearest("12", ["11", "10"]), Some("11"));
    }
}
