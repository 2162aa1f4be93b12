//! Which form of a page of a Python index a client is sent (PEP 691; RFC 9110, section 12.5.1).
//!
//! A folder that holds `index.html` and [`JSON_NAME`] has a page of both forms, and the request's
//! `Accept` chooses; every other folder has the one page that it holds. HTML is called `text/html`,
//! or by PEP 691's name where that is what was asked for.
//!
//! What suits the client equally well is chosen by how it was named: a type by its name before
//! `type/*` before `*/*`, then `text/html` first, which every client reads. Where nothing suits, or
//! nothing was asked for, `text/html` is sent, as the public index does, rather than 406: pip and uv
//! say which type they got and which they take, and a person who looks sees the page.

use hyper::header::{ACCEPT, HeaderMap, HeaderValue};

use crate::media_type;

/// The JSON page beside `index.html`, by the name that bandersnatch gave it.
pub(crate) const JSON_NAME: &str = "index.v1_json";

/// A form of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// HTML as `text/html`.
    Html,
    /// The same file, by PEP 691's name.
    SimpleHtml,
    /// JSON.
    Json,
}

/// How much a client wants a form: its weight in thousandths, then how closely it was named.
type Rank = (u16, Closeness);

/// How closely a media range names a type; the closest range that matches gives the weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    Any,
    Type,
    Name,
}

impl Form {
    /// The server's own order.
    const ALL: [Self; 3] = [Self::Html, Self::SimpleHtml, Self::Json];

    /// The form that a request with these headers is answered with.
    pub(crate) fn wanted(headers: &HeaderMap) -> Self {
        let mut ranks: [Option<Rank>; 3] = [None; 3];
        let lists = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for (range, weight) in lists.flat_map(elements).filter_map(element) {
            for (form, rank) in Self::ALL.into_iter().zip(&mut ranks) {
                let Some(closeness) = form.matched_by(range) else { continue };
                if rank.is_none_or(|(_, known)| known < closeness) {
                    *rank = Some((weight, closeness));
                }
            }
        }
        let mut best = (Self::Html, (0, Closeness::Any));
        for (form, rank) in Self::ALL.into_iter().zip(ranks) {
            if let Some(rank) = rank.filter(|(weight, _)| *weight > 0)
                && rank > best.1
            {
                best = (form, rank);
            }
        }
        best.0
    }

    /// Its media type, as in `Content-Type`.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Html => media_type::HTML,
            Self::SimpleHtml => media_type::SIMPLE_HTML,
            Self::Json => media_type::SIMPLE_JSON,
        }
    }

    /// What tells it from another form that is the same file, in an entity tag.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Html | Self::Json => "",
            Self::SimpleHtml => "-v1",
        }
    }

    /// How closely the media range names this form; `None` where it is another.
    fn matched_by(self, range: &str) -> Option<Closeness> {
        let names: &[&str] = match self {
            Self::Html => &["text/html"],
            Self::SimpleHtml => {
                &["application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.latest+html"]
            }
            Self::Json => {
                &["application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.latest+json"]
            }
        };
        if names.iter().any(|name| name.eq_ignore_ascii_case(range)) {
            return Some(Closeness::Name);
        }
        let (kind, rest) = range.split_once('/')?;
        let of_this_kind = || {
            names.iter().any(|name| {
                name.split_once('/').is_some_and(|(own, _)| own.eq_ignore_ascii_case(kind))
            })
        };
        match (kind, rest) {
            ("*", "*") => Some(Closeness::Any),
            (_, "*") if of_this_kind() => Some(Closeness::Type),
            _ => None,
        }
    }
}

/// That another `Accept` may be answered otherwise.
pub(crate) const VARY_ACCEPT: HeaderValue = HeaderValue::from_static("Accept");

/// The elements of a list. A comma in a quoted parameter parts nothing.
fn elements(list: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    list.split(move |c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' => return !quoted,
            _ => {}
        }
        false
    })
}

/// A media range and its weight in thousandths; `None` where the weight is none. Other parameters
/// are passed over: no form has any that could differ.
fn element(element: &str) -> Option<(&str, u16)> {
    let mut parts = element.split(';').map(str::trim);
    let range = parts.next()?;
    let weight = parts.filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
        name.trim().eq_ignore_ascii_case("q").then(|| thousandths(value.trim()))
    });
    Some((range, weight.unwrap_or(Some(1000))?))
}

