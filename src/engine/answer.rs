//! From what the dataflow found to the answer that was asked for.

use crate::engine::intake::Partition;
use crate::engine::question::{Activity, Body, Question};
use dataflows::questions::{Found, What};
use dataflows::recent::newest_first;

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
        Question::Rank { basis, rules } => vec![What::Rank { basis, rules }],
        Question::Recent { limit } => vec![What::Recent { limit }],
        Question::Positions { partitions, .. } => partitions
            .iter()
            .enumerate()
            .map(|(place, partition)| What::Position {
                place,
                partition: partition_name(partition),
            })
            .collect(),
    }
}

/// Makes an answer of what was found.
pub(super) fn assemble(question: &Question, found: Vec<Found>) -> Body {
    match question {
        Question::Profiles(users) => {
            let mut profiles = vec![Vec::new(); users.len()];
            for found in found {
                if let Found::Profile(place, profile) = found {
                    profiles[place] = profile;
                }
            }
            Body::Profiles(profiles)
        }
        Question::Activity(_) => Body::Activity(found.into_iter().find_map(|found| match found {
            Found::Activity(minute, totals) => {
                Some(Activity { last: i64::from(minute) * 60_000, totals })
            }
            _ => None,
        })),
        Question::Rank { .. } => {
            let ranked = found.into_iter().find_map(|found| match found {
                Found::Ranked(ranked) => Some(ranked),
                _ => None,
            });
            Body::Products(ranked.unwrap_or_default())
        }
        Question::Recent { limit } => {
            let mut events = Vec::new();
            for found in found {
                if let Found::Recent(more) = found {
                    // Newest first as they come; `newest_first` expects the order of the input.
                    events.extend(more.into_iter().rev());
                }
            }
            newest_first(&mut events, *limit);
            Body::Events(events)
        }
        Question::Positions { partitions, .. } => {
            let mut positions = vec![0; partitions.len()];
            for found in found {
                if let Found::Position(place, next) = found {
                    positions[place] = next;
                }
            }
            Body::Positions(positions)
        }
    }
}
