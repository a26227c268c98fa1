//! `recsys receipt verify`: holds a receipt to the key of who gave it.

use super::args::{ReceiptAction, ReceiptArgs};
use super::failure::Unreadable;
use super::output::say;
use crate::receipt::{VerifyingKey, verify};
use anyhow::Context;
use std::fs::read;
use std::path::Path;

pub(super) fn run(args: &ReceiptArgs) -> anyhow::Result<()> {
    let ReceiptAction::Verify { key, receipt } = &args.action;
    let verifying = VerifyingKey::from_pem(&content(key)?).with_context(|| name(key))?;
    verify(&content(receipt)?, &verifying).with_context(|| name(receipt))?;
    say(&format!("{}: the signature is good", receipt.display()))
}

fn content(file: &Path) -> anyhow::Result<Vec<u8>> {
    read(file).with_context(|| Unreadable(name(file)))
}

fn name(file: &Path) -> String {
    file.display().to_string()
}
