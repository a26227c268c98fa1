//! Why a record is a dead letter.

use thiserror::Error;

/// Why a record is a dead letter. Its [`name`](Reason::name) labels metrics and headers; its
/// `Display` is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Reason {
    /// Not JSON.
    #[error("the record is not JSON")]
    NotJson,
    /// Avro, in the wire format of Confluent's serializers.
    #[error("the record is Avro, which is not read")]
    Avro,
    /// Protobuf, in the same format.
    #[error("the record is Protobuf, which is not read")]
    Protobuf,
    /// JSON, but no object: a text, a number, a list…
    #[error("the record is not a JSON object")]
    NotObject,
    /// Longer than [`MAX_RECORD`](crate::MAX_RECORD).
    #[error("the record is longer than 1 MiB")]
    TooLarge,
    /// With an `eventType` that is none, or not the topic's.
    #[error(
        "eventType is not view, add_to_cart, remove_from_cart or purchase, or contradicts the topic"
    )]
    WrongType,
    /// Without a user.
    #[error("userId is missing")]
    NoUser,
    /// With a user that can't be one, or that contradicts the request's path.
    #[error("userId is not a text of 1 to 512 bytes or a number, or contradicts the path")]
    BadUser,
    /// Without a product.
    #[error("product is missing")]
    NoProduct,
    /// With a product that can't be one, or that contradicts the record's key.
    #[error("the product's id is not a text of 1 to 512 bytes or a number, or contradicts the key")]
    BadProduct,
    /// With a time that can't be one.
    #[error("timestamp is neither ISO 8601 nor a number since 1970")]
    BadTimestamp,
    /// With a time before the year 2000.
    #[error(
        "timestamp is before the year 2000; a number is seconds, milliseconds, microseconds or \
         nanoseconds since 1970, which its size tells"
    )]
    OldTimestamp,
    /// With a time of a zone, but of no offset.
    #[error(
        "timestamp names a zone, but no offset from UTC, as in 2025-04-01T12:00:00+02:00[Europe/Berlin]"
    )]
    NoOffset,
    /// More than a day ahead of when the record was written.
    #[error("timestamp is more than a day ahead")]
    FutureTimestamp,
    /// A merge or a forget of a time that is further back from its record than the history reaches.
    #[error("timestamp is more than views.horizon_days before the record was written")]
    TooOld,
    /// With tags that are not a list of texts.
    #[error("tags is not a list of at most 64 texts of at most 512 bytes")]
    BadTags,
    /// With a category that can't be one.
    #[error("category is not a text of at most 512 bytes or a number")]
    BadCategory,
    /// With a session that can't be one.
    #[error("sessionId is not a text of at most 512 bytes or a number")]
    BadSession,
    /// With an event id that can't be one.
    #[error("eventId is not a text of at most 512 bytes or a number")]
    BadId,
    /// A merge that does not say of whom.
    #[error("from is missing")]
    NoGuest,
    /// A merge of a user that can't be one.
    #[error("from is not a text of 1 to 512 bytes or a number")]
    BadGuest,
    /// A merge of a user into itself.
    #[error("from is the userId itself")]
    SameUser,
    /// A catalogue row without any field that is known.
    #[error("the row has no field that is known")]
    NoField,
    /// A catalogue row with a name that can't be one.
    #[error("name is not a text of at most 512 bytes or a number")]
    BadName,
    /// A catalogue row with a price that can't be one.
    #[error("price is not a number of at least 0")]
    BadPrice,
    /// A catalogue row that is neither deleted nor not.
    #[error("deleted is neither true nor false")]
    BadDeleted,
    /// A catalogue row that is neither available nor not.
    #[error("available is neither true nor false")]
    BadAvailable,
}

impl Reason {
    /// All reasons, which are all values of a metric's label.
    pub const ALL: [Reason; 27] = [
        Reason::NotJson,
        Reason::Avro,
        Reason::Protobuf,
        Reason::NotObject,
        Reason::TooLarge,
        Reason::WrongType,
        Reason::NoUser,
        Reason::BadUser,
        Reason::NoProduct,
        Reason::BadProduct,
        Reason::BadTimestamp,
        Reason::OldTimestamp,
        Reason::NoOffset,
        Reason::FutureTimestamp,
        Reason::TooOld,
        Reason::BadTags,
        Reason::BadCategory,
        Reason::BadSession,
        Reason::BadId,
        Reason::NoGuest,
        Reason::BadGuest,
        Reason::SameUser,
        Reason::NoField,
        Reason::BadName,
        Reason::BadPrice,
        Reason::BadDeleted,
        Reason::BadAvailable,
    ];

    /// A short name for labels and headers.
    pub fn name(self) -> &'static str {
        match self {
            Reason::NotJson => "not_json",
            Reason::Avro => "avro",
            Reason::Protobuf => "protobuf",
            Reason::NotObject => "not_object",
            Reason::TooLarge => "too_large",
            Reason::WrongType => "wrong_type",
            Reason::NoUser => "no_user",
            Reason::BadUser => "bad_user",
            Reason::NoProduct => "no_product",
            Reason::BadProduct => "bad_product",
            Reason::BadTimestamp => "bad_timestamp",
            Reason::OldTimestamp => "old_timestamp",
            Reason::NoOffset => "no_offset",
            Reason::FutureTimestamp => "future_timestamp",
            Reason::TooOld => "too_old",
            Reason::BadTags => "bad_tags",
            Reason::BadCategory => "bad_category",
            Reason::BadSession => "bad_session",
            Reason::BadId => "bad_id",
            Reason::NoGuest => "no_guest",
            Reason::BadGuest => "bad_guest",
            Reason::SameUser => "same_user",
            Reason::NoField => "no_field",
            Reason::BadName => "bad_name",
            Reason::BadPrice => "bad_price",
            Reason::BadDeleted => "bad_deleted",
            Reason::BadAvailable => "bad_available",
        }
    }
}