/// A weight between 0 and 1 with three digits at most; Java writes `.2`.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u16 = format!("{part:0<3}").parse().ok()?;
    match whole {
        "0" => Some(part),
        "" if text.len() > 1 => Some(part),
        "1" if part == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = "application/vnd.pypi.simple.v1+json";
    const HTML: &str = "application/vnd.pypi.simple.v1+html";

    fn wanted(accept: &[&str]) -> Form {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, value.parse().unwrap());
        }
        Form::wanted(&headers)
    }

    #[test]
    fn each_client_gets_the_form_that_it_prefers() {
        for (client, accept, form) in [
            ("none", "", Form::Html),
            ("curl", "*/*", Form::Html),
            ("pip 21.3", "text/html", Form::Html),
            (
                "a browser",
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
                Form::Html,
            ),
            ("java", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", Form::Html),
            ("pip", &format!("{JSON}, {HTML}; q=0.1, text/html; q=0.01"), Form::Json),
            ("uv", &format!("{JSON}, {HTML};q=0.2, text/html;q=0.01"), Form::Json),
            ("poetry", &format!("{JSON}, */*;q=0.1"), Form::Json),
        ] {
            assert_eq!(wanted(&[accept]), form, "{client}");
        }
        assert_eq!(wanted(&[]), Form::Html);
    }

    #[test]
    fn the_weights_decide_and_the_closest_range_gives_them() {
        for (accept, form) in [
            (format!("{HTML}, text/html;q=0.9"), Form::SimpleHtml),
            (format!("text/html;q=0.9,{JSON};q=0.8"), Form::Html),
            (format!("text/html;q=0.8 , {JSON} ; q=0.801"), Form::Json),
            (format!("{JSON};q=0, */*"), Form::Html),
            (format!("*/*, text/html;q=0, {HTML};q=0"), Form::Json),
            (format!("*/*;q=1.000, {JSON};q=0.5"), Form::Html),
            ("text/*;q=0.3, application/*;q=0.4".into(), Form::SimpleHtml),
            ("application/*".into(), Form::SimpleHtml),
            ("text/*".into(), Form::Html),
            // Equal weights: named before not named, then text/html.
            (format!("*/*, {JSON}"), Form::Json),
            (format!("text/html, {JSON}"), Form::Html),
            (format!("application/*, text/html;q=0.1, {JSON}"), Form::Json),
        ] {
            assert_eq!(wanted(&[&accept]), form, "{accept}");
        }
        assert_eq!(wanted(&["text/html;q=0.1", JSON]), Form::Json);
    }

    #[test]
    fn names_are_read_in_every_spelling() {
        for accept in [
            "Application/VND.pypi.simple.V1+JSON",
            "application/vnd.pypi.simple.latest+json",
            "application/vnd.pypi.simple.v2+json, application/vnd.pypi.simple.v1+json;q=0.1",
            ",, \t,application/vnd.pypi.simple.v1+json ;Q=1,",
            "application/vnd.pypi.simple.v1+json;x=\"a,text/html;\\\",\"",
        ] {
            assert_eq!(wanted(&[accept]), Form::Json, "{accept}");
        }
        assert_eq!(wanted(&["application/vnd.pypi.simple.latest+html"]), Form::SimpleHtml);
    }

    #[test]
    fn what_cannot_be_had_or_read_gets_the_default() {
        for accept in [
            "application/vnd.pypi.simple.v2+json",
            "application/json",
            "text/html;q=0",
            "*/*;q=0",
            "image/png",
            "application/vnd.pypi.simple.v1+json;q=high",
            "application/vnd.pypi.simple.v1+json;q=1.001",
            "application/vnd.pypi.simple.v1+json;q=0.1234",
            "application/vnd.pypi.simple.v1+json;q=.",
            "application/vnd.pypi.simple.v1+json;q=",
            "application/vnd.pypi.simple.v1+json;q=-1",
            "application/vnd.pypi.simple.v1+jsonx",
            "*",
            "/",
            "\"",
        ] {
            assert_eq!(wanted(&[accept]), Form::Html, "{accept}");
        }
    }
}
