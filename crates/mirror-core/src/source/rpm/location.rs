//! Mirror lists and metalinks → base URLs.

use url::Url;

use crate::error::{Error, Result, redact};
use crate::format::rpm::metalink::Metalink;
use crate::format::rpm::mirrorlist;
use crate::limits;
use crate::source::Context;

/// What a metalink says of this file is what it says of the repository.
const FILE: &str = "repomd.xml";

/// The folders that a mirror list names, in its order.
pub(super) async fn mirror_list(context: &Context<'_>, url: &Url) -> Result<Vec<Url>> {
    let text = context.read("mirrorlist", vec![url.clone()], limits::LIST_SIZE).await?;
    let urls = mirrorlist::read(&*text).map_err(|error| Error::metadata(&redact(url), error))?;
    let urls = usable(urls.iter().map(String::as_str), url)?;
    context.reach_as(url, &urls);
    Ok(urls)
}

/// The folders that a metalink of `repodata/repomd.xml` names, the preferred ones first.
pub(super) async fn metalink(context: &Context<'_>, url: &Url) -> Result<Vec<Url>> {
    let text = context.read("metalink", vec![url.clone()], limits::LIST_SIZE).await?;
    let metalink =
        Metalink::read(&*text, FILE).map_err(|error| Error::metadata(&redact(url), error))?;
    let suffix = "/repodata/repomd.xml";
    let urls = metalink.urls.iter().filter_map(|mirror| mirror.url.strip_suffix(suffix));
    let urls = usable(urls, url)?;
    context.reach_as(url, &urls);
    Ok(urls)
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
