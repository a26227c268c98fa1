//! The rules of merchandising as JSON: a list of objects, each with an action and the products that it is for.

use super::{RULES, Setting};
use dataflows::record::product::PriceRange;
use dataflows::score::merchandising::{Action, Condition, Merchandising, Rule};
use dataflows::score::model::Model;
use dataflows::score::weights::Score;
use parser::{beginning, brief, decimal, is_id, milliseconds, without_byte_order_mark};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The most rules.
pub const MOST_RULES: usize = 1_000;
/// The most products that all rules name together.
pub const MOST_PRODUCTS: usize = 10_000;
/// The most bytes of all rules: they are read by every process, and are part of every checkpoint.
pub const MOST_BYTES: usize = 500_000;
/// The most bytes of a rule's id, and of a placement.
pub const MOST_NAME: usize = 64;
/// The last place that a product may be pinned to.
const LAST_PLACE: u64 = 1_000;
/// The most that a rule multiplies a score by, or divides it.
const MOST_FACTOR: f64 = 1_000.0;

/// Why a text is not rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// It is not a JSON array.
    #[error("they must be a JSON array of rules: {0}")]
    Shape(String),
    /// There are too many bytes, rules, or products.
    #[error("they must have at most {most} {what}, not {found}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most that there may be.
        most: usize,
        /// What there is.
        found: usize,
    },
    /// One of them is no rule.
    #[error("rule {index}{}: {reason}", named(.id))]
    Rule {
        /// Its index, from 0.
        index: usize,
        /// Its id, if it has one that can be read.
        id: Option<String>,
        /// The reason why not.
        reason: String,
    },
}

/// A rule as it is written. Ids may be numbers, as elsewhere.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleJson {
    id: Option<Value>,
    action: Option<Value>,
    place: Option<Value>,
    factor: Option<Value>,
    product: Option<Value>,
    products: Option<Value>,
    tag: Option<Value>,
    category: Option<Value>,
    price_min: Option<Value>,
    price_max: Option<Value>,
    placement: Option<Value>,
    from: Option<Value>,
    until: Option<Value>,
}

impl Setting for Merchandising {
    const PATH: &'static str = RULES;
    const NAME: &'static str = "rules";
    type Error = RulesError;

    fn parse(text: &[u8]) -> Result<Merchandising, RulesError> {
        let text = without_byte_order_mark(text);
        at_most("bytes", MOST_BYTES, text.len())?;
        let typed: Vec<&RawValue> =
            serde_json::from_slice(text).map_err(|error| RulesError::Shape(brief(&error)))?;
        at_most("rules", MOST_RULES, typed.len())?;
        let mut rules = Vec::with_capacity(typed.len());
        let mut indices: HashMap<String, usize> = HashMap::new();
        for (index, raw) in typed.into_iter().enumerate() {
            let rule = rule(index, raw.get())?;
            if let Some(before) = indices.insert(rule.id.clone(), index) {
                let reason = format!("its id is that of rule {before}");
                return Err(RulesError::Rule { index, id: Some(rule.id), reason });
            }
            rules.push(rule);
        }
        let products = rules.iter().map(|rule| rule.condition.products.len()).sum();
        at_most("products", MOST_PRODUCTS, products)?;
        Ok(Merchandising::new(rules))
    }

    fn to_json(&self) -> String {
        Value::Array(self.rules().iter().map(json_of).collect()).to_string()
    }

    fn of(model: &Model) -> Merchandising {
        model.rules.clone()
    }
}

fn named(id: &Option<String>) -> String {
    id.as_ref().map_or_else(String::new, |id| format!(" ({:?})", beginning(id)))
}

fn at_most(what: &'static str, most: usize, found: usize) -> Result<(), RulesError> {
    if found <= most { Ok(()) } else { Err(RulesError::TooMany { what, most, found }) }
}

/// Reads the rule at an index. One without an id has its index as one.
fn rule(index: usize, text: &str) -> Result<Rule, RulesError> {
    let refused = |id, reason| RulesError::Rule { index, id, reason };
    let typed = object(text).map_err(|reason| refused(None, reason))?;
    let id = short("id", typed.id.as_ref(), 1).map_err(|reason| refused(None, reason))?;
    let name = id.clone().unwrap_or_else(|| index.to_string());
    rule_of(name, &typed).map_err(|reason| refused(id, reason))
}

