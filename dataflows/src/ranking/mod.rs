//! The ranking: a blend of what goes with the products that the visitor has just seen, these
//! products themselves, what is popular in their tags, and what is popular overall.
//!
//! Let i run over the newest products of the visit and of those before it, let W be the rows of
//! [`pairs`](crate::views::pairs::pairs) scored through
//! a [`ModelAt`](crate::score::model::ModelAt), and P the popular products:
//!
//! ```text
//! score(q) = (1 - R) · Σ_i u_i · W[i][q] / (mass_i + doubt) / Σ_visit u_i
//!                                                  u_i = e^(-pos_i / recency) in the visit,
//!                                                        earlier · e^(-pos_i / earlier_recency) before
//!          + repeat(pos_q)                         where q is in the visit; R is the sum of these
//!          + earlier_repeat · e^(-pos_q / earlier_recency)   where q was touched before
//!          + (1 - R) · tags · Σ_t share_t · P_t[q] / Σ P_t   share_t by u of the products with the tag
//!          + trend · P[q] / Σ P
//! ```
//!
//! `repeat(pos)` is the probability that a visitor comes back to the product at a place, plus
//! `blend.repeat · e^(-pos / repeat_recency)`. For the newest it is learned from the shop's
//! visitors ([`repeat_rate`](crate::score::model::ModelAt::repeat_rate)), as shops differ in
//! whether they log the current product again; for the others it is a constant
//! ([`rules::REPEAT_RATES`]). So the score is about a probability. `doubt` shrinks the rows of
//! which little is known. Without a visit, the tags are those of the profile.
//!
//! Every term is a sum over single products, tags and events, and so are the reasons. Rules of the shop multiply the
//! score, which adds a term of their own, leave products out, or put them to a place
//! ([`merchandising`](crate::score::merchandising)). The shape is
//! that of the neighbourhood methods without their cut (Ludewig and Jannach 2020, "Empirical
//! analysis of session-based recommendation algorithms").

pub mod evidence;
pub mod rules;
pub(crate) mod top_k;
pub(crate) mod top_k_cache;
pub(crate) mod product_info;
mod candidates;
pub(crate) mod matching;
mod pick;
mod merchandise;
pub(crate) mod kernel;
pub mod answer;
