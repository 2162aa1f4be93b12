//! Whole runs of the engine over RPM repositories and Python indexes, against upstreams on loopback.

#![allow(clippy::unwrap_used)] // helpers of tests are tests
#![allow(clippy::case_sensitive_file_extension_comparisons)] // the names are ours

mod advisories;
mod answers;
mod closure;
mod crash;
mod damage;
mod disk;
mod faults;
mod filtered;
mod gpgcheck;
mod groups;
mod index;
mod layout;
mod lists;
mod manifests;
mod matrix;
mod metalinks;
mod mirrors;
mod network;
mod packages;
mod prune;
mod publication;
mod pypi;
mod questions;
mod real;
mod repair;
mod resume;
mod rollback;
mod signatures;
mod space;
mod store;
mod support;
mod suspicious;
mod verify;