fn object(text: &str) -> Result<RuleJson, String> {
    // Serde would accept an array as well, with the fields in order.
    if !text.starts_with('{') {
        return Err("it must be an object".into());
    }
    serde_json::from_str(text).map_err(|error| brief(&error))
}

fn rule_of(id: String, typed: &RuleJson) -> Result<Rule, String> {
    let (from, until) = (time("from", typed.from.as_ref())?, time("until", typed.until.as_ref())?);
    if until.is_some_and(|until| from.is_some_and(|from| until <= from)) {
        return Err("until must be later than from".into());
    }
    Ok(Rule {
        id,
        action: action(typed)?,
        condition: condition(typed)?,
        placement: short("placement", typed.placement.as_ref(), 0)?,
        from,
        until,
    })
}

fn action(typed: &RuleJson) -> Result<Action, String> {
    let Some(given) = &typed.action else {
        return Err("action is missing: it must be pin, boost, bury or hide".into());
    };
    let action = match given.as_str() {
        Some("pin") => Action::Pin(place(typed.place.as_ref())?),
        Some("boost") => Action::Boost(factor(
            typed.factor.as_ref(),
            |it| 1.0 < it && it <= MOST_FACTOR,
            "above 1, up to 1000",
        )?),
        Some("bury") => Action::Bury(factor(
            typed.factor.as_ref(),
            |it| (1.0 / MOST_FACTOR..1.0).contains(&it),
            "from 0.001, below 1",
        )?),
        Some("hide") => Action::Hide,
        _ => return Err(not("action", "pin, boost, bury or hide", given)),
    };
    match action {
        Action::Boost(_) | Action::Bury(_) | Action::Hide if typed.place.is_some() => {
            Err("place is for a pin alone".into())
        }
        Action::Pin(_) | Action::Hide if typed.factor.is_some() => {
            Err("factor is for a boost or a bury alone".into())
        }
        action => Ok(action),
    }
}

fn place(given: Option<&Value>) -> Result<usize, String> {
    let Some(given) = given else {
        return Err(format!("place is missing: a pin has one from 1 to {LAST_PLACE}"));
    };
    let place = given.as_u64().filter(|place| (1..=LAST_PLACE).contains(place));
    let place = place.and_then(|place| usize::try_from(place).ok());
    place.ok_or_else(|| not("place", &format!("a whole number from 1 to {LAST_PLACE}"), given))
}

fn factor(
    given: Option<&Value>,
    is_within: impl Fn(f64) -> bool,
    range: &str,
) -> Result<f64, String> {
    let Some(given) = given else {
        return Err(format!("factor is missing: it must be a number {range}"));
    };
    let factor = given.as_f64().filter(|&factor| is_within(factor));
    factor.ok_or_else(|| not("factor", &format!("a number {range}"), given))
}

fn condition(typed: &RuleJson) -> Result<Condition, String> {
    let condition = Condition {
        products: products(typed)?,
        tag: id("tag", typed.tag.as_ref())?,
        category: id("category", typed.category.as_ref())?,
        price: PriceRange {
            least: price("price_min", typed.price_min.as_ref())?,
            most: price("price_max", typed.price_max.as_ref())?,
        },
    };
    let PriceRange { least, most } = condition.price;
    if most.is_some_and(|most| least.is_some_and(|least| most < least)) {
        return Err("price_max must not be below price_min".into());
    }
    if condition == Condition::default() {
        let conditions = "product, products, tag, category, price_min or price_max";
        return Err(format!("it is for no products: give {conditions}"));
    }
    Ok(condition)
}

fn products(typed: &RuleJson) -> Result<Vec<String>, String> {
    let one = id("product", typed.product.as_ref())?;
    let Some(given) = &typed.products else { return Ok(one.into_iter().collect()) };
    if one.is_some() {
        return Err("product and products are two ways to say one thing: give one of them".into());
    }
    let list = given.as_array().filter(|list| !list.is_empty());
    let Some(list) = list else { return Err(not("products", "a list of ids", given)) };
    let named = |(place, it): (usize, &Value)| id(&format!("products[{place}]"), Some(it));
    list.iter().enumerate().filter_map(|it| named(it).transpose()).collect()
}

/// Reads a text such as events may have.
fn id(name: &str, given: Option<&Value>) -> Result<Option<String>, String> {
    let Some(given) = given else { return Ok(None) };
    let text = text(given).filter(|text| is_id(text));
    text.map(Some).ok_or_else(|| not(name, "a text of 1 to 512 bytes or a number", given))
}

