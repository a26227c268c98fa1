//! No bytes make the parser panic. An event that it takes fits into a block and comes back unchanged,
//! and no tag of it is empty or comes twice: each would count.

#![no_main]

use dataflows::record::block::Block;
use dataflows::record::event::Kind;
use libfuzzer_sys::fuzz_target;
use parser::{Scratch, Written, parse_event, parse_forget, parse_merge, parse_row};
use std::collections::BTreeSet;

const WRITTEN: Written = Written::At(1_743_508_800_000);

fuzz_target!(|record: &[u8]| {
    let mut scratch = Scratch::default();
    if let Ok(event) = parse_event(record, Some(Kind::View), WRITTEN, &mut scratch) {
        check_tags(&event.tags);
        let mut block = Block::default();
        block.push(&event);
        block.for_each(|back| assert_eq!(*back, event));
    }
    if let Some(row) = parse_row(None, Some(record), &mut scratch).ok().and_then(|row| row.row) {
        check_tags(&row.tags);
    }
    let _ = parse_merge(record, None, WRITTEN, 1, &mut scratch);
    let _ = parse_forget(record, None, WRITTEN, 1, &mut scratch);
});

fn check_tags(tags: &[impl AsRef<str>]) {
    let distinct: BTreeSet<&str> = tags.iter().map(AsRef::as_ref).collect();
    assert!(distinct.len() == tags.len() && !distinct.contains(""));
}
