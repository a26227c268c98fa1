//! settings/files
