//! What a Python without its patch release takes, of what the two ends of its patch releases take.

use super::taken::Closure;
use crate::resolve::pypi::target::LAST_PATCH;
use crate::resolve::pypi::{Environment, Target};

/// What is taken, or why there is no answer, in lines for people.
pub(super) type Outcome = Result<Closure, Vec<String>>;

/// What a target takes, given what its [environments](Target::environments) take; `close` says what
/// another one takes.
///
/// Projects leave out the first patch releases of a Python for their faults (`!=3.9.0`), and few nodes
/// have these. So that they have no answer is no reason for no mirror where the last one has: the
/// target that is returned begins with one that has, and a note says why. Where the last has none, its
/// reason counts: what nodes have is nearer to it.
pub(super) fn settle<E>(
    mut target: Target,
    ends: Vec<Outcome>,
    close: impl Fn(&Environment) -> Result<Outcome, E>,
) -> Result<(Target, Outcome), E> {
    let mut ends = ends.into_iter().rev();
    let mut closure = match ends.next() {
        Some(Ok(closure)) => closure,
        Some(why) => return Ok((target, why)),
        None => Closure::default(),
    };
    let mut why = match ends.next() {
        Some(Err(why)) => why,
        first => {
            first.into_iter().flatten().for_each(|first| closure.join(first));
            return Ok((target, Ok(closure)));
        }
    };
    // By halves: `without` has no answer, for that reason, and `first` has one.
    let (mut without, mut first) = (target.first_patch, LAST_PATCH);
    let mut taken = Closure::default();
    while first - without > 1 {
        let middle = without + (first - without) / 2;
        match close(&Environment::new(&target, middle))? {
            Ok(closure) => (first, taken) = (middle, closure),
            Err(lines) => (without, why) = (middle, lines),
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
    Ok((target, Ok(closure)))
}
