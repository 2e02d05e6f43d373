//! Where everything stands on the screen: the model and a size make tiles, pure and without state.

use crate::room::scene::{Arrangement, SceneModel, SceneParticipant};
use crate::track::Source;

/// The most small tiles beside a stage.
pub const STRIP_MAX: u32 = 6;

/// The most participants that share the screen as equals.
pub const GRID_MAX: usize = 4;

/// The most participants that share the screen as equals where people in the room want that.
pub const WISHED_GRID_MAX: usize = 9;

/// The heights that wishes are rounded up to: what layers of cameras usually have.
const WISH_HEIGHTS: [u16; 5] = [180, 360, 720, 1080, 2160];

/// The size of a picture in pixels, both sides even.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels per row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// A place on the screen in pixels, every number even so that it fits the colour planes too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rect {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// Pixels per row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Rect {
    /// Its size.
    #[must_use]
    pub const fn size(self) -> Size {
        Size { width: self.width, height: self.height }
    }

    /// The rectangle that is `by` larger on every side (`by` even, at most the distance to the edge).
    #[must_use]
    pub const fn grown(self, by: u32) -> Self {
        Self { x: self.x - by, y: self.y - by, width: self.width + 2 * by, height: self.height + 2 * by }
    }

    /// The largest rectangle of 16:9 in the middle.
    fn wide(self) -> Self {
        let by_height = self.height * 16 / 9;
        let (width, height) = if by_height <= self.width {
            (by_height, self.height)
        } else {
            (self.width, self.width * 9 / 16)
        };
        let (width, height) = (even(width), even(height));
        Self {
            x: self.x + even((self.width - width) / 2),
            y: self.y + even((self.height - height) / 2),
            width,
            height,
        }
    }
}

/// How a picture of another shape is put into its tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fit {
    /// The tile is filled and the edges are cut off: people.
    Cover,
    /// All of it is shown, with bars: screens.
    Contain,
}

/// What a tile is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The large one.
    Stage,
    /// One among equals.
    Grid,
    /// A small one below the stage.
    Strip,
    /// The room's own picture.
    Own,
}

/// Where the picture of a track stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Where.
    pub rect: Rect,
    /// Whose track.
    pub participant: u64,
    /// Which.
    pub source: Source,
    /// How it is put there.
    pub fit: Fit,
    /// What the tile is for.
    pub place: Place,
}

/// What stands where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The size of the whole.
    pub size: Size,
    /// The tiles, the most important first. They do not overlap.
    pub tiles: Vec<Tile>,
    /// Where the meeting and its join address are told beside the tiles.
    pub panel: Option<Rect>,
    /// Where it is told what goes on besides speaking, if anything does.
    pub aside: Option<Rect>,
    /// Where the room is introduced and guests are invited, while nobody else is there.
    pub welcome: Option<Rect>,
    /// How many participants have no tile.
    pub hidden: usize,
}

/// A picture that the room wants to receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Whose.
    pub participant: u64,
    /// Which.
    pub source: Source,
    /// The height of the layer that suits the tile.
    pub max_height: u16,
}

