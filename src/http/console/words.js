// What the engine's words mean, for people, and their colours.

/** Kinds of events. */
export const KINDS = {
  view: { name: 'View', past: 'looked at', colour: 'var(--view)' },
  add_to_cart: { name: 'Cart', past: 'put in the cart', colour: 'var(--cart)' },
  purchase: { name: 'Purchase', past: 'bought', colour: 'var(--buy)' },
  remove_from_cart: { name: 'Removal', past: 'took out of the cart', colour: 'var(--faint)' },
};

/** The kinds that are counted, of visitors, of products and of all. */
export const COUNTED = ['view', 'add_to_cart', 'purchase'];

export function kind(type) {
  return KINDS[type] ?? { name: String(type), past: String(type), colour: 'var(--faint)' };
}

/** Kinds of reasons, in the order of legends. `hint` says what one means. */
export const REASONS = {
  product: {
    name: 'Goes together',
    colour: 'var(--r-product)',
    hint: 'Whoever touched a product of this visit touched this one too',
  },
  related: {
    name: 'Two steps away',
    colour: 'var(--r-related)',
    hint: 'It goes with what goes with the product they look at',
  },
  seen: { name: 'In this visit', colour: 'var(--r-seen)', hint: 'They touched it in this visit, and people come back' },
  seen_before: { name: 'Seen before', colour: 'var(--r-before)', hint: 'They touched it before this visit' },
  tag: { name: 'By tag', colour: 'var(--r-tag)', hint: 'Popular within a tag of what they looked at' },
  popular: { name: 'Popular', colour: 'var(--r-popular)', hint: 'Popular in the whole shop' },
  rule: { name: 'Shop’s rule', colour: 'var(--r-rule)', hint: 'A rule of merchandising changed the score' },
  other: { name: 'Others', colour: 'var(--r-other)', hint: 'What all smaller reasons add up to' },
};

/** One reason in words. `name` tells a product's name by its id. */
export function reasonInWords(reason, name = (id) => id) {
  switch (reason.type) {
    case 'product':
      return `goes with ${name(reason.product)}`;
    case 'related':
      return `two steps from ${name(reason.product)}`;
    case 'seen':
      return 'touched in this visit';
    case 'seen_before':
      return 'touched before this visit';
    case 'tag':
      return `popular in “${reason.tag}”`;
    case 'popular':
      return 'popular in the shop';
    case 'rule':
      return `${RULE_DONE[reason.action] ?? 'changed'} by the rule “${reason.rule}”`;
    default:
      return 'smaller reasons together';
  }
}

const RULE_DONE = { pin: 'pinned', boost: 'boosted', bury: 'buried' };

/** What keeps a product out of a list. */
export function obstacleInWords(obstacle) {
  switch (obstacle.type) {
    case 'no_source':
      return 'Nothing of this visitor, nor any trend, leads to it.';
    case 'excluded':
      return 'The request leaves it out by its id.';
    case 'current':
      return 'It is what the visitor looks at right now.';
    case 'visited':
      return 'It was touched in this visit, which the request leaves out.';
    case 'bought':
      return 'The visitor has bought it.';
    case 'deleted':
      return 'It was taken out of the catalogue.';
    case 'unavailable':
      return 'The catalogue says that it is not available.';
    case 'tags':
      return 'The request filters by tags that it does not meet.';
    case 'category':
      return 'The request filters by category, and this is another.';
    case 'price':
      return 'Its price is outside of what the request allows.';
    case 'hidden':
      return `The shop hides it: ${(obstacle.rules ?? []).map((rule) => `rule “${rule}”`).join(', ')}.`;
    case 'per_tag':
      return `Enough products of ${(obstacle.tags ?? []).map((tag) => `“${tag}”`).join(', ')} are shown already.`;
    case 'skipped':
      return 'It is on an earlier page.';
    case 'outranked':
      return 'Others score higher: there are not enough places.';
    case 'unexamined':
      return 'It is behind all candidates that a list looks at.';
    default:
      return String(obstacle.type);
  }
}

