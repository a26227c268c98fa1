//! Topic files.
