//! Words from outside, read: JSON is refused with the name of the field that is wrong.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::wire::{CUSTOM_INFO_BYTES_MAX, IDENTITY_BYTES_MAX};
use crate::refusal::{Code, Refusal};

/// Reads JSON, or says which field is wrong and why.
///
/// # Errors
/// `invalid-parameter`.
pub fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|why| refused(&why.path().to_string(), why.inner()))?;
    reader.end().map_err(|why| refused(".", &why))?;
    Ok(value)
}

fn refused(path: &str, why: &serde_json::Error) -> Refusal {
    let detail = match (why.classify(), path) {
        (Category::Data, "." | "?") => format!("this cannot be used: {why}"),
        (Category::Data, _) => format!("`{path}` cannot be used: {why}"),
        _ => format!("this is not JSON: {why}"),
    };
    Refusal::new(Code::InvalidParameter, detail)
}

/// Checks the length of a `custom_info`.
///
/// # Errors
/// `invalid-parameter` when its JSON is longer than [`CUSTOM_INFO_BYTES_MAX`].
pub fn check_custom_info(info: Option<&Value>) -> Result<(), Refusal> {
    let bytes = info.map_or(0, |info| info.to_string().len());
    if bytes <= CUSTOM_INFO_BYTES_MAX {
        return Ok(());
    }
    let detail = format!("`custom_info` has {bytes} bytes of JSON; {CUSTOM_INFO_BYTES_MAX} are allowed");
    Err(Refusal::new(Code::InvalidParameter, detail))
}

/// Checks the length of an `identity`.
///
/// # Errors
/// `invalid-parameter` when it is empty or longer than [`IDENTITY_BYTES_MAX`].
pub fn check_identity(identity: Option<&str>) -> Result<(), Refusal> {
    match identity {
        Some(text) if !(1..=IDENTITY_BYTES_MAX).contains(&text.len()) => {
            let detail =
                format!("`identity` has {} bytes; give 1 to {IDENTITY_BYTES_MAX}, or none", text.len());
            Err(Refusal::new(Code::InvalidParameter, detail))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::wire::Request;

    #[test]
    fn a_refusal_names_the_field() {
        for (json, wanted) in [
            (r#"{"id":1,"do":{"hello":{"version":"1"}}}"#, "do.hello.version"),
            (r#"{"id":1,"do":{"hello":{"version":1,"nick":"x"}}}"#, "nick"),
            (r#"{"id":1,"do":{"hello":{"version":1}}}"#, "token"),
            (r#"{"id":1,"do":{"dance":{}}}"#, "dance"),
            (r#"{"id":-1,"do":{"leave":{}}}"#, "id"),
            (r#"{"id":1,"do":{"leave":{}},"then":2}"#, "then"),
            (
                r#"{"id":1,"do":{"watch":{"wishes":[{"participant":"p1","source":"nose","max_height":1}]}}}"#,
                "source",
            ),
            ("{", "not JSON"),
            ("[1,2", "not JSON"),
            (r#"{"id":1,"do":{"leave":{}}} and more"#, "not JSON"),
        ] {
            let refusal = parse::<Request>(json.as_bytes()).expect_err(json);
            assert_eq!(refusal.code, Code::InvalidParameter);
            assert!(refusal.detail.contains(wanted), "{json}: {}", refusal.detail);
        }
    }

    #[test]
    fn custom_info_has_a_limit() {
        assert!(check_custom_info(None).is_ok());
        assert!(check_custom_info(Some(&Value::String("x".repeat(CUSTOM_INFO_BYTES_MAX - 2)))).is_ok());
        let refusal = check_custom_info(Some(&Value::String("x".repeat(CUSTOM_INFO_BYTES_MAX - 1))));
        assert_eq!(refusal.expect_err("too long").code, Code::InvalidParameter);
    }

    #[test]
    fn an_identity_is_there_and_short_or_absent() {
        assert!(check_identity(None).is_ok());
        assert!(check_identity(Some(&"x".repeat(IDENTITY_BYTES_MAX))).is_ok());
        for wrong in ["", &"x".repeat(IDENTITY_BYTES_MAX + 1)] {
            assert_eq!(check_identity(Some(wrong)).expect_err("refused").code, Code::InvalidParameter);
        }
    }
}
