//! What is to be drawn: the layout with the texts that belong to it, made anew when the meeting changes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::room::layout::{self, Layout, Place, Rect, Size, Tile, Wish};
use crate::room::overlay::Overlay;
use crate::room::painter::{Painter, Piece};
use crate::room::scene::{SceneCall, SceneModel};
use crate::track::Source;

/// Finished drawings by what they show.
pub type Art = HashMap<Piece, Arc<Overlay>>;

/// A tile and its texts.
#[derive(Debug, Clone)]
pub struct PlannedTile {
    /// The tile.
    pub tile: Tile,
    /// Shown while there is no picture.
    pub card: Piece,
    /// The name plate, for the tile's lower left corner.
    pub plate: Piece,
    /// Whether the participant is heard now.
    pub is_heard: bool,
}

/// What stands where, with its texts.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The size of the picture.
    pub size: Size,
    /// The room itself, whose picture comes from its camera.
    pub own: Option<u64>,
    /// The tiles.
    pub tiles: Vec<PlannedTile>,
    /// Texts beside the tiles.
    pub texts: Vec<(Rect, Piece)>,
    /// What is drawn over all the rest.
    pub above: Option<(Rect, Piece)>,
}

impl Plan {
    /// Every text of the plan.
    pub fn pieces(&self) -> impl Iterator<Item = &Piece> {
        let of_tiles = self.tiles.iter().flat_map(|planned| [&planned.card, &planned.plate]);
        of_tiles.chain(self.texts.iter().chain(&self.above).map(|(_, piece)| piece))
    }

    /// The drawings of this plan: those of `before` that still fit, and the missing ones made by `painter`.
    #[must_use]
    pub fn art(&self, painter: &Painter, before: &Art) -> Art {
        let mut art = Art::new();
        for piece in self.pieces() {
            let known = before.get(piece).cloned();
            if let Some(drawing) = known.or_else(|| painter.paint(piece).map(Arc::new)) {
                art.insert(piece.clone(), drawing);
            }
        }
        art
    }
}

/// Makes plans, and remembers what the next one depends on.
pub struct Planner {
    room: String,
    model: SceneModel,
    size: Size,
    staged: Option<u64>,
    wished: Vec<Wish>,
}

impl Planner {
    /// A planner for a room of that name.
    #[must_use]
    pub const fn new(room: String, model: SceneModel, size: Size) -> Self {
        Self { room, model, size, staged: None, wished: Vec::new() }
    }

    /// The meeting has changed.
    pub fn show(&mut self, model: SceneModel) {
        self.staged = layout::stage_holder(&model, self.staged);
        self.model = model;
    }

    /// The screen has another size; returns whether that is new.
    pub fn resize(&mut self, size: Size) -> bool {
        let is_new = self.size != size;
        self.size = size;
        is_new
    }

    /// The plan as of now, and what is to be asked of the meeting when that has changed.
    pub fn plan(&mut self) -> (Plan, Option<Vec<Wish>>) {
        let layout = layout::arrange(&self.model, self.size, self.staged);
        let wishes = layout::wishes(&self.model, &layout);
        let news = (wishes != self.wished).then(|| wishes.clone());
        self.wished = wishes;
        (self.texts(&layout), news)
    }

    fn texts(&self, layout: &Layout) -> Plan {
        let model = &self.model;
        let mut texts = Vec::new();
        if let Some(rect) = layout.panel {
            texts.push((rect, self.panel(rect, layout.hidden)));
        }
        if let Some(rect) = layout.aside {
            let (aside, language) = (model.aside.clone(), model.language);
            texts.push((rect, Piece::Aside { aside, language, size: rect.size() }));
        }
        if let Some(rect) = layout.welcome {
            texts.push((rect, self.welcome(rect)));
        }
        Plan {
            size: layout.size,
            own: model.own().map(|own| own.id),
            tiles: layout.tiles.iter().map(|tile| self.planned(*tile)).collect(),
            texts,
            above: model.call.as_ref().map(|call| self.call(call)),
        }
    }

    fn planned(&self, tile: Tile) -> PlannedTile {
        let participant = self.model.participant(tile.participant);
        let name = participant.map(|participant| participant.name.clone()).unwrap_or_default();
        let muted = tile.source == Source::Camera && participant.is_some_and(|who| who.microphone_muted);
        let height = match tile.place {
            Place::Stage | Place::Grid => self.size.height / 22,
            Place::Strip | Place::Own => self.size.height / 34,
        };
        let plate = Size { width: tile.rect.width, height: (height & !1).max(2) };
        PlannedTile {
            tile,
            card: Piece::Card { name: name.clone(), id: tile.participant, size: tile.rect.size() },
            plate: Piece::Plate { name, muted, size: plate },
            is_heard: tile.source == Source::Camera && self.model.heard.contains(&tile.participant),
        }
    }

    fn panel(&self, rect: Rect, hidden: usize) -> Piece {
        Piece::Panel {
            meeting: self.model.meeting.clone().unwrap_or_default(),
            join_url: self.model.join_url.clone(),
            join_text: self.model.join_text.clone(),
            hidden,
            language: self.model.language,
            size: rect.size(),
        }
    }

    /// Who rings fills the screen of a room that does nothing else, and else stands above the meeting.
    fn call(&self, call: &SceneCall) -> (Rect, Piece) {
        let Size { width, height } = self.size;
        let even = |length: u32| length & !1;
        let rect = match self.model.meeting {
            None => Rect { x: 0, y: 0, width, height },
            Some(_) => Rect {
                x: even(width / 4),
                y: even(height / 24),
                width: even(width / 2),
                height: even(height / 5),
            },
        };
        let piece = Piece::Call { call: call.clone(), language: self.model.language, size: rect.size() };
        (rect, piece)
    }

    fn welcome(&self, rect: Rect) -> Piece {
        Piece::Welcome {
            room: self.room.clone(),
            meeting: self.model.meeting.clone(),
            join_url: self.model.join_url.clone(),
            join_text: self.model.join_text.clone(),
            trouble: self.model.trouble.clone(),
            claim: self.model.claim.clone(),
            language: self.model.language,
            size: rect.size(),
        }
    }
}
