//! Reads each setting by its rule, and collects what is wrong.

use super::layers::Layers;
use super::origin::Origin;
use super::problem::{ConfigError, Problem, unknown};
use super::typed::TypedValue;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// A setting as it is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectiveSetting {
    /// Its name, section first: `http.listen`.
    pub key: String,
    /// Its value as TOML; `***` where it is secret.
    pub value: String,
    /// Where it was made.
    pub origin: Origin,
}

/// Makes a value of a text, or returns the rule that the text breaks.
pub(super) type Rule<T> = fn(&str) -> Result<T, String>;

/// Takes settings out of the layers. What is left at the end is unknown.
pub(super) struct SettingReader {
    layers: Layers,
    settings: Vec<EffectiveSetting>,
    problems: Vec<Problem>,
}

impl SettingReader {
    pub(super) fn new(layers: Layers) -> SettingReader {
        SettingReader { layers, settings: Vec::new(), problems: Vec::new() }
    }

    /// Reads a text by a rule.
    pub(super) fn text<T>(&mut self, key: &str, default: &str, rule: Rule<T>) -> Option<T> {
        let read = |typed: &TypedValue| match typed {
            TypedValue::Text(text) => rule(text).map(|made| (made, quoted(text))),
            _ => Err("must be a string".into()),
        };
        self.read(key, || rule(default).map(|made| (made, quoted(default))), read)
    }

    /// Reads a text that must not be shown; `show` returns what may be shown of it.
    pub(super) fn secret<T>(
        &mut self,
        key: &str,
        rule: Rule<T>,
        show: fn(&str) -> String,
    ) -> Option<T> {
        let read = |typed: &TypedValue| match typed {
            TypedValue::Text(text) => rule(text).map(|made| (made, quoted(&show(text)))),
            _ => Err("must be a string".into()),
        };
        let before = self.problems.len();
        let secret = self.read(key, || rule("").map(|made| (made, quoted(""))), read);
        // A wrong value is not shown either: it may be a secret with a typing error.
        self.problems[before..].iter_mut().for_each(|problem| problem.value = None);
        secret
    }

    /// Reads a whole number within a range.
    pub(super) fn number(
        &mut self,
        key: &str,
        default: usize,
        range: RangeInclusive<usize>,
    ) -> usize {
        let rule = || format!("must be a whole number from {} to {}", range.start(), range.end());
        let read = |typed: &TypedValue| match typed {
            TypedValue::Integer(text) | TypedValue::Text(text) => {
                usize::from_str(&text.replace('_', ""))
                    .ok()
                    .filter(|number| range.contains(number))
                    .map(|number| (number, number.to_string()))
                    .ok_or_else(rule)
            }
            _ => Err(rule()),
        };
        self.read(key, || Ok((default, default.to_string())), read).unwrap_or(default)
    }

    /// Reads a share, from 0 to 1.
    pub(super) fn share(&mut self, key: &str, default: f64) -> f64 {
        let read = |typed: &TypedValue| {
            let share = match typed {
                TypedValue::Fraction(text) | TypedValue::Integer(text) | TypedValue::Text(text) => {
                    text.parse::<f64>().ok()
                }
                _ => None,
            };
            let share = share.filter(|share| (0.0..=1.0).contains(share));
            let made = share.map(|share| (share, share.to_string()));
            made.ok_or_else(|| "must be a number from 0 to 1".into())
        };
        self.read(key, || Ok((default, default.to_string())), read).unwrap_or(default)
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&mut self, key: &str, default: bool) -> bool {
        let read = |typed: &TypedValue| {
            let value = match typed {
                TypedValue::Boolean(value) => Some(*value),
                TypedValue::Text(text) => text.parse().ok(),
                _ => None,
            };
            let value = value.ok_or("must be true or false")?;
            Ok((value, value.to_string()))
        };
        self.read(key, || Ok((default, default.to_string())), read).unwrap_or(default)
    }

    /// Reads a duration in milliseconds.
    pub(super) fn millis(
        &mut self,
        key: &str,
        default: usize,
        range: RangeInclusive<usize>,
    ) -> Duration {
        Duration::from_millis(self.number(key, default, range) as u64)
    }

    /// Reads a list of texts, or one text with commas; the rule applies to each.
    pub(super) fn list(&mut self, key: &str, default: &[&str], rule: Rule<String>) -> Vec<String> {
        let check = |texts: Vec<String>| -> Result<_, String> {
            let made: Vec<String> =
                texts.iter().map(|text| rule(text)).collect::<Result<_, _>>()?;
            let shown = format!("{made:?}");
            Ok((made, shown))
        };
        let read = |typed: &TypedValue| match typed {
            TypedValue::List(texts) => check(texts.clone()),
            TypedValue::Text(text) => {
                let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
                check(texts.map(str::to_owned).collect())
            }
            _ => Err("must be a list of strings".into()),
        };
        let default: Vec<String> = default.iter().map(|&text| text.to_owned()).collect();
        self.read(key, || check(default), read).unwrap_or_default()
    }

