//! The binary as its users run it: what it prints, where to, and how it exits.

#![allow(clippy::unwrap_used)] // a test that panics has failed

mod access;
mod advisories;
mod carry;
mod check;
mod closed;
mod diff;
mod generated;
mod help;
mod index;
mod init;
mod interrupt;
mod judges;
mod keygen;
mod lock;
mod prune;
mod pypi;
mod python;
mod recorded;
mod repos;
mod rollback;
mod serve;
mod servers;
mod signatures;
mod signed;
mod support;
mod sync;
mod tls;
mod usage;
mod verify;