/// Arranges the scene. `staged` is who had the stage before: it stays there while nobody else speaks.
#[must_use]
pub fn arrange(model: &SceneModel, size: Size, staged: Option<u64>) -> Layout {
    if model.meeting.is_none() {
        let whole = Rect { x: 0, y: 0, width: size.width, height: size.height };
        return Layout { size, tiles: Vec::new(), panel: None, aside: None, welcome: Some(whole), hidden: 0 };
    }
    let areas = Areas::of(size);
    let others: Vec<&SceneParticipant> = model.others().collect();
    let screen =
        others.iter().filter(|other| other.screen).max_by_key(|other| model.active == Some(other.id));
    let equals_max = match model.arrangement {
        Arrangement::Auto => GRID_MAX,
        Arrangement::Grid => WISHED_GRID_MAX,
        Arrangement::Speaker => 1,
    };
    let mut tiles = match (screen, model.arrangement) {
        (Some(screen), _) => staged_tiles(areas, (screen.id, Source::Screen), &others, model),
        (None, _) if others.len() <= equals_max => grid_tiles(areas, &others),
        (None, Arrangement::Grid) => grid_tiles(areas, &equals(&others, model)),
        (None, Arrangement::Auto | Arrangement::Speaker) => {
            let speaker = stage_holder(model, staged).unwrap_or(others[0].id);
            staged_tiles(areas, (speaker, Source::Camera), &others, model)
        }
    };
    let seen = others.iter().filter(|other| tiles.iter().any(|tile| tile.participant == other.id)).count();
    if let Some(own) = model.own() {
        tiles.push(tile(areas.own, own.id, Source::Camera, Place::Own));
    }
    let alone = others.is_empty();
    let (panel, aside) = areas.column(!model.aside.is_empty());
    Layout {
        size,
        tiles,
        panel: (!alone).then_some(panel),
        aside: aside.filter(|_| !alone),
        welcome: alone.then_some(areas.main),
        hidden: others.len() - seen,
    }
}

/// Who has the stage when people are shown there: the active speaker, else who had it; never the room itself.
#[must_use]
pub fn stage_holder(model: &SceneModel, staged: Option<u64>) -> Option<u64> {
    let is_other = |id: &u64| model.others().any(|other| other.id == *id);
    model.active.filter(is_other).or_else(|| staged.filter(is_other))
}

/// What the room wants to receive for `layout`, the most important first.
#[must_use]
pub fn wishes(model: &SceneModel, layout: &Layout) -> Vec<Wish> {
    let wanted = layout.tiles.iter().filter(|tile| tile.place != Place::Own && is_sent(model, tile));
    wanted
        .map(|tile| Wish {
            participant: tile.participant,
            source: tile.source,
            max_height: wish_height(tile.rect.height),
        })
        .collect()
}

fn is_sent(model: &SceneModel, tile: &Tile) -> bool {
    model.participant(tile.participant).is_some_and(|participant| match tile.source {
        Source::Screen => participant.screen,
        _ => participant.camera,
    })
}

/// The usual layer height that is not smaller than the tile.
fn wish_height(tile_height: u32) -> u16 {
    let enough = WISH_HEIGHTS.into_iter().find(|height| u32::from(*height) >= tile_height);
    enough.unwrap_or(WISH_HEIGHTS[WISH_HEIGHTS.len() - 1])
}

/// The screen's fixed areas: the tiles at the left, the column with the join address and the own picture right.
#[derive(Clone, Copy)]
struct Areas {
    main: Rect,
    panel: Rect,
    own: Rect,
    gap: u32,
}

impl Areas {
    fn of(size: Size) -> Self {
        let gap = even(size.width / 160).max(4);
        let column_width = even(size.width / 5);
        let x = size.width - column_width - gap;
        let own_space = Rect { x, y: gap, width: column_width, height: even(size.height / 4) };
        let own = own_space.wide();
        let own = Rect { y: size.height - gap - own.height, ..own };
        let panel = Rect { x, y: gap, width: column_width, height: own.y - 2 * gap };
        let main = Rect { x: gap, y: gap, width: x - 2 * gap, height: size.height - 2 * gap };
        Self { main, panel, own, gap }
    }

    /// How to join, and below it what goes on, which takes most of the column where there is anything.
    fn column(self, goes_on: bool) -> (Rect, Option<Rect>) {
        if !goes_on {
            return (self.panel, None);
        }
        let panel = Rect { height: even(self.panel.height / 2), ..self.panel };
        let y = panel.y + panel.height + self.gap;
        let aside = Rect { y, height: even(self.panel.y + self.panel.height - y), ..self.panel };
        (panel, Some(aside))
    }
}

