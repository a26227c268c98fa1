//! The ranking: what goes with what the visitor has just seen, what they have seen, what is
//! popular in their tags, and what is popular at all.
//!
//! With i over the newest products of the visit and of what was before, W the rows of
//! [`crate::views::pairs::pairs`] as a [`ModelAt`] sees them, and P what is popular:
//!
//! ```text
//! score(q) = (1 - R) · Σ_i u_i · W[i][q] / (mass_i + doubt) / Σ_visit u_i
//!                                                  u_i = e^(-pos_i / recency) in the visit,
//!                                                        earlier · e^(-pos_i / earlier_recency) before
//!          + again(pos_q)                          where q is in the visit; R is the sum of these
//!          + earlier_repeat · e^(-pos_q / earlier_recency)   where q was touched before
//!          + (1 - R) · tags · Σ_t share_t · P_t[q] / Σ P_t   share_t by u of the products with the tag
//!          + trend · P[q] / Σ P
//! ```
//!
//! `again(pos)` is how often visitors come back to the product at a place: for the newest it is
//! learned from the shop's own visitors ([`ModelAt::again`]), as shops differ in whether they log the
//! product that is being looked at again; from then on they agree ([`AGAIN`]). To each
//! `repeat · e^(-pos / repeat_recency)` is added. So the score is about a probability, and a
//! product of which little is known says little. Where there is no visit, the tags are those of
//! the profile.
//!
//! Every term is a sum over single products, tags and events, and so are the reasons. The shape is
//! that of the neighbourhood methods without their cut (Ludewig and Jannach 2020, "Empirical
//! analysis of session-based recommendation algorithms").

pub mod evidence;
pub mod rules;
pub(crate) mod top_k;
pub(crate) mod top_k_cache;
pub(crate) mod product_info;
pub(crate) mod kernel;
mod pick;
pub mod answer;
