//! From the parts that the dataflow gathered to the answer that was asked for.

use crate::engine::intake::Partition;
use crate::engine::question::{Activity, Body, Question, Reason, Recommendation};
use dataflows::catalogue::Product;
use dataflows::questions::{Part, What};
use dataflows::recent::newest_first;
use dataflows::recommend::{Popular, rank};
use std::collections::{HashMap, HashSet};

/// How the dataflow names a partition.
pub(super) fn partition_name(partition: &Partition) -> String {
    format!("{}/{}", partition.topic, partition.index)
}

/// What a question asks of the dataflow; nothing when its answer is empty whatever is known.
pub(super) fn asks(question: &Question) -> Vec<What> {
    match question.clone() {
        Question::Profiles(users) => users
            .into_iter()
            .enumerate()
            .map(|(place, user)| What::Profile { place, user })
            .collect(),
        Question::Activity(user) => vec![What::Activity { user }],
        Question::Recommend { user, n } => vec![What::Recommend { user, n }],
        Question::Trending { tag, n } => vec![What::Trending { tag, n }],
        Question::Recent { limit } => vec![What::Recent { limit }],
        Question::Positions(partitions) => partitions
            .iter()
            .enumerate()
            .map(|(place, partition)| What::Position {
                place,
                partition: partition_name(partition),
            })
            .collect(),
    }
}

/// Puts the parts of a question together.
pub(super) fn assemble(question: &Question, parts: Vec<Part>) -> Body {
    match question {
        Question::Profiles(users) => {
            let mut profiles = vec![Vec::new(); users.len()];
            for part in parts {
                if let Part::Profile(place, profile) = part {
                    profiles[place] = profile;
                }
            }
            Body::Profiles(profiles)
        }
        Question::Activity(_) => Body::Activity(parts.into_iter().find_map(|part| match part {
            Part::Activity(minute, totals) => {
                Some(Activity { last: i64::from(minute) * 60_000, totals })
            }
            _ => None,
        })),
        Question::Recommend { n, .. } | Question::Trending { n, .. } => products(*n, parts),
        Question::Recent { limit } => {
            let mut events = Vec::new();
            for part in parts {
                if let Part::Recent(more) = part {
                    // Newest first as they come; `newest_first` expects the order of the input.
                    events.extend(more.into_iter().rev());
                }
            }
            newest_first(&mut events, *limit);
            Body::Events(events)
        }
        Question::Positions(partitions) => {
            let mut positions = vec![0; partitions.len()];
            for part in parts {
                if let Part::Position(place, next) = part {
                    positions[place] = next;
                }
            }
            Body::Positions(positions)
        }
    }
}

fn products(n: usize, parts: Vec<Part>) -> Body {
    let mut rows: HashMap<String, Product> = HashMap::new();
    let mut bought = Vec::new();
    let mut popular: Vec<Popular> = Vec::new();
    for part in parts {
        match part {
            Part::Popular(part) => popular.push(part),
            Part::Bought(products) => bought.extend(products),
            Part::Product(product, row) => {
                rows.insert(product, row);
            }
            _ => {}
        }
    }
    let bought: HashSet<&str> = bought.iter().map(String::as_str).collect();
    let ranked = rank(&popular, &bought, n);
    let products = ranked.into_iter().map(|ranked| Recommendation {
        product: rows.get(&ranked.product).cloned(),
        id: ranked.product,
        score: ranked.score,
        reasons: ranked.parts.into_iter().map(reason).collect(),
    });
    Body::Products(products.collect())
}

fn reason((tag, score): (Option<String>, f64)) -> Reason {
    match tag {
        Some(tag) => Reason::Tag { tag, score },
        None => Reason::Popular { score },
    }
}
