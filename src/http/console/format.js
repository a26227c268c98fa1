// Numbers, times and sizes, as people read them.

const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const ordinals = new Intl.PluralRules('en-GB', { type: 'ordinal' });
const moment = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

/** A whole number with every digit. */
export function exact(value) {
  return value == null ? '–' : whole.format(value);
}

/** `1234` is 1,234, `12345678` 12.3M. */
export function count(value) {
  if (value == null || Number.isNaN(value)) return '–';
  return Math.abs(value) < 100_000 ? whole.format(value) : compact.format(value);
}

/** A rate: one place below ten, none above. */
export function rate(value) {
  if (value == null || Number.isNaN(value)) return '–';
  return value > 0 && value < 10 && !Number.isInteger(value) ? value.toFixed(1) : count(value);
}

/** A number with so many significant digits, without the zeros at the end. */
export function digits(value, significant = 3) {
  if (value == null || Number.isNaN(value)) return '–';
  if (value !== 0 && Math.abs(value) < 0.001)
    return value
      .toExponential(1)
      .replace('e-', '·10⁻')
      .replace(/⁻(\d+)$/, raised);
  return String(Number(value.toPrecision(significant)));
}

function raised(_, power) {
  return `⁻${Array.from(power, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[digit]).join('')}`;
}

/** A share of one. */
export function percent(value, places = 0) {
  return value == null || Number.isNaN(value) ? '–' : `${(value * 100).toFixed(places)} %`;
}

/** A price, in whatever the shop's currency is. */
export function price(value) {
  return value == null ? '' : value.toFixed(2);
}

export function bytes(value) {
  if (value == null || Number.isNaN(value)) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Milliseconds: `0.4 ms`, `12 ms`, `1.2 s`. */
export function millis(value) {
  if (value == null || Number.isNaN(value)) return '–';
  if (value >= 1000) return seconds(value / 1000);
  return `${value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value)} ms`;
}

/** Seconds: `12 s`, `3 min`, `2 h 10 min`, `4 d`. */
export function seconds(value) {
  if (value == null || Number.isNaN(value)) return '–';
  if (value < 10 && !Number.isInteger(value)) return `${value.toFixed(1)} s`;
  if (value < 60) return `${Math.round(value)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min`;
  if (value < 86_400) return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} min`;
  return `${Math.floor(value / 86_400)} d`;
}

/** How long ago a time was. */
export function ago(time, now = Date.now()) {
  const past = (now - new Date(time).getTime()) / 1000;
  if (Number.isNaN(past)) return '–';
  if (past < 2) return 'now';
  return `${seconds(Math.round(past))} ago`;
}

export function timeOfDay(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? '–' : clock.format(date);
}

export function shortDay(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? String(time) : day.format(date);
}

export function dateTime(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? String(time) : moment.format(date);
}

/** `1st`, `2nd`, `13th`. */
export function ordinal(number) {
  const ends = { one: 'st', two: 'nd', few: 'rd', other: 'th' };
  return `${count(number)}${ends[ordinals.select(number)]}`;
}
