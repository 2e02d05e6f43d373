//! Times of the API: RFC 3339 in, RFC 3339 in UTC out, whole milliseconds.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;

/// A time of day and date, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-03-01T09:00:00Z")]
pub(crate) struct Timestamp(pub u64);

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom("this is no time of RFC 3339, such as 2026-03-01T09:00:00Z");
        let time = OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| wrong())?;
        u64::try_from(time.unix_timestamp_nanos() / 1_000_000).map(Self).map_err(|_| wrong())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error as _;
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .map_err(S::Error::custom)?;
        serializer.serialize_str(&time.format(&Rfc3339).map_err(S::Error::custom)?)
    }
}

/// A field that may be absent (`None`), `null` (`Some(None)`), or there.
pub(crate) fn absent_or_null<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_with_an_offset_is_read_and_told_in_utc() {
        let time: Timestamp = serde_json::from_str("\"2026-03-01T10:00:00.25+01:00\"").unwrap();
        assert_eq!(serde_json::to_string(&time).unwrap(), "\"2026-03-01T09:00:00.25Z\"");
        for wrong in ["\"tomorrow\"", "\"2026-03-01\"", "\"1969-12-31T23:59:59Z\"", "5"] {
            assert!(serde_json::from_str::<Timestamp>(wrong).is_err(), "{wrong}");
        }
    }
}
