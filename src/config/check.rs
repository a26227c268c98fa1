//! Checks the layers: they make a configuration, or a list of all that is wrong.

use super::Config;
use super::build;
use super::layers::Layers;
use super::problem::ConfigError;
use super::reader::{EffectiveSetting, SettingReader};

impl Layers {
    /// Makes the configuration, and the list of all settings with the origin of each.
    ///
    /// # Errors
    /// When settings are unknown or wrong: all of them at once.
    pub fn check(self) -> Result<(Config, Vec<EffectiveSetting>), ConfigError> {
        let mut reader = SettingReader::new(self);
        let config = build::config(&mut reader);
        Ok((config, reader.finish()?))
    }
}
