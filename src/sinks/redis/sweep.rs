//! A walk over many users, to write them whole.

/// A walk over users, from the first to the last. It keeps its place between two slices of work.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) enum Sweep {
    /// There is nothing to sweep.
    #[default]
    Over,
    /// Over all users, from this one on.
    All(u32),
    /// Over the users whose hash is not as this run wrote it, from this one on.
    Unwritten(u32),
}

impl Sweep {
    /// Starts over all users.
    pub(super) fn start_all(&mut self) {
        *self = Sweep::All(0);
    }

    /// Starts over the users that are not written. A sweep over all goes over all again.
    pub(super) fn start_unwritten(&mut self) {
        *self = match self {
            Sweep::All(_) => Sweep::All(0),
            Sweep::Over | Sweep::Unwritten(_) => Sweep::Unwritten(0),
        };
    }

    /// The next user, given which users are written.
    pub(super) fn next(&mut self, written: &[bool]) -> Option<u32> {
        let user = match *self {
            Sweep::Over => return None,
            Sweep::All(next) => next,
            Sweep::Unwritten(next) => {
                let skipped = written[next as usize..].iter().take_while(|written| **written);
                // Users are numbered by u32.
                next + u32::try_from(skipped.count()).ok()?
            }
        };
        if user as usize >= written.len() {
            *self = Sweep::Over;
            return None;
        }
        if let Sweep::All(next) | Sweep::Unwritten(next) = self {
            *next = user + 1;
        }
        Some(user)
    }

    pub(super) fn is_over(self) -> bool {
        self == Sweep::Over
    }

    /// True while some changes are left to the sweep, which are no longer held.
    pub(super) fn is_behind(self) -> bool {
        matches!(self, Sweep::Unwritten(_))
    }
}

#[cfg(test)]
mod tests {
    use super::Sweep;

    /// Walks to the end and compares the users.
    fn check(mut sweep: Sweep, written: &[bool], expected: &[u32]) {
        let users: Vec<u32> = std::iter::from_fn(|| sweep.next(written)).collect();
        assert_eq!(users, expected, "{written:?}");
        assert!(sweep.is_over());
    }

    #[test]
    fn a_sweep_visits_each_user_that_it_is_over_once() {
        let written = [true, false, true, true, false];
        check(Sweep::Over, &written, &[]);
        check(Sweep::All(0), &written, &[0, 1, 2, 3, 4]);
        check(Sweep::All(3), &written, &[3, 4]);
        check(Sweep::Unwritten(0), &written, &[1, 4]);
        check(Sweep::Unwritten(2), &written, &[4]);
        check(Sweep::Unwritten(0), &[true; 3], &[]);
        check(Sweep::Unwritten(0), &[], &[]);
    }

    #[test]
    fn a_sweep_over_all_stays_one() {
        for (sweep, expected) in [
            (Sweep::Over, Sweep::Unwritten(0)),
            (Sweep::Unwritten(2), Sweep::Unwritten(0)),
            (Sweep::All(2), Sweep::All(0)),
        ] {
            let mut started = sweep;
            started.start_unwritten();
            assert!(started == expected);
        }
    }
}
