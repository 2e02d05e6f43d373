//! Which layer of each wished track a subscriber gets within its bandwidth, and how many of its frames.
//!
//! The stage (the first wish) is served first up to a middling size, then everybody gets the lowest layer as
//! far as it reaches, with few frames and then with all of them, then what is left raises the stage and the others in
//! the order of the wishes. Who does
//! not fit is left out, the last wish first. A layer is never larger than the wish makes useful.

use crate::track::Layer;

/// The height up to which the stage goes before anybody else.
const STAGE_FIRST_HEIGHT: u16 = 400;

/// A layer as the allocation sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rung {
    pub(super) layer: Layer,
    /// Its temporal layers up to this one: fewer frames for fewer bits.
    pub(super) frames: u8,
    pub(super) height: u16,
    pub(super) bps: u64,
}

/// A wished track.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    /// Its layers in the order of their heights and frames, at least one.
    pub(super) rungs: Vec<Rung>,
    pub(super) max_height: u16,
}

impl Demand {
    /// The index of the largest rung that is useful: a third above the wish still is, because scaling down
    /// looks better than scaling up.
    fn useful(&self) -> usize {
        let limit = u32::from(self.max_height) * 4 / 3;
        self.rungs.iter().rposition(|rung| u32::from(rung.height) <= limit).unwrap_or(0)
    }

    /// The index of the smallest picture with all of its frames.
    fn smallest(&self) -> usize {
        let height = self.rungs.first().map(|rung| rung.height);
        self.rungs.iter().rposition(|rung| Some(rung.height) == height).unwrap_or(0)
    }

    /// The least that it costs.
    pub(super) fn least_bps(&self) -> u64 {
        self.rungs.first().map_or(0, |rung| rung.bps)
    }

    /// What it would cost with all the bandwidth in the world.
    pub(super) fn ideal_bps(&self) -> u64 {
        self.rungs.get(self.useful()).map_or(0, |rung| rung.bps)
    }
}

/// The rung of each demand, `None` where it does not fit.
pub(super) fn allocate(demands: &[Demand], budget_bps: u64) -> Vec<Option<Rung>> {
    let mut chosen: Vec<Option<usize>> = vec![None; demands.len()];
    let mut left = budget_bps;
    if let Some(stage) = demands.first() {
        let middling = stage.rungs.iter().rposition(|rung| rung.height <= STAGE_FIRST_HEIGHT).unwrap_or(0);
        raise(stage, &mut chosen[0], middling, &mut left);
    }
    for (demand, choice) in demands.iter().zip(&mut chosen).skip(1) {
        raise(demand, choice, 0, &mut left);
        if choice.is_none() {
            // Those after it are less wanted: they do not pass it by because they are smaller.
            break;
        }
    }
    for ceiling in [Demand::smallest, Demand::useful] {
        for (demand, choice) in demands.iter().zip(&mut chosen).filter(|(_, choice)| choice.is_some()) {
            raise(demand, choice, ceiling(demand), &mut left);
        }
    }
    let rung_of =
        |(demand, choice): (&Demand, Option<usize>)| choice.and_then(|at| demand.rungs.get(at)).copied();
    demands.iter().zip(chosen).map(rung_of).collect()
}