/// Reads a text of at most [`MOST_NAME`] bytes.
fn short(name: &str, given: Option<&Value>, least: usize) -> Result<Option<String>, String> {
    let Some(given) = given else { return Ok(None) };
    let text = text(given).filter(|text| (least..=MOST_NAME).contains(&text.len()));
    text.map(Some)
        .ok_or_else(|| not(name, &format!("a text of {least} to {MOST_NAME} bytes"), given))
}

/// Returns a value as a text; a number is its decimal text, as events have it.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_f64() => {
            number.as_f64().and_then(decimal).map(|number| number.to_string())
        }
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn price(name: &str, given: Option<&Value>) -> Result<Option<i64>, String> {
    let Some(given) = given else { return Ok(None) };
    let price = given.as_f64().filter(|price| 0.0 <= *price).and_then(Score::from_f64);
    price.map(|Score(price)| Some(price)).ok_or_else(|| not(name, "a number of at least 0", given))
}

fn time(name: &str, given: Option<&Value>) -> Result<Option<i64>, String> {
    let Some(given) = given else { return Ok(None) };
    let time = text(given).and_then(|text| milliseconds(&text).ok());
    time.map(Some).ok_or_else(|| not(name, "an ISO 8601 time since 2000", given))
}

fn not(name: &str, expected: &str, given: &Value) -> String {
    format!("{name} must be {expected}, which {} is not", beginning(&given.to_string()))
}

/// A rule with all that is given of it.
fn json_of(rule: &Rule) -> Value {
    let mut fields = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        fields.extend(value.map(|value| (name.to_owned(), value)));
    };
    let Rule { id, action, condition, placement, from, until } = rule;
    let Condition { products, tag, category, price: PriceRange { least, most } } = condition;
    add("id", Some(json!(id)));
    add("action", Some(json!(action.kind().name())));
    match action {
        Action::Pin(place) => add("place", Some(json!(place))),
        Action::Boost(factor) | Action::Bury(factor) => add("factor", Some(json!(factor))),
        Action::Hide => {}
    }
    match &products[..] {
        [] => {}
        [product] => add("product", Some(json!(product))),
        products => add("products", Some(json!(products))),
    }
    add("tag", tag.as_ref().map(|tag| json!(tag)));
    add("category", category.as_ref().map(|category| json!(category)));
    add("price_min", least.map(|price| json!(Score(price).to_f64())));
    add("price_max", most.map(|price| json!(Score(price).to_f64())));
    add("placement", placement.as_ref().map(|placement| json!(placement)));
    add("from", from.map(json_of_time));
    add("until", until.map(json_of_time));
    Value::Object(fields)
}