    /// Returns the names that are set below a section whose keys are not fixed. `of_variable` makes a name of one that
    /// a variable has with its underscores as dots.
    pub(super) fn names(&self, section: &str, of_variable: fn(String) -> String) -> Vec<String> {
        let below = |key: &str| key.strip_prefix(&format!("{section}.")).map(str::to_owned);
        let variable = variable(section) + "_";
        // Property names have dots, which variables cannot.
        let named = |name: &str| {
            let name = name.strip_prefix(&variable)?.to_lowercase().replace('_', ".");
            Some(of_variable(name))
        };
        let mut names: Vec<String> = self.layers.file.keys().filter_map(|key| below(key)).collect();
        names.extend(self.layers.flags.keys().filter_map(|key| below(key)));
        names.extend(self.layers.environment.keys().filter_map(|name| named(name)));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Reports a setting that does not fit to others.
    pub(super) fn refuse(&mut self, key: &str, rule: impl Into<String>) {
        let setting = self.settings.iter().find(|setting| setting.key == key);
        let (value, origin) = setting.map_or((None, Origin::Default), |setting| {
            (Some(setting.value.clone()), setting.origin.clone())
        });
        self.problems.push(Problem { origin, key: key.into(), value, rule: rule.into() });
    }

    /// Refuses a setting of an earlier version, and names the one that took its place.
    pub(super) fn renamed(&mut self, old: &str, new: &str) {
        if let Some((_, origin)) = self.take(old) {
            let rule = format!("is no longer a setting; use {new}");
            self.problems.push(Problem { origin, key: old.into(), value: None, rule });
        }
    }

    /// Returns all settings in force.
    ///
    /// # Errors
    /// When a setting was wrong, or something was set that is no setting.
    pub(super) fn finish(mut self) -> Result<Vec<EffectiveSetting>, ConfigError> {
        let known: Vec<String> = self.settings.iter().map(|setting| setting.key.clone()).collect();
        let mut unknown_key = |origin: Origin, key: &str| {
            let (key, rule) = (key.to_owned(), unknown(key, &known));
            self.problems.push(Problem { origin, key, value: None, rule });
        };
        for (key, (_, origin)) in self.layers.file {
            unknown_key(origin, &key);
        }
        for (section, origin) in self.layers.sections {
            let above = format!("{section}.");
            // The keys of an unknown section were reported above; an empty section has none.
            if section != "kafka.properties" && !known.iter().any(|key| key.starts_with(&above)) {
                unknown_key(origin, &section);
            }
        }
        for name in self.layers.environment.into_keys() {
            let key = name.trim_start_matches("RECSYS_").to_lowercase().replacen('_', ".", 1);
            unknown_key(Origin::Environment(name), &key);
        }
        for (key, (_, flag)) in self.layers.flags {
            unknown_key(Origin::Flag(flag), &key);
        }
        if self.problems.is_empty() {
            Ok(self.settings)
        } else {
            Err(ConfigError::Invalid(self.problems))
        }
    }

    fn read<T>(
        &mut self,
        key: &str,
        default: impl FnOnce() -> Result<(T, String), String>,
        read: impl Fn(&TypedValue) -> Result<(T, String), String>,
    ) -> Option<T> {
        let (typed, origin) = match self.take(key) {
            Some((typed, origin)) => (Some(typed), origin),
            None => (None, Origin::Default),
        };
        match typed.as_ref().map_or_else(default, read) {
            Ok((made, value)) => {
                self.settings.push(EffectiveSetting { key: key.into(), value, origin });
                Some(made)
            }
            Err(rule) => {
                let value = typed.as_ref().map(shown);
                // Its name stays known, so that it can be suggested for a mistyped one.
                let setting = EffectiveSetting {
                    key: key.into(),
                    value: String::new(),
                    origin: origin.clone(),
                };
                self.settings.push(setting);
                self.problems.push(Problem { origin, key: key.into(), value, rule });
                None
            }
        }
    }

    /// Takes a key out of all layers. Returns the value that overrides the others.
    fn take(&mut self, key: &str) -> Option<(TypedValue, Origin)> {
        let name = variable(key);
        let flag = self.layers.flags.remove(key);
        let environment = self.layers.environment.remove(&name);
        let file = self.layers.file.remove(key);
        flag.map(|(text, flag)| (TypedValue::Text(text), Origin::Flag(flag)))
            .or_else(|| environment.map(|text| (TypedValue::Text(text), Origin::Environment(name))))
            .or(file)
    }
}

/// The variable that a key has in the environment.
fn variable(key: &str) -> String {
    format!("RECSYS_{}", key.to_uppercase().replace('.', "_"))
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn shown(typed: &TypedValue) -> String {
    match typed {
        TypedValue::Text(text) => quoted(text),
        TypedValue::Integer(number) => number.clone(),
        TypedValue::Boolean(boolean) => boolean.to_string(),
        TypedValue::List(texts) => format!("{texts:?}"),
        TypedValue::Fraction(text) => text.clone(),
        TypedValue::Other(name) => format!("({name})"),
    }
}
