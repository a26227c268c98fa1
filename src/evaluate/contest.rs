//! Our ranking and the baselines, side by side, each with its settings tuned on what came before.

use super::baselines::{Association, Cosine, Neighbours, Popularity, Sequential, Stan, Vector};
use super::baselines::{Similarity, Weighting};
use super::served::Served;
use super::{Clicks, Recommender};
use dataflows::score::model::Model;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// Makes a method that has learned nothing yet, for a click set.
type Make = Box<dyn Fn(&Clicks) -> Box<dyn Recommender>>;

/// A method with its settings.
pub struct Entry {
    /// The settings in the words of session-rec; "" where there are none.
    pub settings: String,
    make: Make,
}

impl Entry {
    fn new<R: Recommender + 'static>(
        settings: String,
        make: impl Fn(&Clicks) -> R + 'static,
    ) -> Entry {
        Entry { settings, make: Box::new(move |clicks| Box::new(make(clicks))) }
    }

    /// A method that has learned nothing yet.
    pub fn start(&self, clicks: &Clicks) -> Box<dyn Recommender> {
        (self.make)(clicks)
    }
}

/// A method, and the settings that it may have, the usual ones first.
pub struct Method {
    /// Its name in the literature.
    pub name: &'static str,
    /// What there is to choose from; at least one.
    pub entries: Vec<Entry>,
}

impl Method {
    /// The usual settings and `tries` − 1 others, drawn with a fixed seed.
    pub fn drawn(&self, tries: usize) -> Vec<&Entry> {
        let (usual, others) = self.entries.split_at(1);
        let mut others: Vec<&Entry> = others.iter().collect();
        others.shuffle(&mut StdRng::seed_from_u64(1));
        others.truncate(tries.saturating_sub(1));
        usual.iter().chain(others).collect()
    }
}

/// All methods. Ours has no settings to tune: it ranks by the model that is given.
pub fn methods(model: Model) -> Vec<Method> {
    let one = |name, entry| Method { name, entries: vec![entry] };
    vec![
        one("popularity", Entry::new(String::new(), |_| Popularity::default())),
        one("AR", Entry::new(String::new(), |_| Association::default())),
        Method { name: "SR", entries: sequential() },
        Method { name: "S-kNN", entries: sizes().map(cosine).collect() },
        Method { name: "V-SkNN", entries: vectors() },
        Method { name: "STAN", entries: stans(&[None], &[None]) },
        Method {
            name: "VSTAN",
            entries: stans(
                &[Some(0.905), Some(1.81), Some(3.62), None],
                &[None, Some(1.0), Some(2.0), Some(5.0)],
            ),
        },
        one("recsys", Entry::new(weights(&model), move |clicks| Served::new(clicks, model))),
    ]
}

fn weights(model: &Model) -> String {
    let [view, cart, purchase] = model.weights.0;
    format!("weights={view},{cart},{purchase}")
}

fn sequential() -> Vec<Entry> {
    let usual =
        [Weighting::Div, Weighting::Quadratic, Weighting::Linear, Weighting::Log, Weighting::Same];
    let entry = |weighting| {
        Entry::new(format!("weighting={weighting:?}"), move |_| Sequential::new(weighting))
    };
    usual.map(entry).into()
}

/// How many neighbours, of how many candidates, and whether the visit itself, as far as it has been
/// learned, is one: the last only matters where learning goes on.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    k: usize,
    sample: usize,
    itself: bool,
}

fn sizes() -> impl Iterator<Item = Sizes> {
    let sizes = [(500, 5_000), (100, 1_000), (200, 2_000), (500, 2_500), (1_500, 5_000)];
    let with = |(k, sample)| [true, false].map(|itself| Sizes { k, sample, itself });
    sizes.into_iter().flat_map(with)
}

fn neighbours<S: Similarity + Clone + 'static>(
    sizes: Sizes,
    settings: &str,
    similarity: S,
) -> Entry {
    let Sizes { k, sample, itself } = sizes;
    let settings = format!("k={k} sample={sample} itself={itself}{settings}");
    Entry::new(settings, move |_| Neighbours::new(k, sample, itself, similarity.clone()))
}

fn cosine(sizes: Sizes) -> Entry {
    neighbours(sizes, "", Cosine)
}

fn vectors() -> Vec<Entry> {
    let mut entries = Vec::new();
    let weightings =
        [Weighting::Div, Weighting::Linear, Weighting::Quadratic, Weighting::Log, Weighting::Same];
    for sizes in sizes() {
        for weighting in weightings {
            for weighting_score in weightings {
                for idf in [0.0, 1.0, 2.0, 5.0, 10.0] {
                    let settings = format!(
                        " weighting={weighting:?} weighting_score={weighting_score:?} idf={idf}"
                    );
                    let similarity = Vector { weighting, weighting_score, idf };
                    entries.push(neighbours(sizes, &settings, similarity));
                }
            }
        }
    }
    entries
}

fn stans(ipws: &[Option<f64>], idfs: &[Option<f64>]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for sizes in sizes() {
        for spw in [0.905, 0.4525, 1.81, 3.62, 7.24] {
            for snh in [5.0, 2.5, 10.0, 20.0, 40.0] {
                for inh in [Some(1.81), Some(0.4525), Some(0.905), Some(3.62), Some(7.24), None] {
                    for &ipw in ipws {
                        for &idf in idfs {
                            let stan = Stan { spw: Some(spw), snh: Some(snh), inh, ipw, idf };
                            let settings = format!(
                                " spw={spw} snh={snh} inh={} ipw={} idf={}",
                                text(inh),
                                text(ipw),
                                text(idf)
                            );
                            entries.push(neighbours(sizes, &settings, stan));
                        }
                    }
                }
            }
        }
    }
    entries
}

fn text(lambda: Option<f64>) -> String {
    lambda.map_or("none".into(), |lambda| lambda.to_string())
}
