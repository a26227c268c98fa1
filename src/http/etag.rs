//! The tag that tells a content from others.

use ring::digest::{SHA256, digest};

/// The tag of a content, in its quotes.
pub(super) fn etag(content: &[u8]) -> String {
    let digest = digest(&SHA256, content);
    let digits: String = digest.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}