fn json_of_time(milliseconds: i64) -> Value {
    match jiff::Timestamp::from_millisecond(milliseconds) {
        Ok(time) => json!(time.to_string()),
        Err(_) => json!(milliseconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Merchandising, String> {
        Merchandising::parse(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn rules_are_read_and_written() {
        let any = Condition::default();
        let of = |action, condition| {
            let (placement, from, until) = (None, None, None);
            Rule { id: "0".into(), action, condition, placement, from, until }
        };
        let products = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let price = |least, most| PriceRange { least, most };
        for (text, expected) in [
            (
                r#"{"id":"summer","action":"pin","place":1,"product":"p1"}"#,
                Rule {
                    id: "summer".into(),
                    ..of(Action::Pin(1), Condition { products: products(&["p1"]), ..any.clone() })
                },
            ),
            (
                r#"{"action":"pin","place":1000,"products":["p1",7,7.0]}"#,
                of(
                    Action::Pin(1000),
                    Condition { products: products(&["p1", "7", "7"]), ..any.clone() },
                ),
            ),
            (
                r#"{"action":"boost","factor":2.0,"tag":"shoes","placement":"home","from":"2026-12-01T00:00:00Z","until":"2026-12-24T01:00:00+01:00"}"#,
                Rule {
                    placement: Some("home".into()),
                    from: Some(1_796_083_200_000),
                    until: Some(1_798_070_400_000),
                    ..of(Action::Boost(2.0), Condition { tag: Some("shoes".into()), ..any.clone() })
                },
            ),
            (
                r#"{"action":"bury","factor":0.001,"category":"Home","price_min":0,"price_max":19.99,"placement":""}"#,
                Rule {
                    placement: Some(String::new()),
                    ..of(
                        Action::Bury(0.001),
                        Condition {
                            category: Some("Home".into()),
                            price: price(Some(0), Some(19_990_000)),
                            ..any.clone()
                        },
                    )
                },
            ),
            (
                r#" {"id":null,"action":"hide","price_min":0.1,"tag":null,"place":null,"from":1796083200} "#,
                Rule {
                    from: Some(1_796_083_200_000),
                    ..of(
                        Action::Hide,
                        Condition { price: price(Some(100_000), None), ..any.clone() },
                    )
                },
            ),
        ] {
            let rules = parse(&format!("[{text}]"));
            assert_eq!(rules, Ok(Merchandising::new(vec![expected])), "{text}");
            let json = rules.unwrap().to_json();
            assert_eq!(parse(&json), parse(&format!("[{text}]")), "{json}");
        }
        assert_eq!(parse("\u{feff} [ ]"), Ok(Merchandising::default()));
        assert_eq!(Merchandising::default().to_json(), "[]");
        let two = r#"[{"action":"hide","tag":"a"},{"action":"hide","tag":"b"}]"#;
        let json = r#"[{"action":"hide","id":"0","tag":"a"},{"action":"hide","id":"1","tag":"b"}]"#;
        let written: Value = serde_json::from_str(&parse(two).unwrap().to_json()).unwrap();
        assert_eq!(written, serde_json::from_str::<Value>(json).unwrap());
    }

    #[test]
    fn a_bad_rule_is_told_by_its_index_its_id_and_the_reason() {
        let long = "x".repeat(65);
        for (rule, reason) in [
            ("7", "it must be an object"),
            (r#"["r","hide"]"#, "it must be an object"),
            ("{}", "action is missing: it must be pin, boost, bury or hide"),
            (
                r#"{"action":"raise","tag":"a"}"#,
                r#"action must be pin, boost, bury or hide, which "raise" is not"#,
            ),
            (
                r#"{"action":1,"tag":"a"}"#,
                "action must be pin, boost, bury or hide, which 1 is not",
            ),
            (
                r#"{"action":"hide"}"#,
                "it is for no products: give product, products, tag, category, price_min or price_max",
            ),
            (r#"{"action":"hide","placement":"home"}"#, "it is for no products"),
            (r#"{"action":"hide","tags":"a"}"#, "unknown field `tags`"),
            (r#"{"action":"hide","action":"pin"}"#, "duplicate field `action`"),
            (
                r#"{"action":"hide","tag":""}"#,
                r#"tag must be a text of 1 to 512 bytes or a number, which "" is not"#,
            ),
            (r#"{"action":"hide","tag":["a"]}"#, "tag must be a text of 1 to 512 bytes"),
            (r#"{"action":"hide","category":true}"#, "category must be a text"),
            (r#"{"action":"hide","product":""}"#, "product must be a text"),
            (
                r#"{"action":"hide","products":[]}"#,
                "products must be a list of ids, which [] is not",
            ),
            (r#"{"action":"hide","products":"a"}"#, "products must be a list of ids"),
            (r#"{"action":"hide","products":["a",""]}"#, "products[1] must be a text"),
            (
                r#"{"action":"hide","product":"a","products":["b"]}"#,
                "product and products are two ways",
            ),
            (
                r#"{"action":"hide","price_min":-1}"#,
                "price_min must be a number of at least 0, which -1 is not",
            ),
            (r#"{"action":"hide","price_max":"9"}"#, "price_max must be a number of at least 0"),
            (r#"{"action":"hide","price_max":1e300}"#, "price_max must be a number of at least 0"),
            (
                r#"{"action":"hide","price_min":2,"price_max":1}"#,
                "price_max must not be below price_min",
            ),
            (r#"{"action":"hide","tag":"a","place":1}"#, "place is for a pin alone"),
            (r#"{"action":"boost","factor":2,"tag":"a","place":1}"#, "place is for a pin alone"),
            (r#"{"action":"hide","tag":"a","factor":2}"#, "factor is for a boost or a bury alone"),
            (
                r#"{"action":"pin","place":1,"tag":"a","factor":2}"#,
                "factor is for a boost or a bury alone",
            ),
            (r#"{"action":"pin","tag":"a"}"#, "place is missing: a pin has one from 1 to 1000"),
            (
                r#"{"action":"pin","place":0,"tag":"a"}"#,
                "place must be a whole number from 1 to 1000, which 0 is not",
            ),
            (r#"{"action":"pin","place":1001,"tag":"a"}"#, "place must be a whole number"),
            (r#"{"action":"pin","place":1.5,"tag":"a"}"#, "place must be a whole number"),
            (
                r#"{"action":"boost","tag":"a"}"#,
                "factor is missing: it must be a number above 1, up to 1000",
            ),
            (
                r#"{"action":"boost","factor":1,"tag":"a"}"#,
                "factor must be a number above 1, up to 1000, which 1 is not",
            ),
            (r#"{"action":"boost","factor":1000.5,"tag":"a"}"#, "factor must be a number above 1"),
            (r#"{"action":"boost","factor":"2","tag":"a"}"#, "factor must be a number above 1"),
            (
                r#"{"action":"bury","factor":1,"tag":"a"}"#,
                "factor must be a number from 0.001, below 1, which 1 is not",
            ),
            (r#"{"action":"bury","factor":0,"tag":"a"}"#, "factor must be a number from 0.001"),
            (
                r#"{"action":"hide","tag":"a","from":"soon"}"#,
                r#"from must be an ISO 8601 time since 2000, which "soon" is not"#,
            ),
            (
                r#"{"action":"hide","tag":"a","until":"1999-01-01"}"#,
                "until must be an ISO 8601 time",
            ),
            (
                r#"{"action":"hide","tag":"a","from":"2026-01-01","until":"2026-01-01"}"#,
                "until must be later than from",
            ),
            (
                r#"{"action":"hide","tag":"a","id":""}"#,
                r#"id must be a text of 1 to 64 bytes, which "" is not"#,
            ),
            (
                &*format!(r#"{{"action":"hide","tag":"a","id":"{long}"}}"#),
                "id must be a text of 1 to 64 bytes",
            ),
            (
                &*format!(r#"{{"action":"hide","tag":"a","placement":"{long}"}}"#),
                "placement must be a text of 0 to 64 bytes",
            ),
        ] {
            let good = r#"{"id":"first","action":"hide","tag":"a"}"#;
            let told = parse(&format!("[{good},{rule}]")).unwrap_err();
            assert!(told.starts_with(&format!("rule 1: {reason}")), "{rule}: {told}");
        }
        let with_id = r#"[{"id":"sale","action":"hide"}]"#;
        assert!(
            parse(with_id).unwrap_err().starts_with("rule 0 (\"sale\"): it is for no products")
        );
        for ids in [["same", "same"], ["1", ""]] {
            let [one, other] = ids.map(|id| match id {
                "" => String::new(),
                id => format!(r#""id":"{id}","#),
            });
            let rules = format!(
                r#"[{{{one}"action":"hide","tag":"a"}},{{{other}"action":"hide","tag":"b"}}]"#
            );
            assert_eq!(
                parse(&rules),
                Err(format!("rule 1 ({:?}): its id is that of rule 0", ids[0]))
            );
        }
    }

    #[test]
    fn what_is_no_list_and_what_is_too_much_is_refused() {
        for text in ["", "{}", "null", "[", "[1,]", "[] x"] {
            let told = parse(text).unwrap_err();
            assert!(told.starts_with("they must be a JSON array of rules: "), "{text}: {told}");
        }
        let hide = |count: usize| vec![r#"{"action":"hide","tag":"a"}"#; count].join(",");
        assert_eq!(
            parse(&format!("[{}]", hide(MOST_RULES))).map(|it| it.rules().len()),
            Ok(MOST_RULES)
        );
        let told = parse(&format!("[{}]", hide(MOST_RULES + 1)));
        assert_eq!(told, Err("they must have at most 1000 rules, not 1001".into()));
        let pin = |count: usize| {
            let products = vec!["1"; count].join(",");
            parse(&format!(r#"[{{"action":"pin","place":1,"products":[{products}]}}]"#))
        };
        assert!(pin(MOST_PRODUCTS).is_ok());
        let told = pin(MOST_PRODUCTS + 1);
        assert_eq!(told, Err("they must have at most 10000 products, not 10001".into()));
        assert!(parse(&format!("[{}]", " ".repeat(MOST_BYTES - 2))).is_ok());
        let told = parse(&format!("[{}]", " ".repeat(MOST_BYTES - 1)));
        assert_eq!(told, Err("they must have at most 500000 bytes, not 500001".into()));
    }
}
