//! settings/zookeeper
