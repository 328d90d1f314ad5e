//! What goes wrong with a plan: reports that come twice, corrections, and mistakes of the reporting systems.

use super::dice::Dice;
use super::plan::{Act, Plan, Step};
use super::world::World;

/// Of 10,000 plans, how many have each.
const REPEATED: u64 = 250;
const REVERSED: u64 = 200;
const CONFLICTING: u64 = 30;
const STRAY: u64 = 20;
const WRONG_SIDE: u64 = 20;
const UNLISTED_SERVICE: u64 = 10;
const UNLISTED_MEASURE: u64 = 10;

/// Adds mishaps to the steps of a plan.
pub(super) fn add(world: &World, plan: &Plan, dice: &mut Dice, steps: &mut Vec<Step>) {
    let count = steps.len() as u64;
    if dice.chance(REPEATED) {
        let of = dice.below(count) as u8;
        // One in five is sent a third time.
        for _ in 0..1 + u64::from(dice.chance(2_000)) {
            let step = steps[usize::from(of)];
            steps.push(Step { act: Act::Repeat(of), sent_day: step.sent_day + dice.below(3) as u32, ..step });
        }
    }
    if dice.chance(REVERSED) {
        reverse(world, plan, dice.below(count) as u8, dice, steps);
    }
    if dice.chance(CONFLICTING) {
        let of = dice.below(count) as u8;
        let step = steps[usize::from(of)];
        steps.push(Step { act: Act::Conflict(of), sent_day: step.sent_day + 1, quantity: step.quantity + 1, ..step });
    }
    let mistakes = [
        (STRAY, Act::StrayReversal),
        (WRONG_SIDE, Act::WrongSide),
        (UNLISTED_SERVICE, Act::UnlistedService),
        (UNLISTED_MEASURE, Act::UnlistedMeasure),
    ];
    for (share, act) in mistakes {
        if dice.chance(share) {
            let service = &world.catalogue.services[usize::from(plan.service)];
            let measure = if act == Act::WrongSide { service.state[0] } else { service.citizen[0] };
            steps.push(Step { act, measure, evidence: 1, pledge: None, ..steps[0] });
        }
    }
}

fn reverse(world: &World, plan: &Plan, of: u8, dice: &mut Dice, steps: &mut Vec<Step>) {
    let target = steps[usize::from(of)];
    // In a tenth the correction overtakes what it corrects, if there is a day in between on which it can.
    let sent_day = match dice.chance(1_000) {
        true => target.sent_day.saturating_sub(1).max(u32::from(plan.day)),
        false => target.sent_day + 1 + dice.below(20) as u32,
    };
    let day = sent_day.min(world.shape.days - 1);
    let reversal = Step { act: Act::Reversal(of), first_day: day, last_day: day, sent_day, ..target };
    let number = steps.len() as u8;
    steps.push(reversal);
    if dice.chance(500) {
        steps.push(Step { act: Act::SecondReversal(of), sent_day: sent_day + dice.below(3) as u32, ..reversal });
    }
    if dice.chance(500) {
        steps.push(Step { act: Act::ReversalOfReversal(number), sent_day: sent_day + 1, ..reversal });
    }
}
