// The shop's rules: how they are read, and how they are written so that nobody's change is lost.

import { getSetting, putSetting } from './api.js';
import { toast, toastProblem } from './ui.js';
import { store } from './store.js';

/** Grows with each change that is made here, so that all who show rules ask anew. */
export const rulesChanged = store(0);

export async function readRules(signal) {
  const { data, etag, stored } = await getSetting('rules', signal);
  return { rules: data, etag, stored };
}

/**
 * Writes what `change` makes of the rules as they are now. If somebody else wrote in between, it is done once more
 * upon theirs: a change names its rule, and does not depend on the others.
 */
export async function changeRules(change, done) {
  try {
    for (let attempt = 0; ; attempt += 1) {
      const { rules, etag } = await readRules();
      try {
        await putSetting('rules', change(rules), etag);
        break;
      } catch (error) {
        if (error.status !== 412 || attempt === 2) throw error;
      }
    }
    toast(done, { kind: 'good' });
    return true;
  } catch (error) {
    toastProblem(error);
    return false;
  } finally {
    rulesChanged.set((before) => before + 1);
  }
}

/** A name that no rule has. A rule without one is called by its index, which changes when others are removed. */
export function freeName(wanted, rules) {
  const taken = new Set(rules.map(nameOfRule));
  const base = wanted.replace(/[^\w-]+/g, '-').slice(0, 40) || 'rule';
  let name = base;
  for (let number = 2; taken.has(name); number += 1) name = `${base}-${number}`;
  return name;
}

export function nameOfRule(rule, index) {
  return String(rule.id ?? index);
}

/** Whether a rule names this product itself. */
export function names(rule, id) {
  return String(rule.product ?? '') === id || (rule.products ?? []).map(String).includes(id);
}

/** Whether a rule is for products such as this one, by all its conditions. */
export function meets(rule, product) {
  const listed = rule.products ?? (rule.product == null ? null : [rule.product]);
  return (
    (!listed || listed.map(String).includes(product.id)) &&
    (rule.tag == null || product.tags.includes(String(rule.tag))) &&
    (rule.category == null || String(rule.category) === product.category) &&
    (rule.price_min == null || (product.price != null && product.price >= rule.price_min)) &&
    (rule.price_max == null || (product.price != null && product.price <= rule.price_max))
  );
}
