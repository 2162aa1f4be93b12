//! The server's behaviour as clients see it: over loopback sockets, with requests written by hand
//! and, where it is installed, with curl.
#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not know for tests

mod curl;
mod headers;
mod life;
mod listings;
mod pages;
mod paths;
mod ranges;
mod support;
