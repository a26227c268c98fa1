//! Ed25519 signatures of receipts, with keys as OpenSSL writes them.

use super::form::{Receipt, SignedReceipt, hex};
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

/// What stands before the receipt in the bytes that are signed, so that they are nothing else's.
const PURPOSE: &[u8] = b"recsys forget receipt 1\n";

/// What stands before the 32 bytes of an Ed25519 key in its `SubjectPublicKeyInfo` (RFC 8410).
const ED25519_KEY: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0];

/// Why there is no key, or no good receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It is no private key.
    #[error("it holds no private Ed25519 key in PEM, as openssl genpkey -algorithm ed25519 writes")]
    NoSigningKey,
    /// It is no public key.
    #[error("it holds no public Ed25519 key in PEM, as openssl pkey -pubout writes")]
    NoVerifyingKey,
    /// It is no receipt with its signature.
    #[error("it is no signed receipt: {0}")]
    NoReceipt(String),
    /// The signature is not this key's of this receipt.
    #[error("the signature is not that of this receipt by this key")]
    Forged,
}

/// The private key that receipts are signed with.
#[derive(Debug)]
pub struct SigningKey(Ed25519KeyPair);

/// The public key that receipts are verified with.
#[derive(Clone, Debug)]
pub struct VerifyingKey(UnparsedPublicKey<Vec<u8>>);

impl SigningKey {
    /// Reads a key: PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// When there is none.
    pub fn from_pem(pem: &[u8]) -> Result<SigningKey, ReceiptError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).ok();
        // OpenSSL leaves out the public key, which is made from the private one.
        let read = |der: PrivatePkcs8KeyDer<'_>| {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).ok()
        };
        der.and_then(read).map(SigningKey).ok_or(ReceiptError::NoSigningKey)
    }
}

impl VerifyingKey {
    /// Reads a key: in PEM, as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// When there is none.
    pub fn from_pem(pem: &[u8]) -> Result<VerifyingKey, ReceiptError> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).ok();
        let key = der.as_ref().and_then(|der| der.as_ref().strip_prefix(&ED25519_KEY));
        let key = key.filter(|key| key.len() == 32).ok_or(ReceiptError::NoVerifyingKey)?;
        Ok(VerifyingKey(UnparsedPublicKey::new(&ED25519, key.to_vec())))
    }
}

/// Signs a receipt.
///
/// # Errors
/// When it has a time that no calendar has.
pub fn sign(receipt: &Receipt, key: &SigningKey) -> Result<SignedReceipt, ReceiptError> {
    let signature = hex(key.0.sign(&signed_bytes(receipt)?).as_ref());
    Ok(SignedReceipt { receipt: receipt.clone(), signature })
}

/// Reads a signed receipt and verifies it, with the public key alone.
///
/// # Errors
/// When it is none, or another one than was signed.
pub fn verify(json: &[u8], key: &VerifyingKey) -> Result<Receipt, ReceiptError> {
    let signed: SignedReceipt = serde_json::from_slice(json).map_err(|error| no_receipt(&error))?;
    let signature = unhex(&signed.signature).ok_or(ReceiptError::Forged)?;
    let bytes = signed_bytes(&signed.receipt)?;
    key.0.verify(&bytes, &signature).map_err(|_| ReceiptError::Forged)?;
    Ok(signed.receipt)
}

/// The bytes that are signed: the receipt as JSON without spaces, its fields in their order and views by
/// name, so that the spaces and the order of those of a file say nothing.
fn signed_bytes(receipt: &Receipt) -> Result<Vec<u8>, ReceiptError> {
    let json = serde_json::to_vec(receipt).map_err(|error| no_receipt(&error))?;
    Ok([PURPOSE, &json].concat())
}

fn no_receipt(error: &serde_json::Error) -> ReceiptError {
    ReceiptError::NoReceipt(parser::brief(error))
}

/// Reads hexadecimal digits as [`hex`] writes them, and no other.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).ok());
    let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
    bytes.filter(|bytes| hex(bytes) == text)
}
