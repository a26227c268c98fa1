//! `recsys evaluate`: grades the recommendations on a public click set, beside the baselines.

use super::failure::Usage;
use super::output::say;
use crate::settings::Setting;
use crate::settings::blend::BlendError;
use anyhow::Context;
use clap::Args;
use dataflows::graph::Grading;
use dataflows::score::learner::table;
use dataflows::score::mixture::{GATES, SOURCES, SourceWeights};
use dataflows::score::model::{Blend, Model};
use dataflows::score::model_history::Learning;
use dataflows::score::start::START;
use dataflows::score::weights::{Score, Weights};
use indicatif::{ProgressBar, ProgressStyle};
use offline::clicks::Clicks;
use offline::methods::{Method, OWN, Variant, methods};
use offline::metrics::{Lead, Quality, RankMetrics};
use offline::protocol::{self, Protocol, Split};
use offline::read::{Format, Tally};
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  recsys evaluate --format rees46 2019-Oct.csv             both protocols, all methods
  recsys evaluate --format taobao --tune 60 UserBehavior.csv
  recsys evaluate --format yoochoose --protocol static --json yoochoose-clicks.dat

Metrics are shares: HR@n of the clicks whose product was among the first n, MRR and NDCG also by its
place. A visit's own products stay in the list (`all`), or the current one is taken out (`other`), or
all of them are, and only clicks on others count (`new`).")]
pub(super) struct EvaluateArgs {
    /// How the files are written
    #[arg(long)]
    format: Format,
    /// How to ask; both when none is named
    #[arg(long)]
    protocol: Option<Protocol>,
    /// The first part of the clicks, by time, which is learned before any is asked about
    #[arg(long, default_value_t = 0.8, value_name = "SHARE")]
    train: f64,
    /// How many settings of each baseline to try, on the last fourth of the first part; without it,
    /// the usual settings
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    tune: u16,
    /// Which methods; all when none is named
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    methods: Vec<String>,
    /// What a view, a cart and a purchase are worth to the ranking
    #[arg(long, default_value = "1,3,5", value_name = "VIEW,CART,PURCHASE", value_parser = weights)]
    weights: Weights,
    /// How the ranking mixes its parts, as in the settings; what is not named is as usual
    #[arg(long, default_value = "{}", value_name = "JSON", value_parser = blend)]
    blend: Blend,
    /// The share of the visitors whose clicks the ranking grades itself by, and learns its weights from; 0 for the
    /// weights of the start alone
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", value_parser = share)]
    learn: f64,
    /// The weights that the ranking starts with, as JSON: a list for each gate; without it, those of a new shop
    #[arg(long, value_name = "FILE")]
    start: Option<PathBuf>,
    /// Where to write the weights that were learned, likewise
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The click set
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// The share of the first part that is learned while settings are tried on its rest.
const TUNED: f64 = 0.75;

/// The most visits that settings are tried on.
const TRIED_VISITS: usize = 3_000;

/// A method's result.
#[derive(Serialize)]
struct Outcome {
    protocol: Protocol,
    method: &'static str,
    settings: String,
    #[serde(flatten)]
    quality: Quality,
    /// How far the engine's own ranking is ahead of it, if that is among the methods: in HR@20 and MRR@20, of the lists as
    /// they are, without the current product, and of what is new.
    #[serde(rename = "recsysAhead", skip_serializing_if = "Option::is_none")]
    ahead: Option<[[Lead; 2]; 3]>,
}

pub(super) fn run(args: &EvaluateArgs) -> anyhow::Result<()> {
    if !(args.train > 0.0 && args.train < 1.0) {
        return Err(Usage(format!("--train {}: must be between 0 and 1", args.train)).into());
    }
    let methods = chosen(args)?;
    let (clicks, tally) = Clicks::read(&args.files, args.format)?;
    let split = Split::at(&clicks.clicks, 0..clicks.clicks.len(), args.train);
    if !args.json {
        tell(&clicks, &tally, &split)?;
    }
    let protocols =
        args.protocol.map_or(vec![Protocol::Static, Protocol::Prequential], |one| vec![one]);
    let mut outcomes = Vec::new();
    for protocol in protocols {
        if !args.json {
            say(&header(protocol))?;
        }
        for method in &methods {
            let outcome = outcome(args, &clicks, &split, protocol, method)?;
            if !args.json {
                say(&line(&outcome))?;
            }
            outcomes.push(outcome);
        }
    }
    compare(&mut outcomes);
    if args.json {
        say(&serde_json::to_string_pretty(&outcomes)?)?;
    }
    Ok(())
}

fn weights(text: &str) -> Result<Weights, String> {
    let scores = text.split(',').map(|part| part.trim().parse().ok().and_then(Score::from_f64));
    let scores: Option<Vec<Score>> = scores.collect();
    let three = scores.and_then(|scores| scores.try_into().ok());
    three.map(Weights).ok_or("must be three numbers, as 1,3,5".into())
}

fn blend(text: &str) -> Result<Blend, String> {
    Setting::parse(text.as_bytes()).map_err(|error: BlendError| error.to_string())
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or("must be a number from 0 to 1".into())
}

/// Sets how far the engine's own ranking is ahead of each other method, by the same protocol.
fn compare(outcomes: &mut [Outcome]) {
    let own = |outcome: &&Outcome| outcome.method == OWN;
    let own: Vec<_> =
        outcomes.iter().filter(own).map(|it| (it.protocol, it.quality.ranks.clone())).collect();
    for outcome in outcomes.iter_mut().filter(|outcome| outcome.method != OWN) {
        let own = own.iter().find(|(protocol, _)| *protocol == outcome.protocol);
        outcome.ahead = own.map(|(_, ranks)| {
            std::array::from_fn(|way| ranks[way].ahead_of(&outcome.quality.ranks[way]))
        });
    }
}

/// Reads the weights that the ranking starts with.
fn start(path: &Path) -> anyhow::Result<&'static SourceWeights> {
    let text = std::fs::read(path).with_context(|| path.display().to_string())?;
    let weights = serde_json::from_slice(&text).ok().and_then(table);
    let weights = weights.ok_or_else(|| {
        let shape = format!("{GATES} lists of {SOURCES} numbers each");
        Usage(format!("--start {}: must be JSON, {shape}", path.display()))
    })?;
    // It is there as long as those in the binary are.
    Ok(Box::leak(Box::new(weights)))
}

