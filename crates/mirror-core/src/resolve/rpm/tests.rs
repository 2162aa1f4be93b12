use super::*;
use std::collections::BTreeSet;

use crate::format::rpm::FormatError;
use crate::format::rpm::dependencies::read_packages;

mod asked;
mod real;
mod rules;