/** A rule of merchandising in one sentence. */
export function ruleInWords(rule) {
  const what = conditions(rule);
  switch (rule.action) {
    case 'pin':
      return `Pin ${what} to place ${rule.place ?? 1}`;
    case 'boost':
      return `Boost ${what}, score × ${rule.factor}`;
    case 'bury':
      return `Bury ${what}, score × ${rule.factor}`;
    case 'hide':
      return `Hide ${what}`;
    default:
      return `${rule.action} ${what}`;
  }
}

function conditions(rule) {
  const parts = [];
  const products = rule.products ?? (rule.product == null ? [] : [rule.product]);
  if (products.length)
    parts.push(products.slice(0, 4).join(', ') + (products.length > 4 ? ` and ${products.length - 4} more` : ''));
  if (rule.tag != null) parts.push(`products with the tag “${rule.tag}”`);
  if (rule.category != null) parts.push(`the category ${rule.category}`);
  if (rule.price_min != null) parts.push(`from a price of ${rule.price_min}`);
  if (rule.price_max != null) parts.push(`up to a price of ${rule.price_max}`);
  const where =
    rule.placement == null ? '' : rule.placement === '' ? ' where no placement is named' : ` on “${rule.placement}”`;
  return (parts.join(', ') || 'products') + where;
}

/** Whether a rule holds now: `waiting`, `holds` or `over`. */
export function ruleState(rule, now = Date.now()) {
  if (rule.from != null && instant(rule.from) > now) return 'waiting';
  if (rule.until != null && instant(rule.until) <= now) return 'over';
  return 'holds';
}

/** A time of a rule in milliseconds: text, or a number whose size tells the unit, as in events. */
export function instant(time) {
  if (typeof time === 'number' || /^\d+$/.test(time)) {
    const number = Number(time);
    if (number < 1e11) return number * 1000;
    if (number < 1e14) return number;
    return number < 1e17 ? number / 1e3 : number / 1e6;
  }
  return Date.parse(time);
}

/** What holds memory, by the names of the status. */
export const HELD = {
  captured: 'Answers: sorted rows that reads go by',
  history: 'Every counted event',
  pairs: 'Which products go together',
  popularity: 'How popular products are',
  profile: 'What visitors care about',
  activity: 'When visitors were last active',
  bought: 'Who bought what',
  catalogue: 'Tags and availability of products',
  catalogue_rows: 'Rows of the catalogue',
  product_words: 'Words of the product search',
  product_names: 'Ids of products',
  user_names: 'Ids of visitors',
  tag_names: 'Names of tags',
  tag_sets: 'Sets of tags',
  recent_events: 'The latest events',
  event_ids: 'Ids of events, to count each once',
  best_products: 'The best products by tag',
  label_index: 'Tags by product',
  labels: 'Tags of events',
  decisions: 'Merges and forgets',
  merges: 'Merges of visitors',
  intake: 'What was read and not yet counted',
  name_hashes: 'Hashes of names',
  day_counts: 'Events by visitor and day',
  history_hours: 'Times of events by visitor',
  pair_days: 'Days of pairs',
  popularity_days: 'Days of popularity',
};

/** Names of the parts of the model. */
export const WEIGHTS = {
  view: { name: 'A view', hint: 'What looking at a product counts for' },
  add_to_cart: { name: 'Into the cart', hint: 'What putting a product in the cart counts for' },
  purchase: { name: 'A purchase', hint: 'What buying a product counts for' },
};

export const BLEND = {
  tags: { name: 'Tags', hint: 'More or less of what is popular in the tags of the visit; 1 is as learned' },
  trend: { name: 'Trends', hint: 'More or less of what is popular in the whole shop; 1 is as learned' },
  repeat: { name: 'Repeats', hint: 'More or less of what the visitor has touched already; 1 is as learned' },
  earlier: { name: 'Earlier visits', hint: 'More or less of what follows from before this visit; 1 is as learned' },
};

/** What rankings are compared in quality. */
export const STRATEGIES = {
  in_force: { name: 'In force', colour: 'var(--accent)', hint: 'What visitors are shown now' },
  start: { name: 'Before learning', colour: 'var(--r-tag)', hint: 'The weights that every shop starts with' },
  popular: { name: 'Popular', colour: 'var(--r-popular)', hint: 'The same popular products for everybody' },
  last_seen: { name: 'Last seen', colour: 'var(--r-seen)', hint: 'What the visitor touched, the newest first' },
};
