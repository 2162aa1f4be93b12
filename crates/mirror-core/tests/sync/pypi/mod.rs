//! Python packages, from indexes on loopback to trees that real pip installs from.

mod adoption;
mod answers;
mod builds;
mod changes;
mod checks;
mod ends;
mod faults;
mod files;
mod hashed;
mod inputs;
mod lists;
mod places;
mod refusals;
mod several;
mod sizes;
mod store;
mod support;
mod tree;
mod whole;

pub(crate) use whole::room;
