//! The ranking: a mixture of sources of evidence, each of which gives products a number near enough the probability that
//! they come next.
//!
//! Let i run over the places in the visit, newest first, and before it; let W_k be the sums of a row of
//! [`pairs`](crate::views::pairs::pairs) by how two moments stand to each other, P what is popular in a tag or overall, and
//! H what is popular today:
//!
//! ```text
//! score(q) = Σ_i Σ_k w[i, k] · W_k[i][q] / (mass_k[i] + 1)      k: within 1, 3, 8, 30 minutes, and directly next
//!          + w[0, two steps] · Σ_b share_b · W[b][q] / (mass_b + 1)    b: the 20 best partners of the newest product
//!          + Σ_i w[i, itself]                                   where q is the product of the place
//!          + Σ_i Σ_t w[i, tags] / tags_i · P_t[q] / (mass_t + 1)       t: the tags of the product of the place
//!          + w[popular] · P[q] / (mass + 1) + w[today] · H[q] / (mass + 1)
//! ```
//!
//! The weights are those of the visit's gate, how many products it has, and of the place's group, which its places share
//! ([`mixture`](crate::score::mixture)). They are learned: when a product comes, the share of a source in its score is known,
//! and a source's weight is its mean share ([`learner`](crate::score::learner)). Without a visit, the tags are those of the
//! profile.
//!
//! Every term is a sum over single products, tags and events, and so are the reasons. Rules of the shop multiply the
//! score, which adds a term of their own, leave products out, or put them to a place
//! ([`merchandising`](crate::score::merchandising)). The evidence is that of the neighbourhood methods (Ludewig and Jannach
//! 2020, "Empirical analysis of session-based recommendation algorithms"); what shops differ in is not fixed.

pub mod rules;
mod candidates;
pub mod evidence;
pub(crate) mod top_k;
pub(crate) mod top_k_cache;
pub mod product_info;
pub(crate) mod matching;
mod pick;
mod merchandise;
mod terms;
mod places;
pub(crate) mod kernel;
mod graded;
mod why;
pub mod answer;
