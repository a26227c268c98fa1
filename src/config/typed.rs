//! A setting's value as it was typed, before its rule is known.

/// A value as it was typed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TypedValue {
    /// A string of a file, or anything of the environment and of flags.
    Text(String),
    /// A number of a file.
    Integer(String),
    /// A number with a fraction of a file.
    Fraction(String),
    /// `true` or `false` of a file.
    Boolean(bool),
    /// A list of strings of a file.
    List(Vec<String>),
    /// A value that no setting can have, by its type's name in TOML.
    Other(&'static str),
}
