//! Whole runs of the engine over RPM repositories, against upstreams on loopback.

mod damage;
mod faults;
mod groups;
mod layout;
mod publication;
mod support;
