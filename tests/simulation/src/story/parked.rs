//! Amex auths of merchants that want none of them (spec import §7.1). While nobody knows whose till it is they are
//! stored and parked; whoever dies after that, and comes again once the till is known, has to say what became of them.
//! Cards are linked at the same moments.

use super::{
    Cast, Input, Onboarded, Step, Truth,
    cast::{Knows, Shop},
    deliveries::{Purchase, as_inputs, feed_of, line, shifted},
};
use crate::dice::Dice;
use harmonia_domain::feed::{Kind, Scheme};
use jiff::Timestamp;

const MERCHANTS: [&str; 3] = ["bpl-viator", "squaremeal", "the-works"];
/// Purchases, at most.
const PURCHASES_MAX: usize = 8;
/// How long after the lines the till becomes known: before or after messages come again, which is after 360 s.
const KNOWN_AFTER_S: [i64; 4] = [0, 5, 200, 500];

/// The cast and what happens to it.
pub(super) fn draw(dice: &mut Dice, moment: Timestamp) -> (Cast, Vec<Step>, Truth) {
    let merchant = *dice.pick(&MERCHANTS);
    let mut cast = Cast::of(dice, vec![merchant]);
    let known = dice.one_in(2);
    for shop in &mut cast.shops {
        shop.onboarded = if known || dice.one_in(4) { Onboarded::First } else { Onboarded::Later };
        shop.disputed = false;
    }
    for card in &mut cast.cards {
        card.knows = if card.number < 2 { Knows::Later } else { Knows::Member };
    }
    let mut truth = Truth::of(&cast);
    let shops: Vec<&Shop> = cast.shops.iter().filter(|shop| shop.scheme == Scheme::Amex).collect();
    let mut lines = Vec::new();
    for number in 0..=dice.below(PURCHASES_MAX) {
        let shop = (*dice.pick(&shops)).clone();
        let card = cast.card(dice, Scheme::Amex).clone();
        let at = shifted(moment, dice.between(-60, 60));
        let id = format!("PAY{number:06}");
        let purchase = Purchase { shop, card, id, at, code: "390211", auth: None, settled: None, refund: None };
        let kinds: &[Kind] = if dice.one_in(2) { &[Kind::Auth, Kind::Settled] } else { &[Kind::Auth] };
        let feeds = kinds.iter().filter_map(|kind| Some((*kind, feed_of(Scheme::Amex, *kind)?)));
        lines.extend(feeds.map(|(kind, feed)| line(&purchase, kind, feed, 1250, &mut truth)));
    }
    dice.shuffle(&mut lines);
    let inputs = as_inputs(dice, 0, lines, &mut truth);
    let mut steps: Vec<Step> = inputs.into_iter().map(|input| Step { after_s: 0, rested: false, input }).collect();
    for card in cast.cards.iter().filter(|card| card.scheme == Scheme::Amex && card.knows == Knows::Later) {
        let link = Step { after_s: 0, rested: false, input: Input::Link { merchant, card: card.clone() } };
        // mostly when lines of the card are on their way
        let place = steps.len() / 2 + dice.below(steps.len() / 2 + 1);
        steps.insert(place, link);
    }
    let late = cast.identifiers(Onboarded::Later);
    if !late.is_empty() {
        steps.push(Step { after_s: *dice.pick(&KNOWN_AFTER_S), rested: false, input: Input::Onboard(late) });
    }
    (cast, steps, truth)
}
