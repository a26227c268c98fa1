//! No bytes make the parser panic, and what it takes fits into a block and comes back.

#![no_main]

use dataflows::block::Block;
use dataflows::event::Kind;
use libfuzzer_sys::fuzz_target;
use recsys::event::parse::{Scratch, parse, parse_merge, parse_row};

fuzz_target!(|record: &[u8]| {
    let mut scratch = Scratch::default();
    if let Ok(event) = parse(record, Kind::View, None, 1_743_508_800_000, &mut scratch) {
        let mut block = Block::default();
        block.push(&event);
        block.for_each(|back| assert_eq!(*back, event));
    }
    let _ = parse_row(None, Some(record), &mut scratch);
    let _ = parse_merge(record, None, None, 0, &mut scratch);
});
