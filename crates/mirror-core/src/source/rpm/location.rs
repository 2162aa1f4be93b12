//! Mirror lists and metalinks → base URLs.

use url::Url;

use crate::digest::DigestError;
use crate::error::{Error, Result, redact};
use crate::format::rpm::metalink::{Metalink, State};
use crate::format::rpm::mirrorlist;
use crate::limits;
use crate::part::Expected;
use crate::source::Context;

/// What a metalink says of this file is what it says of the repository.
const FILE: &str = "repomd.xml";

/// Older states that are asked for, of those that a metalink lists (Fedora's lists up to ten).
const OLDER_STATES: usize = 5;

/// The folders that a mirror list names, in its order.
pub(super) async fn mirror_list(context: &Context<'_>, url: &Url) -> Result<Vec<Url>> {
    let text = context.read("mirrorlist", vec![url.clone()], limits::LIST_SIZE).await?;
    let urls = mirrorlist::read(&*text).map_err(|error| Error::metadata(&redact(url), error))?;
    let urls = usable(urls.iter().map(String::as_str), url)?;
    context.reach_as(url, &urls);
    Ok(urls)
}

/// What a metalink says of a repository.
pub(super) struct Linked {
    /// The folders that hold it, the preferred ones first.
    pub(super) bases: Vec<Url>,
    /// What `repomd.xml` is there: the newest state first, then older ones that some mirrors may
    /// still hold. Empty where the metalink does not say.
    pub(super) states: Vec<Expected>,
}

/// The folders that a metalink of `repodata/repomd.xml` names, and what that file is.
pub(super) async fn metalink(context: &Context<'_>, url: &Url) -> Result<Linked> {
    let text = context.read("metalink", vec![url.clone()], limits::LIST_SIZE).await?;
    let metalink =
        Metalink::read(&*text, FILE).map_err(|error| Error::metadata(&redact(url), error))?;
    let suffix = "/repodata/repomd.xml";
    let urls = metalink.urls.iter().filter_map(|mirror| mirror.url.strip_suffix(suffix));
    let bases = usable(urls, url)?;
    context.reach_as(url, &bases);
    let states = states(&metalink).map_err(|error| Error::metadata(&redact(url), error))?;
    Ok(Linked { bases, states })
}

/// The newest state, and the older ones from the newest on. Without a digest of the newest one, the
/// others pin nothing.
fn states(metalink: &Metalink) -> Result<Vec<Expected>, DigestError> {
    let expected = |state: &State| -> Result<Option<Expected>, DigestError> {
        let digest = state.digest()?;
        Ok(digest.map(|digest| Expected { size: state.size, digest: Some(digest) }))
    };
    let Some(newest) = expected(&metalink.current)? else {
        return Ok(Vec::new());
    };
    let mut older: Vec<&State> = metalink.alternates.iter().collect();
    older.sort_by_key(|state| std::cmp::Reverse(state.timestamp));
    let mut states = vec![newest];
    // One that does not parse is one that no mirror can hold.
    states.extend(older.into_iter().filter_map(|state| expected(state).ok().flatten()));
    states.truncate(1 + OLDER_STATES);
    Ok(states)
}

/// Those that we speak the protocol of. A list that came by https is not followed to plain http
/// while it names anything better.
fn usable<'a>(urls: impl Iterator<Item = &'a str>, list: &Url) -> Result<Vec<Url>> {
    let known: Vec<Url> = urls
        .filter_map(|url| Url::parse(url).ok())
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .take(limits::MIRRORS)
        .collect();
    let secure: Vec<Url> = known.iter().filter(|url| url.scheme() == "https").cloned().collect();
    let chosen = if list.scheme() == "https" && !secure.is_empty() { secure } else { known };
    if chosen.is_empty() {
        return Err(Error::NoUrl(redact(list)));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;

    #[test]
    fn takes_the_strongest_digest_of_each_state() {
        let state = |timestamp, texts: &[&str]| {
            let digests = texts.iter().map(|text| text.parse().unwrap()).collect();
            State { timestamp: Some(timestamp), size: Some(9), digests, malformed: None }
        };
        let sha256 = |text: &str| format!("sha256:{}", Sha256::of(text.as_bytes()));
        let md5 = "md5:900150983cd24fb0d6963f7d28e17f72";
        let mut metalink = Metalink {
            current: state(3, &[md5, &sha256("now")]),
            alternates: vec![state(1, &[&sha256("first")]), state(2, &[md5])],
            urls: Vec::new(),
        };
        let digests = |metalink: &Metalink| -> Vec<String> {
            let states = states(metalink).unwrap().into_iter();
            states.map(|state| state.digest.unwrap().to_string()).collect()
        };
        assert_eq!(digests(&metalink), [sha256("now"), md5.to_owned(), sha256("first")]);
        metalink.current.digests.clear();
        assert!(digests(&metalink).is_empty());
        metalink.current.malformed =
            Some("sha256:xx".parse::<crate::digest::Digest>().unwrap_err());
        assert!(states(&metalink).is_err(), "never passed over for nothing at all");
    }

    #[test]
    fn prefers_what_is_as_safe_as_the_list() {
        let urls = ["rsync://a/x", "http://b/x", "https://c/x", "nonsense"];
        let from = |list: &str| {
            let found = usable(urls.into_iter(), &list.parse().unwrap()).unwrap();
            found.iter().map(Url::to_string).collect::<Vec<_>>()
        };
        assert_eq!(from("https://l/"), ["https://c/x"]);
        assert_eq!(from("http://l/"), ["http://b/x", "https://c/x"]);
        let none = usable(["rsync://a/x"].into_iter(), &"http://l/".parse().unwrap());
        assert_eq!(none.unwrap_err().to_string(), "http://l/: no usable URL");
    }
}
