//! The embedded HTTP server of `mirror`.
