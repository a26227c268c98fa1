//! The commands that ask a running engine, or its settings.

use clap::{Args, Subcommand, value_parser};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  recsys status
  recsys status --watch
  recsys status --json | jq .digests")]
pub(in crate::cli) struct StatusArgs {
    /// All of it, as JSON, with a digest of each view
    #[arg(long, conflicts_with = "watch")]
    pub(in crate::cli) json: bool,
    /// Show it again each second, with what happens in it, until it is interrupted
    #[arg(long)]
    pub(in crate::cli) watch: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  recsys user user1")]
pub(in crate::cli) struct UserArgs {
    /// The user, or the session of a guest, as in events
    #[arg(value_name = "USER")]
    pub(in crate::cli) user: String,
    /// The answer of the engine, as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  recsys recommend user1 -n 5 --placement cart")]
pub(in crate::cli) struct RecommendArgs {
    /// The user, or the session of a guest, as in events
    #[arg(value_name = "USER")]
    pub(in crate::cli) user: String,
    /// How many products
    #[arg(short, default_value_t = 10, value_parser = value_parser!(u16).range(1..=1000))]
    pub(in crate::cli) n: u16,
    /// Where they would be shown, by the shop's name for it
    #[arg(long)]
    pub(in crate::cli) placement: Option<String>,
    /// The answer of the engine, as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  recsys why user1 product7")]
pub(in crate::cli) struct WhyArgs {
    /// The user, or the session of a guest, as in events
    #[arg(value_name = "USER")]
    pub(in crate::cli) user: String,
    /// The product
    #[arg(value_name = "PRODUCT")]
    pub(in crate::cli) product: String,
    /// The answer of the engine, as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  recsys tail
  recsys tail --user user1
  recsys tail --json | jq .product")]
pub(in crate::cli) struct TailArgs {
    /// Only those of this user
    #[arg(long, value_name = "USER")]
    pub(in crate::cli) user: Option<String>,
    /// End after so many
    #[arg(short, value_name = "EVENTS")]
    pub(in crate::cli) n: Option<u64>,
    /// A line of JSON each
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  recsys weights
  recsys weights set view=1 purchase=8")]
pub(in crate::cli) struct WeightsArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: Option<WeightsAction>,
    /// As JSON
    #[arg(long, global = true)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum WeightsAction {
    /// Change those that are named; the others stay
    Set {
        /// Such as view=1, add_to_cart=3 or purchase=5
        #[arg(required = true, value_name = "KIND=WEIGHT")]
        weights: Vec<String>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  recsys rules
  recsys rules --json > rules.json; recsys config set recommendation/rules < rules.json")]
pub(in crate::cli) struct RulesArgs {
    /// As JSON, as they are set
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
