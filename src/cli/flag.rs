//! Flags that are settings.

/// A flag that is a setting: its key, its value, and how it was typed.
pub(super) type Flag = (&'static str, String, String);

/// Makes a setting of a flag, if it was given.
pub(super) fn flag(key: &'static str, flag: &str, value: Option<&String>) -> Option<Flag> {
    value.map(|value| (key, value.clone(), flag.to_owned()))
}