/// Raises a choice to the largest rung up to `ceiling` that can be paid for.
fn raise(demand: &Demand, choice: &mut Option<usize>, ceiling: usize, left: &mut u64) {
    let paid = choice.and_then(|at| demand.rungs.get(at)).map_or(0, |rung| rung.bps);
    let lowest = choice.map_or(0, |at| at + 1);
    for at in (lowest..=ceiling.min(demand.useful())).rev() {
        let Some(rung) = demand.rungs.get(at) else { continue };
        let more = rung.bps.saturating_sub(paid);
        if more <= *left {
            *choice = Some(at);
            *left -= more;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn simulcast(max_height: u16) -> Demand {
        let rung = |layer, height, bps| Rung { layer: Layer(layer), frames: 0, height, bps };
        Demand {
            rungs: vec![rung(0, 180, 150_000), rung(1, 360, 500_000), rung(2, 720, 1_500_000)],
            max_height,
        }
    }

    fn layers(demands: &[Demand], budget_kbps: u64) -> Vec<i8> {
        allocate(demands, budget_kbps * 1000)
            .into_iter()
            .map(|rung| rung.map_or(-1, |rung| rung.layer.0 as i8))
            .collect()
    }

    #[test]
    fn plenty_gives_everybody_what_is_useful() {
        let demands = [simulcast(720), simulcast(360), simulcast(180), simulcast(100), simulcast(540)];
        assert_eq!(layers(&demands, 10_000), [2, 1, 0, 0, 2]);
    }

    #[test]
    fn the_less_there_is_the_more_the_others_give_way_to_the_stage() {
        let demands = [simulcast(720), simulcast(360), simulcast(360)];
        let table: [(u64, [i8; 3]); 8] = [
            (2500, [2, 1, 1]),
            (2200, [2, 1, 0]),
            (1800, [2, 0, 0]),
            (1300, [1, 1, 0]),
            (800, [1, 0, 0]),
            (650, [1, 0, -1]),
            (500, [1, -1, -1]),
            (150, [0, -1, -1]),
        ];
        for (budget_kbps, expected) in table {
            assert_eq!(layers(&demands, budget_kbps), expected, "{budget_kbps} kbit/s");
        }
        assert_eq!(layers(&demands, 100), [-1, -1, -1]);
    }

    #[test]
    fn a_narrow_way_carries_fewer_frames_rather_than_nothing() {
        let rung = |layer, frames, height, bps| Rung { layer: Layer(layer), frames, height, bps };
        let rungs = vec![
            rung(0, 0, 180, 70_000),
            rung(0, 1, 180, 100_000),
            rung(0, 3, 180, 150_000),
            rung(1, 1, 360, 330_000),
            rung(1, 3, 360, 500_000),
        ];
        let demand = |max_height| Demand { rungs: rungs.clone(), max_height };
        let given = |budget_kbps: u64| {
            let chosen = allocate(&[demand(360), demand(180)], budget_kbps * 1000);
            chosen.into_iter().map(|rung| rung.map(|one| (one.layer.0, one.frames))).collect::<Vec<_>>()
        };
        assert_eq!(given(650), [Some((1, 3)), Some((0, 3))]);
        assert_eq!(given(580), [Some((1, 3)), Some((0, 0))]);
        assert_eq!(given(400), [Some((1, 1)), Some((0, 0))]);
        assert_eq!(given(250), [Some((0, 3)), Some((0, 1))]);
        assert_eq!(given(80), [Some((0, 0)), None]);
        assert_eq!(given(60), [None, None]);
    }

    #[test]
    fn a_track_of_one_layer_is_given_whole_or_not_at_all() {
        let single = Demand {
            rungs: vec![Rung { layer: Layer(0), frames: 0, height: 1080, bps: 2_500_000 }],
            max_height: 180,
        };
        assert_eq!(layers(&[single.clone(), simulcast(180)], 2600), [0, -1]);
        assert_eq!(layers(&[single, simulcast(180)], 2650), [0, 0]);
    }

    proptest! {
        #[test]
        fn never_more_than_the_budget_and_never_a_later_wish_instead_of_an_earlier(
            heights in proptest::collection::vec(1_u16..2000, 0..20), budget_kbps in 0_u64..20_000) {
            let demands: Vec<Demand> = heights.into_iter().map(simulcast).collect();
            let chosen = allocate(&demands, budget_kbps * 1000);
            let spent: u64 = chosen.iter().flatten().map(|rung| rung.bps).sum();
            prop_assert!(spent <= budget_kbps * 1000);
            let served = chosen.iter().take_while(|layer| layer.is_some()).count();
            prop_assert!(chosen.iter().skip(served).all(Option::is_none));
        }
    }
}
