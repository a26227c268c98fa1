//! settings/monitor
