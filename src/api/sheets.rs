//! Records as tables for spreadsheets (CSV, RFC 4180).

use serde::Serialize;

use super::timestamp::Timestamp;
use crate::appliance::handle::{AttendanceView, RecordView};
use crate::refusal::{Code, Refusal};

/// Name, kind, role, from when to when, and why it went.
///
/// # Errors
/// `internal`, which does not happen in memory.
pub(crate) fn attendance(record: &RecordView) -> Result<String, Refusal> {
    let line = |one: &AttendanceView| {
        vec![
            one.name.clone(),
            word(&one.kind),
            word(&one.role),
            word(&Timestamp(one.joined_at_ms)),
            one.left_at_ms.map(|at| word(&Timestamp(at))).unwrap_or_default(),
            one.reason.as_ref().map(word).unwrap_or_default(),
        ]
    };
    table(&["name", "kind", "role", "joined_at", "left_at", "reason"], record.attendances.iter().map(line))
}

/// Question, option, how many votes, and whose where that is told.
///
/// # Errors
/// As [`attendance`].
pub(crate) fn polls(record: &RecordView) -> Result<String, Refusal> {
    let lines = record.polls.iter().flat_map(|poll| {
        (0_u8..).zip(&poll.question.options).zip(&poll.counts).map(|((number, option), count)| {
            let chose = |vote: &&(String, Vec<u8>)| vote.1.contains(&number);
            let names: Vec<&str> = poll.votes.iter().filter(chose).map(|vote| vote.0.as_str()).collect();
            vec![poll.question.text.clone(), option.clone(), count.to_string(), names.join("; ")]
        })
    });
    table(&["question", "option", "votes", "names"], lines)
}

fn table(head: &[&str], lines: impl Iterator<Item = Vec<String>>) -> Result<String, Refusal> {
    let failed = |why: String| Refusal::new(Code::Internal, format!("the table cannot be written: {why}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(head).map_err(|why| failed(why.to_string()))?;
    for line in lines {
        writer.write_record(line.iter().map(|cell| harmless(cell))).map_err(|why| failed(why.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|why| failed(why.to_string()))?;
    String::from_utf8(bytes).map_err(|why| failed(why.to_string()))
}

/// What people called themselves is no formula in a spreadsheet.
fn harmless(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_formula { format!("'{cell}") } else { cell.to_owned() }
}

/// A value as it stands in JSON, without the quotes.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_formula() {
        assert_eq!(harmless("=1+1"), "'=1+1");
        assert_eq!(harmless("Ann"), "Ann");
        let lines = [vec!["a,b".to_owned(), "say \"hi\"".to_owned()]];
        assert_eq!(table(&["x", "y"], lines.into_iter()).unwrap(), "x,y\n\"a,b\",\"say \"\"hi\"\"\"\n");
    }
}