/// One large tile, and the others small in a row below it.
fn staged_tiles(
    areas: Areas,
    stage: (u64, Source),
    others: &[&SceneParticipant],
    model: &SceneModel,
) -> Vec<Tile> {
    let Areas { main, gap, .. } = areas;
    let cell = Rect {
        width: even((main.width - (STRIP_MAX - 1) * gap) / STRIP_MAX),
        height: even(main.height / 4),
        ..main
    };
    let small = cell.wide();
    let strip_y = main.y + main.height - small.height;
    let above = Rect { height: main.height - small.height - gap, ..main };
    let mut tiles = vec![tile(above.wide(), stage.0, stage.1, Place::Stage)];
    let beside = strip_members(others, stage, model);
    tiles.extend(beside.into_iter().zip(0..).map(|(id, index)| {
        let rect = Rect { x: main.x + index * (small.width + gap), y: strip_y, ..small };
        tile(rect, id, Source::Camera, Place::Strip)
    }));
    tiles
}

/// Who is shown where not all can be equals.
fn equals<'a>(others: &[&'a SceneParticipant], model: &SceneModel) -> Vec<&'a SceneParticipant> {
    let all = others.iter().map(|other| other.id).collect();
    let shown = seated(all, WISHED_GRID_MAX, model);
    others.iter().copied().filter(|other| shown.contains(&other.id)).collect()
}

/// Who is shown below the stage.
fn strip_members(others: &[&SceneParticipant], stage: (u64, Source), model: &SceneModel) -> Vec<u64> {
    let candidates =
        others.iter().map(|other| other.id).filter(|id| (*id, Source::Camera) != stage).collect();
    seated(candidates, STRIP_MAX as usize, model)
}

/// The first to come, and those who are heard now in place of the last.
fn seated(candidates: Vec<u64>, most: usize, model: &SceneModel) -> Vec<u64> {
    let mut members: Vec<u64> = candidates.iter().copied().take(most).collect();
    for speaker in model.heard.iter().filter(|id| candidates.contains(id)) {
        if members.contains(speaker) {
            continue;
        }
        if let Some(silent) = members.iter_mut().rev().find(|member| !model.heard.contains(member)) {
            *silent = *speaker;
        }
    }
    members
}

/// Tiles of equal size, as large as they can be; the last row is centred.
fn grid_tiles(areas: Areas, others: &[&SceneParticipant]) -> Vec<Tile> {
    let Areas { main, gap, .. } = areas;
    let count = u32::try_from(others.len()).unwrap_or(u32::MAX);
    let best = (1..=count).map(|columns| (columns, grid_cell(main, gap, columns, count)));
    let Some((columns, cell)) = best.max_by_key(|(_, cell)| cell.width) else {
        return Vec::new();
    };
    let rows = count.div_ceil(columns);
    let top = main.y + even((main.height - rows * cell.height - (rows - 1) * gap) / 2);
    let place = if count == 1 { Place::Stage } else { Place::Grid };
    let positions = (0..count).map(|index| {
        let (row, column) = (index / columns, index % columns);
        let in_row = columns.min(count - row * columns);
        let left = main.x + even((main.width - in_row * cell.width - (in_row - 1) * gap) / 2);
        Rect {
            x: left + column * (cell.width + gap),
            y: top + row * (cell.height + gap),
            width: cell.width,
            height: cell.height,
        }
    });
    others.iter().zip(positions).map(|(other, rect)| tile(rect, other.id, Source::Camera, place)).collect()
}

fn grid_cell(area: Rect, gap: u32, columns: u32, count: u32) -> Size {
    let rows = count.div_ceil(columns);
    let width = (area.width - (columns - 1) * gap) / columns;
    let height = (area.height - (rows - 1) * gap) / rows;
    Rect { x: 0, y: 0, width, height }.wide().size()
}

const fn tile(rect: Rect, participant: u64, source: Source, place: Place) -> Tile {
    let fit = match source {
        Source::Screen => Fit::Contain,
        _ => Fit::Cover,
    };
    Tile { rect, participant, source, fit, place }
}

const fn even(length: u32) -> u32 {
    length & !1
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
