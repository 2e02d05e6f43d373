//! The room in the store: how it was left, and who controls it for good.

use rusqlite::{Connection as Database, OptionalExtension, params};

use super::texts::Text;
use crate::room::Arrangement;

/// All that is kept of the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::appliance) struct KeptRoom {
    /// In percent.
    pub(in crate::appliance) volume: u8,
    pub(in crate::appliance) arrangement: Arrangement,
    /// The controllers that an administrator has let in: number and name.
    pub(in crate::appliance) controllers: Vec<(u64, String)>,
}

impl Default for KeptRoom {
    fn default() -> Self {
        Self { volume: 100, arrangement: Arrangement::default(), controllers: Vec::new() }
    }
}

impl Text for Arrangement {
    const TABLE: &'static [(Self, &'static str)] =
        &[(Self::Auto, "auto"), (Self::Grid, "grid"), (Self::Speaker, "speaker")];
}

/// Reads everything, at the start.
pub(in crate::appliance) fn load(db: &Database) -> rusqlite::Result<KeptRoom> {
    let left = db
        .query_row("SELECT volume, arrangement FROM room", [], |row| {
            Ok((row.get(0)?, Arrangement::of_text(&row.get::<_, String>(1)?)?))
        })
        .optional()?;
    let controllers = db
        .prepare("SELECT id, name FROM controllers ORDER BY rowid")?
        .query_map([], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let KeptRoom { volume, arrangement, .. } = KeptRoom::default();
    let (volume, arrangement) = left.unwrap_or((volume, arrangement));
    Ok(KeptRoom { volume, arrangement, controllers })
}

/// Keeps how loud the others are, and how they are arranged.
pub(in crate::appliance) fn keep(
    db: &Database,
    volume: u8,
    arrangement: Arrangement,
) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO room (only, volume, arrangement) VALUES (1, ?1, ?2)
         ON CONFLICT (only) DO UPDATE SET volume = ?1, arrangement = ?2",
        params![volume, arrangement.text()],
    )
    .map(drop)
}

/// Somebody controls the room for good.
pub(in crate::appliance) fn enrol(db: &Database, id: u64, name: &str) -> rusqlite::Result<()> {
    db.execute("INSERT INTO controllers (id, name) VALUES (?1, ?2)", params![id.cast_signed(), name])
        .map(drop)
}

/// Somebody controls the room no longer.
pub(in crate::appliance) fn strike(db: &Database, id: u64) -> rusqlite::Result<()> {
    db.execute("DELETE FROM controllers WHERE id = ?1", [id.cast_signed()]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appliance::store::schema;

    #[test]
    fn the_room_comes_back_as_it_was_left() {
        let mut db = Database::open_in_memory().unwrap();
        schema::bring_up_to_date(&mut db).unwrap();
        assert_eq!(load(&db).unwrap(), KeptRoom::default());
        for (volume, arrangement) in [(40, Arrangement::Grid), (0, Arrangement::Speaker)] {
            keep(&db, volume, arrangement).unwrap();
            assert_eq!(load(&db).unwrap(), KeptRoom { volume, arrangement, controllers: Vec::new() });
        }
        enrol(&db, u64::MAX, "wall panel").unwrap();
        enrol(&db, 7, "Ann").unwrap();
        strike(&db, 7).unwrap();
        assert_eq!(load(&db).unwrap().controllers, [(u64::MAX, "wall panel".to_owned())]);
    }
}
