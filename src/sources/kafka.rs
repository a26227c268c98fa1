//! sources/kafka
