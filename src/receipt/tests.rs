//! Receipts that are what was signed, and all that are not.

use super::{
    NOT_ERASED, Receipt, ReceiptError, ReceiptTime, STAYS, SignedReceipt, SigningKey, VerifyingKey,
    sign, user_digest, verify,
};
use std::collections::BTreeMap;

/// The keys of RFC 8410, as OpenSSL writes them.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";
/// Another one.
const OTHER: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA6uDKgbac+76uNucqqxfdm8aDM/3eAIJjunexAo1rks0=
-----END PUBLIC KEY-----
";

fn receipt() -> Receipt {
    let digests = |digest: &str| BTreeMap::from([("profile".to_owned(), digest.to_owned())]);
    Receipt {
        user_sha256: user_digest("ann"),
        until: ReceiptTime(1_743_508_800_000),
        recorded_at: ReceiptTime(1_743_508_800_123),
        rows_left_at: Some(ReceiptTime(1_743_508_801_000)),
        redis_deleted_at: None,
        name_erased_at: None,
        checkpoints_erased_at: None,
        digests_before: digests("1f"),
        digests_after: digests("0e"),
        not_erased: NOT_ERASED.map(str::to_owned).to_vec(),
        stays: STAYS.map(str::to_owned).to_vec(),
    }
}

fn signed() -> SignedReceipt {
    sign(&receipt(), &SigningKey::from_pem(PRIVATE.as_bytes()).unwrap()).unwrap()
}

fn key(pem: &str) -> VerifyingKey {
    VerifyingKey::from_pem(pem.as_bytes()).unwrap()
}

#[test]
fn what_was_signed_is_verified_with_the_public_key_alone() {
    let signed = signed();
    let compact = serde_json::to_vec(&signed).unwrap();
    assert_eq!(verify(&compact, &key(PUBLIC)), Ok(receipt()));
    // As a person would look at it.
    let pretty = serde_json::to_vec_pretty(&signed).unwrap();
    assert_eq!(verify(&pretty, &key(PUBLIC)), Ok(receipt()));
    assert_eq!(verify(&compact, &key(OTHER)), Err(ReceiptError::Forged));
}

#[test]
fn a_receipt_has_one_form_and_no_name() {
    let json = serde_json::to_string(&signed().receipt).unwrap();
    let begins = "{\"userSha256\":\"49915e0d7d4b402e3017d010bc1c0e83cac6c797d6c16e66340fe3268693a6a1\",\
                  \"until\":\"2025-04-01T12:00:00.000Z\",\"recordedAt\":\"2025-04-01T12:00:00.123Z\",\
                  \"rowsLeftAt\":\"2025-04-01T12:00:01.000Z\",\"redisDeletedAt\":null,\
                  \"nameErasedAt\":null,\"checkpointsErasedAt\":null,\"digestsBefore\":{\"profile\":\"1f\"},\
                  \"digestsAfter\":{\"profile\":\"0e\"},\"notErased\":[";
    assert!(json.starts_with(begins), "{json}");
    assert!(json.contains("user-forgets") && json.ends_with("\"stays\":[\"learned weights\"]}"));
    assert!(!json.contains("ann"), "{json}");
}

#[test]
fn no_byte_can_be_changed() {
    let json = serde_json::to_vec(&signed()).unwrap();
    for at in 0..json.len() {
        for bits in [1, 2, 0x20, 0x80] {
            let mut changed = json.clone();
            changed[at] ^= bits;
            let verified = verify(&changed, &key(PUBLIC));
            assert!(verified.is_err(), "{:?}", String::from_utf8_lossy(&changed));
        }
    }
}

#[test]
fn nothing_can_be_said_in_another_way() {
    let json = serde_json::to_string(&signed()).unwrap();
    for (from, to) in [
        ("{\"receipt\":{", "{\"receipt\":{\"more\":1,"),
        ("{\"receipt\":", "{\"more\":1,\"receipt\":"),
        ("12:00:00.000Z", "12:00:00.0004Z"),
        ("12:00:00.000Z", "14:00:00.000+02:00"),
        ("{\"profile\":\"1f\"}", "{\"profile\":\"2f\",\"profile\":\"1f\"}"),
        ("\"redisDeletedAt\":null", "\"redisDeletedAt\":null,\"redisDeletedAt\":null"),
        ("\"signature\":\"", "\"signature\":\"00"),
    ] {
        let changed = json.replacen(from, to, 1);
        assert_ne!(changed, json, "{from}");
        assert!(verify(changed.as_bytes(), &key(PUBLIC)).is_err(), "{changed}");
    }
}

#[test]
fn what_is_no_key_is_refused() {
    let broken = |pem: &str| {
        let half = pem.len() / 2;
        [
            String::new(),
            pem[..half].to_owned(),
            pem.replace("KEY", "KEYS"),
            pem.replace("MC", "M!"),
            pem.replace("QYDK2Vw", "QYDK2Vu"),
            pem.replace("-----", ""),
        ]
    };
    for pem in broken(PRIVATE).iter().map(String::as_str).chain([PUBLIC]) {
        let refused = SigningKey::from_pem(pem.as_bytes()).map(drop);
        assert_eq!(refused, Err(ReceiptError::NoSigningKey), "{pem}");
    }
    for pem in broken(PUBLIC).iter().map(String::as_str).chain([PRIVATE]) {
        let refused = VerifyingKey::from_pem(pem.as_bytes()).map(drop);
        assert_eq!(refused, Err(ReceiptError::NoVerifyingKey), "{pem}");
    }
}
