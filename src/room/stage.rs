//! Draws one picture of the scene: what stands still is kept, the tiles are drawn on top.

use std::sync::Arc;
use std::time::Instant;

use alcove_hal::frame::Frame;

use crate::room::canvas::{Canvas, Colour};
use crate::room::layout::{Place, Rect, Tile};
use crate::room::overlay::Overlay;
use crate::room::plan::{Art, Plan};
use crate::room::scaler::Scaler;
use crate::track::Source;

/// The ground behind everything.
const GROUND: Colour = Colour::rgb(20, 22, 26);

/// The bars beside a shared screen.
const BARS: Colour = Colour::rgb(8, 9, 11);

/// The border of who is heard.
const HEARD: Colour = Colour::rgb(70, 200, 120);

/// How far the border of who is heard stands out, in pixels.
const BORDER: u32 = 4;

/// The plan and its drawings, ready to be drawn again and again.
pub struct Stage {
    plan: Arc<Plan>,
    art: Arc<Art>,
    ground: Canvas,
    tiles: Vec<Ready>,
    above: Option<(Rect, Arc<Overlay>)>,
    scaler: Scaler,
}

/// A tile with its drawings looked up.
struct Ready {
    tile: Tile,
    card: Option<Arc<Overlay>>,
    plate: Option<Arc<Overlay>>,
}

impl Stage {
    /// Draws what stands still.
    #[must_use]
    pub fn new(plan: Arc<Plan>, art: Arc<Art>) -> Self {
        let (ground, tiles, above) = (still(&plan, &art), ready(&plan, &art), above(&plan, &art));
        Self { plan, art, ground, tiles, above, scaler: Scaler::default() }
    }

    /// Takes over another plan or other drawings; returns whether anything is new.
    pub fn update(&mut self, plan: Arc<Plan>, art: Arc<Art>) -> bool {
        if Arc::ptr_eq(&plan, &self.plan) && Arc::ptr_eq(&art, &self.art) {
            return false;
        }
        self.ground = still(&plan, &art);
        self.tiles = ready(&plan, &art);
        self.above = above(&plan, &art);
        (self.plan, self.art) = (plan, art);
        true
    }

    /// The tracks that have a tile, in the order of the tiles, and whether each is the room's own camera.
    pub fn tracks(&self) -> impl Iterator<Item = (u64, Source, Place)> {
        self.tiles.iter().map(|ready| (ready.tile.participant, ready.tile.source, ready.tile.place))
    }

    /// Draws the scene; `pictures` are those of [`Self::tracks`], in that order.
    #[must_use]
    pub fn draw(&mut self, pictures: &[Option<Frame>], made_at: Instant) -> Frame {
        let mut canvas = self.ground.clone();
        for (ready, picture) in self.tiles.iter().zip(pictures) {
            let rect = ready.tile.rect;
            match (picture, &ready.card) {
                (Some(picture), _) => canvas.draw(picture, rect, ready.tile.fit, &mut self.scaler),
                (None, Some(card)) => card.blend(&mut canvas, rect.x, rect.y),
                (None, None) => {}
            }
            if let Some(plate) = &ready.plate {
                plate.blend(&mut canvas, rect.x, rect.y + rect.height - plate.size().height);
            }
        }
        if let Some((rect, drawing)) = &self.above {
            drawing.blend(&mut canvas, rect.x, rect.y);
        }
        canvas.into_frame(made_at)
    }
}

fn still(plan: &Plan, art: &Art) -> Canvas {
    let mut canvas = Canvas::new(plan.size, GROUND);
    for planned in &plan.tiles {
        let rect = planned.tile.rect;
        if planned.is_heard {
            canvas.fill(rect.grown(BORDER), HEARD);
        }
        canvas.fill(rect, BARS);
    }
    for (rect, piece) in &plan.texts {
        if let Some(drawing) = art.get(piece) {
            drawing.blend(&mut canvas, rect.x, rect.y);
        }
    }
    canvas
}

fn above(plan: &Plan, art: &Art) -> Option<(Rect, Arc<Overlay>)> {
    let (rect, piece) = plan.above.as_ref()?;
    Some((*rect, Arc::clone(art.get(piece)?)))
}

fn ready(plan: &Plan, art: &Art) -> Vec<Ready> {
    let tiles = plan.tiles.iter();
    tiles
        .map(|planned| Ready {
            tile: planned.tile,
            card: art.get(&planned.card).cloned(),
            plate: art.get(&planned.plate).cloned(),
        })
        .collect()
}
