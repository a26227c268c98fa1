//! The shop: its categories, its products, and how popular each is.

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Zipf};
use serde_json::json;

/// A category: its name, its share of the products in percent, a usual price, and things to sell.
type Category = (&'static str, u32, f64, [&'static str; 6]);

const CATEGORIES: [Category; 10] = [
    (
        "Electronics",
        18,
        120.0,
        ["headphones", "charger", "speaker", "keyboard", "monitor", "camera"],
    ),
    ("Clothing", 17, 35.0, ["jacket", "jeans", "shirt", "sneakers", "dress", "socks"]),
    ("Home", 13, 60.0, ["lamp", "pillow", "rug", "curtain", "mirror", "shelf"]),
    ("Kitchen", 11, 40.0, ["kettle", "pan", "knife", "blender", "mug", "toaster"]),
    ("Books", 11, 14.0, ["novel", "cookbook", "atlas", "biography", "thriller", "comic"]),
    ("Sports", 8, 45.0, ["ball", "tent", "bottle", "racket", "mat", "helmet"]),
    ("Beauty", 8, 18.0, ["cream", "perfume", "shampoo", "lipstick", "soap", "brush"]),
    ("Toys", 6, 22.0, ["puzzle", "blocks", "doll", "kite", "robot", "cards"]),
    ("Garden", 5, 30.0, ["hose", "rake", "seeds", "planter", "gloves", "grill"]),
    ("Pets", 3, 16.0, ["leash", "basket", "treats", "scratcher", "bowl", "aquarium"]),
];

const STYLES: [&str; 8] =
    ["wireless", "vintage", "compact", "organic", "premium", "foldable", "classic", "recycled"];

const BRANDS: [&str; 10] =
    ["Alba", "Birk", "Corvo", "Dalia", "Estra", "Fenno", "Gala", "Halden", "Ilma", "Juno"];

/// The exponent of a product's popularity by its rank.
const INEQUALITY: f64 = 1.05;

/// A product.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its id: `product17`.
    pub id: String,
    /// Its name: `Corvo wireless headphones`.
    pub name: String,
    /// Its category: `Electronics`.
    pub category: &'static str,
    /// A thing and a style: `["headphones", "wireless"]`.
    pub tags: [&'static str; 2],
    /// Its price, in hundredths.
    pub cents: u32,
}

impl Item {
    /// The row of the catalogue: `{"id":…,"name":…,"category":…,"tags":[…],"price":…}`.
    pub fn to_json(&self) -> String {
        let price = f64::from(self.cents) / 100.0;
        let Item { id, name, category, tags, .. } = self;
        json!({"id": id, "name": name, "category": category, "tags": tags, "price": price})
            .to_string()
    }
}

/// All products, by category and popularity.
pub struct Shop {
    items: Vec<Item>,
    /// By category, its products, the most popular first.
    ranks: Vec<Vec<usize>>,
    /// By product, its rank in its category, from 0.
    rank_of: Vec<usize>,
    /// By category, the distribution of the ranks that visitors look at.
    depth: Vec<Zipf<f64>>,
}

impl Shop {
    /// A shop of `products` products, at least one.
    pub fn new(products: usize, seed: u64) -> Shop {
        let mut rng = StdRng::seed_from_u64(seed);
        let shares = CATEGORIES.map(|(_, share, _, _)| share);
        let mut items = Vec::with_capacity(products.max(1));
        let mut ranks = vec![Vec::new(); CATEGORIES.len()];
        for number in 0..products.max(1) {
            let category = pick(&mut rng, &shares);
            ranks[category].push(number);
            items.push(item(&mut rng, number, &CATEGORIES[category]));
        }
        // A product's popularity has nothing to do with its number.
        ranks.iter_mut().for_each(|ranks| ranks.shuffle(&mut rng));
        ranks.retain(|ranks| !ranks.is_empty());
        let mut rank_of = vec![0; items.len()];
        for ranks in &ranks {
            ranks.iter().enumerate().for_each(|(rank, &product)| rank_of[product] = rank);
        }
        let depth = ranks.iter().map(|ranks| zipf(ranks.len(), INEQUALITY)).collect();
        Shop { items, ranks, rank_of, depth }
    }

    /// All products.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The number of categories that have products.
    pub(super) fn categories(&self) -> usize {
        self.ranks.len()
    }

    /// Draws a product of a category; popular ones come more often.
    pub(super) fn browse(&self, category: usize, rng: &mut StdRng) -> usize {
        self.ranks[category][draw(&self.depth[category], rng)]
    }

    /// Draws one of the few products that are always shown beside a product of a category.
    pub(super) fn beside(&self, category: usize, product: usize, rng: &mut StdRng) -> usize {
        let ranks = &self.ranks[category];
        ranks[(self.rank_of[product] + rng.random_range(1..=6)) % ranks.len()]
    }
}

fn item(rng: &mut StdRng, number: usize, &(category, _, usual, ref things): &Category) -> Item {
    let thing = things.choose(rng).copied().unwrap_or(category);
    let style = STYLES.choose(rng).copied().unwrap_or("plain");
    let brand = BRANDS.choose(rng).copied().unwrap_or("");
    // Half to double the usual price, and one cent below a whole number.
    let price = usual * 2_f64.powf(rng.random_range(-1.0..1.0));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 240")]
    let cents = price.ceil() as u32 * 100 - 1;
    let (id, name) = (format!("product{}", number + 1), format!("{brand} {style} {thing}"));
    Item { id, name, category, tags: [thing, style], cents }
}

/// Draws an index, each as often as its share says.
fn pick(rng: &mut StdRng, shares: &[u32]) -> usize {
    let mut rest = rng.random_range(0..shares.iter().sum::<u32>());
    shares
        .iter()
        .position(|&share| {
            let here = rest < share;
            rest = rest.saturating_sub(share);
            here
        })
        .unwrap_or(0)
}

/// The distribution of ranks from 1 to `n`, each as often as 1/rank to the power of `s`.
pub(super) fn zipf(n: usize, s: f64) -> Zipf<f64> {
    #[allow(clippy::cast_precision_loss, reason = "no shop has 2^53 products")]
    let n = n.max(1) as f64;
    Zipf::new(n, s).expect("n is at least one and s is above zero")
}

/// Draws a rank, from 0.
pub(super) fn draw(ranks: &Zipf<f64>, rng: &mut StdRng) -> usize {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to n")]
    let rank = ranks.sample(rng) as usize;
    rank - 1
}
