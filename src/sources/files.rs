//! sources/files
