// The text form of Prometheus' metrics, as far as the console needs it.

/** `[{name, labels, value}]` of a text. Lines that it does not understand are left out. */
export function parseMetrics(text) {
  const samples = [];
  for (const line of text.split('\n')) {
    const parts = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)$/.exec(line);
    if (!parts) continue;
    const [, name, labels = '', value] = parts;
    samples.push({ name, labels: parseLabels(labels), value: value === '+Inf' ? Infinity : Number(value) });
  }
  return samples;
}

function parseLabels(text) {
  const labels = {};
  for (const [, name, value] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name] = value.replace(/\\(.)/g, (_, letter) => (letter === 'n' ? '\n' : letter));
  }
  return labels;
}

/** The sum of all samples of a name. */
export function total(samples, name) {
  const own = samples.filter((sample) => sample.name === name);
  return own.length ? own.reduce((sum, { value }) => sum + value, 0) : null;
}

/** Of the HTTP histograms: `[{method, route, count, failed, p50, p99}]`, the most asked first. */
export function routes(samples) {
  const byRoute = new Map();
  for (const { name, labels, value } of samples) {
    if (!name.startsWith('http_request_duration_ms')) continue;
    const key = `${labels.method} ${labels.route}`;
    const own = byRoute.get(key) ?? {
      method: labels.method,
      route: labels.route,
      count: 0,
      failed: 0,
      buckets: new Map(),
    };
    byRoute.set(key, own);
    if (name.endsWith('_count')) {
      own.count += value;
      if (Number(labels.status_code) >= 500) own.failed += value;
    } else if (name.endsWith('_bucket')) {
      const bound = labels.le === '+Inf' ? Infinity : Number(labels.le);
      own.buckets.set(bound, (own.buckets.get(bound) ?? 0) + value);
    }
  }
  return [...byRoute.values()]
    .filter(({ count }) => count > 0)
    .map(({ buckets, ...own }) => ({ ...own, p50: quantile(buckets, 0.5), p99: quantile(buckets, 0.99) }))
    .sort((a, b) => b.count - a.count);
}

/** As Prometheus' `histogram_quantile`: evenly between the bounds of its bucket; of the last one its lower bound. */
export function quantile(buckets, share) {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const all = sorted.at(-1)?.[1] ?? 0;
  if (all === 0) return null;
  const rank = share * all;
  let low = 0;
  let below = 0;
  for (const [bound, upTo] of sorted) {
    if (upTo >= rank) {
      if (bound === Infinity) return low;
      return low + ((bound - low) * (rank - below)) / Math.max(upTo - below, 1);
    }
    low = bound;
    below = upTo;
  }
  return low;
}