fn chosen(args: &EvaluateArgs) -> anyhow::Result<Vec<Method>> {
    let start = args.start.as_deref().map_or(Ok(&START), start)?;
    let grading = Grading { share: args.learn, per_second: None, learning: Learning::On, start };
    let model = Model { weights: args.weights, blend: args.blend, ..Model::default() };
    let all = methods(model, grading);
    let names: Vec<&str> = all.iter().map(|method| method.name).collect();
    for name in &args.methods {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return Err(Usage(format!("--methods {name}: there are {}", names.join(", "))).into());
        }
    }
    let is_chosen = |method: &Method| {
        args.methods.is_empty()
            || args.methods.iter().any(|name| method.name.eq_ignore_ascii_case(name))
    };
    Ok(all.into_iter().filter(is_chosen).collect())
}

/// Tries settings of a method, where asked to, and grades the best ones on the last part.
fn outcome(
    args: &EvaluateArgs,
    clicks: &Clicks,
    split: &Split,
    protocol: Protocol,
    method: &Method,
) -> anyhow::Result<Outcome> {
    let variants = method.drawn(args.tune.into());
    let inner = Split::at(&clicks.clicks, split.learned.clone(), TUNED);
    let inner = inner.at_most(&clicks.clicks, TRIED_VISITS);
    let tuning = if variants.len() > 1 { variants.len() * inner.asked.end } else { 0 };
    let bar = bar(method.name, tuning + clicks.clicks.len());
    let quality = |variant: &Variant, split: &Split| {
        let mut recommender = variant.start(clicks);
        let quality =
            protocol::run(clicks, split, protocol, recommender.as_mut(), &mut || bar.inc(1));
        (quality, recommender)
    };
    let mut best = (variants[0], f64::MIN);
    if variants.len() > 1 {
        for variant in variants {
            let RankMetrics { hr20, mrr20, .. } = quality(variant, &inner).0.all;
            if hr20 + mrr20 > best.1 {
                best = (variant, hr20 + mrr20);
            }
        }
    }
    let (quality, mut recommender) = quality(best.0, split);
    bar.finish_and_clear();
    if let (Some(path), Some(learned)) = (&args.save, recommender.learned()) {
        std::fs::write(path, serde_json::to_string(&learned)?)
            .with_context(|| path.display().to_string())?;
    }
    let settings = best.0.settings.clone();
    Ok(Outcome { protocol, method: method.name, settings, quality, ahead: None })
}

fn tell(clicks: &Clicks, tally: &Tally, split: &Split) -> anyhow::Result<()> {
    say(&format!(
        "{} clicks in {} visits of {} users on {} products; {} are learned, {} asked about",
        clicks.clicks.len(),
        clicks.visits,
        clicks.users.len(),
        clicks.products.len(),
        split.learned.len(),
        split.asked.len(),
    ))?;
    tally.complaint().map_or(Ok(()), |told| say(&told))
}

fn header(protocol: Protocol) -> String {
    let (name, asked) = match protocol {
        Protocol::Static => ("static", "clicks on products that were not learned are left out"),
        Protocol::Prequential => ("prequential", "products never seen before count as missed"),
    };
    let columns =
        ["HR@10", "HR@20", "MRR@10", "MRR@20", "NDCG@20"].map(|name| format!("{name:>8}"));
    let groups = ["asked", "other: HR@20", "MRR@20", "new: HR@20", "MRR@20", "coverage"];
    let groups = groups.map(|name| format!("{name:>13}")).concat();
    format!("\n{name}: {asked}\n{:<11}{}{groups}  settings", "method", columns.concat())
}

fn line(outcome: &Outcome) -> String {
    let Quality { all, without_current: other, new, coverage, .. } = &outcome.quality;
    let columns =
        [all.hr10, all.hr20, all.mrr10, all.mrr20, all.ndcg20].map(|share| format!("{share:>8.4}"));
    let groups = [other.hr20, other.mrr20, new.hr20, new.mrr20, *coverage];
    let groups = groups.map(|share| format!("{share:>13.4}")).concat();
    let (method, settings) = (outcome.method, &outcome.settings);
    format!("{method:<11}{}{:>13}{groups}  {settings}", columns.concat(), all.asked)
}

fn bar(name: &'static str, clicks: usize) -> ProgressBar {
    let template = "{prefix:>10} {bar:40} {percent} %, {eta} left";
    let style = ProgressStyle::with_template(template).expect("the template is as it should");
    ProgressBar::new(clicks as u64).with_style(style).with_prefix(name)
}
