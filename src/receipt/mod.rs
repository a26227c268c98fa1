//! The receipt of a forget: what was done about a user, and what could not be, signed with the shop's key.

mod form;
mod signature;
mod time;

pub use form::{NOT_ERASED, Receipt, STAYS, SignedReceipt, user_digest};
pub use signature::{ReceiptError, SigningKey, VerifyingKey, sign, verify};
pub use time::ReceiptTime;

#[cfg(test)]
mod tests;
