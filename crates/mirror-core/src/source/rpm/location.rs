//! Mirror lists and metalinks → base URLs.

use url::Url;

use crate::error::{Error, Result};
use crate::source::Context;

pub(super) async fn mirror_list(_: &Context<'_>, url: &Url) -> Result<Vec<Url>> {
    Err(Error::NoUrl(url.to_string()))
}

pub(super) async fn metalink(_: &Context<'_>, url: &Url) -> Result<Vec<Url>> {
    Err(Error::NoUrl(url.to_string()))
}
