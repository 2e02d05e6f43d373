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
    /// Not muted by anybody.
    pub(in crate::appliance) microphone_on: bool,
    pub(in crate::appliance) camera_on: bool,
    /// The controllers that an administrator has let in: number and name.
    pub(in crate::appliance) controllers: Vec<(u64, String)>,
}

impl Default for KeptRoom {
    fn default() -> Self {
        let arrangement = Arrangement::default();
        Self { volume: 100, arrangement, microphone_on: true, camera_on: true, controllers: Vec::new() }
    }
}

impl Text for Arrangement {
    const TABLE: &'static [(Self, &'static str)] =
        &[(Self::Auto, "auto"), (Self::Grid, "grid"), (Self::Speaker, "speaker")];
}

/// Reads everything, at the start.
pub(in crate::appliance) fn load(db: &Database) -> rusqlite::Result<KeptRoom> {
    let left = db
        .query_row("SELECT volume, arrangement, microphone_on, camera_on FROM room", [], |row| {
            let arrangement = Arrangement::of_text(&row.get::<_, String>(1)?)?;
            let (volume, microphone_on, camera_on) = (row.get(0)?, row.get(2)?, row.get(3)?);
            Ok(KeptRoom { volume, arrangement, microphone_on, camera_on, controllers: Vec::new() })
        })
        .optional()?;
    let controllers = db
        .prepare("SELECT id, name FROM controllers ORDER BY rowid")?
        .query_map([], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(KeptRoom { controllers, ..left.unwrap_or_default() })
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

/// Keeps what of the room is muted.
pub(in crate::appliance) fn mute(
    db: &Database,
    microphone_on: bool,
    camera_on: bool,
) -> rusqlite::Result<()> {
    let KeptRoom { volume, arrangement, .. } = KeptRoom::default();
    db.execute(
        "INSERT INTO room (only, volume, arrangement, microphone_on, camera_on) VALUES (1, ?1, ?2, ?3, ?4)
         ON CONFLICT (only) DO UPDATE SET microphone_on = ?3, camera_on = ?4",
        params![volume, arrangement.text(), microphone_on, camera_on],
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
            assert_eq!(load(&db).unwrap(), KeptRoom { volume, arrangement, ..KeptRoom::default() });
        }
        mute(&db, false, true).unwrap();
        let left = load(&db).unwrap();
        assert_eq!((left.volume, left.microphone_on, left.camera_on), (0, false, true));
        enrol(&db, u64::MAX, "wall panel").unwrap();
        enrol(&db, 7, "Ann").unwrap();
        strike(&db, 7).unwrap();
        assert_eq!(load(&db).unwrap().controllers, [(u64::MAX, "wall panel".to_owned())]);
    }
}
