//! One record in, one event out, or the reason why not.
