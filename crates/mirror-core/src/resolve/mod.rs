//! From what is asked for to what is to be mirrored: dependency closures, as pure logic.
//!
//! Nothing here opens a file or a connection: what an upstream says comes through a trait that the
//! caller implements, or lies in memory, and the answer, or the reason why there is none, is data.

pub mod pypi;
pub mod rpm;
