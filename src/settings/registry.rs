//! All settings that there are, each without its type: for whoever reads or writes one by its path.

use super::Setting;
use dataflows::score::merchandising::Merchandising;
use dataflows::score::model::{Blend, Model, RankingWeights};
use dataflows::score::weights::Weights;

/// A setting without its type.
pub struct SettingSpec {
    /// The node's path.
    pub path: &'static str,
    /// The setting's name.
    pub name: &'static str,
    complete: fn(&[u8]) -> Result<String, String>,
    of_model: fn(&Model) -> String,
    default: fn() -> String,
}

/// Every setting. A node below `/config/recommendation` that is not among them means nothing.
pub static SETTINGS: [SettingSpec; 4] = [
    SettingSpec::of::<Weights>(),
    SettingSpec::of::<Blend>(),
    SettingSpec::of::<Merchandising>(),
    SettingSpec::of::<RankingWeights>(),
];

/// Finds the setting that owns a node.
pub fn setting_at(path: &str) -> Option<&'static SettingSpec> {
    SETTINGS.iter().find(|setting| setting.path == path)
}

impl SettingSpec {
    const fn of<S: Setting>() -> SettingSpec {
        SettingSpec {
            path: S::PATH,
            name: S::NAME,
            complete: |text| match S::parse(text) {
                Ok(value) => Ok(value.to_json()),
                Err(error) => Err(error.to_string()),
            },
            of_model: |model| S::of(model).to_json(),
            default: || S::default().to_json(),
        }
    }

    /// Returns a value with every field, those that were left out with their defaults.
    ///
    /// # Errors
    /// The reason why the text is not a value of this setting.
    pub fn complete(&self, text: &[u8]) -> Result<String, String> {
        (self.complete)(text)
    }

    /// Returns the default, with every field.
    pub fn default(&self) -> String {
        (self.default)()
    }

    /// Returns the value that a model has, with every field.
    pub fn of_model(&self, model: &Model) -> String {
        (self.of_model)(model)
    }
}
