//! All methods to grade: the baselines, and the engine's own ranking. Each has the settings that may
//! be tried for it.

use crate::baselines::{
    Association, Cosine, Neighbours, Popularity, Sequential, Similarity, Stan, Vector, Weighting,
};
use crate::clicks::Clicks;
use crate::recommender::Recommender;
use crate::served::Served;
use dataflows::graph::Grading;
use dataflows::score::model::Model;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// The name of the engine's own ranking.
pub const OWN: &str = "recsys";

/// Makes a recommender that has learned nothing yet, for a click set.
type Make = Box<dyn Fn(&Clicks) -> Box<dyn Recommender>>;

/// A method with one choice of settings.
pub struct Variant {
    /// The settings in the terms of session-rec; "" where there are none.
    pub settings: String,
    make: Make,
}

impl Variant {
    fn new<R: Recommender + 'static>(
        settings: String,
        make: impl Fn(&Clicks) -> R + 'static,
    ) -> Variant {
        Variant { settings, make: Box::new(move |clicks| Box::new(make(clicks))) }
    }

    /// A recommender that has learned nothing yet.
    pub fn start(&self, clicks: &Clicks) -> Box<dyn Recommender> {
        (self.make)(clicks)
    }
}

/// A method.
pub struct Method {
    /// Its name in the literature.
    pub name: &'static str,
    /// Its variants, at least one, that with the usual settings first.
    pub variants: Vec<Variant>,
}

impl Method {
    /// The variant with the usual settings and `tries` − 1 others, drawn with a fixed seed.
    pub fn drawn(&self, tries: usize) -> Vec<&Variant> {
        let (usual, others) = self.variants.split_at(1);
        let mut others: Vec<&Variant> = others.iter().collect();
        others.shuffle(&mut StdRng::seed_from_u64(1));
        others.truncate(tries.saturating_sub(1));
        usual.iter().chain(others).collect()
    }
}

/// All methods. The engine's own has no settings to try: it ranks by the given model, and learns as it is told.
pub fn methods(model: Model, grading: Grading) -> Vec<Method> {
    let one = |name, variant| Method { name, variants: vec![variant] };
    vec![
        one("popularity", Variant::new(String::new(), |_| Popularity::default())),
        one("AR", Variant::new(String::new(), |_| Association::default())),
        Method { name: "SR", variants: sequential() },
        Method { name: "S-kNN", variants: sizes().map(cosine).collect() },
        Method { name: "V-SkNN", variants: vectors() },
        Method { name: "STAN", variants: stans(&[None], &[None]) },
        Method {
            name: "VSTAN",
            variants: stans(
                &[Some(0.905), Some(1.81), Some(3.62), None],
                &[None, Some(1.0), Some(2.0), Some(5.0)],
            ),
        },
        one(
            OWN,
            Variant::new(weights(&model), move |clicks| {
                Served::new(clicks, model.clone(), grading)
            }),
        ),
    ]
}

fn weights(model: &Model) -> String {
    let [view, cart, purchase] = model.weights.0;
    format!("weights={view},{cart},{purchase}")
}

fn sequential() -> Vec<Variant> {
    let usual =
        [Weighting::Div, Weighting::Quadratic, Weighting::Linear, Weighting::Log, Weighting::Same];
    let variant = |weighting| {
        Variant::new(format!("weighting={weighting:?}"), move |_| Sequential::new(weighting))
    };
    usual.map(variant).into()
}

/// The number of neighbours, the number of candidates that they are chosen from, and whether a visit
/// may be its own neighbour. The last matters only where learning goes on.
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
) -> Variant {
    let Sizes { k, sample, itself } = sizes;
    let settings = format!("k={k} sample={sample} itself={itself}{settings}");
    Variant::new(settings, move |_| Neighbours::new(k, sample, itself, similarity.clone()))
}

fn cosine(sizes: Sizes) -> Variant {
    neighbours(sizes, "", Cosine)
}

fn vectors() -> Vec<Variant> {
    let mut variants = Vec::new();
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
                    variants.push(neighbours(sizes, &settings, similarity));
                }
            }
        }
    }
    variants
}

fn stans(ipws: &[Option<f64>], idfs: &[Option<f64>]) -> Vec<Variant> {
    let mut variants = Vec::new();
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
                            variants.push(neighbours(sizes, &settings, stan));
                        }
                    }
                }
            }
        }
    }
    variants
}

fn text(lambda: Option<f64>) -> String {
    lambda.map_or("none".into(), |lambda| lambda.to_string())
}
