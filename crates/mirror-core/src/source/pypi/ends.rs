//! What a Python without its patch release takes, of what the two ends of its patch releases take.

use super::closure::{Closure, Unsolved};
use crate::resolve::pypi::target::LAST_PATCH;
use crate::resolve::pypi::{Environment, Target};

type Outcome<E> = Result<Closure, Unsolved<E>>;

/// What a target takes, given what its [environments](Target::environments) take; `close` says what
/// another one takes.
///
/// Projects leave out the first patch releases of a Python for their faults (`!=3.9.0`), and few nodes
/// have these. So that they have no answer is no reason for no mirror where the last one has: the
/// target that is returned begins with one that has, and a note says why. Where the last has none, its
/// reason counts: what nodes have is nearer to it.
pub(super) fn settle<E>(
    target: &Target,
    ends: Vec<Outcome<E>>,
    close: impl Fn(&Environment) -> Outcome<E>,
) -> (Target, Outcome<E>) {
    let mut target = target.clone();
    let mut ends = ends.into_iter().rev();
    let mut closure = match ends.next() {
        Some(Ok(closure)) => closure,
        Some(error) => return (target, error),
        None => Closure::default(),
    };
    let mut why = match ends.next() {
        Some(Ok(first)) => {
            closure.join(first);
            return (target, Ok(closure));
        }
        Some(Err(Unsolved::Because(why))) => why,
        Some(error) => return (target, error),
        None => return (target, Ok(closure)),
    };
    // By halves: `without` has no answer, for that reason, and `first` has one.
    let (mut without, mut first) = (target.first_patch, LAST_PATCH);
    let mut taken = Closure::default();
    while first - without > 1 {
        let middle = without + (first - without) / 2;
        match close(&Environment::new(&target, middle)) {
            Ok(closure) => (first, taken) = (middle, closure),
            Err(Unsolved::Because(lines)) => (without, why) = (middle, lines),
            error => return (target, error),
        }
    }
    closure.join(taken);
    let minor = target.python.minor;
    closure.notes.insert(format!(
        "{target} is mirrored for 3.{minor}.{first} and later: for 3.{minor}.{without} there is no \
         solution: {}",
        why.join("; ")
    ));
    target.first_patch = first;
    (target, Ok(closure))
}
