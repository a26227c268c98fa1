//! From the layers to a configuration that holds, or to all that is wrong with them.

use super::Config;
use super::build;
use super::layers::Layers;
use super::problem::ConfigError;
use super::reader::{EffectiveSetting, SettingReader};

impl Layers {
    /// Makes the configuration, and the list of all settings with where each comes from.
    ///
    /// # Errors
    /// When settings are unknown or wrong: all of them at once.
    pub fn check(self) -> Result<(Config, Vec<EffectiveSetting>), ConfigError> {
        let mut reader = SettingReader::new(self);
        let config = build::config(&mut reader);
        Ok((config, reader.finish()?))
    }
}
