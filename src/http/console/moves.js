// What changed between two lists of products.

/** `{up, down, in, out}`: products of `after` with `by` places, and those of `before` that are gone. */
export function movesBetween(before, after) {
  const was = new Map(before.map((product, place) => [product.id, place]));
  const is = new Map(after.map((product, place) => [product.id, place]));
  const moves = { up: [], down: [], in: [], out: [] };
  after.forEach((product, place) => {
    const old = was.get(product.id);
    if (old === undefined) moves.in.push({ product, place });
    else if (old > place) moves.up.push({ product, place, by: old - place });
    else if (old < place) moves.down.push({ product, place, by: place - old });
  });
  before.forEach((product, place) => {
    if (!is.has(product.id)) moves.out.push({ product, place });
  });
  return moves;
}

/** By product, how it moved: `+2`, `-1`, `new`; nothing of those that stayed. */
export function moveOf(moves, id) {
  const up = moves.up.find(({ product }) => product.id === id);
  if (up) return { kind: 'up', text: String(up.by) };
  const down = moves.down.find(({ product }) => product.id === id);
  if (down) return { kind: 'down', text: String(down.by) };
  return moves.in.some(({ product }) => product.id === id) ? { kind: 'in', text: 'new' } : null;
}

/** The moves in a few words. */
export function movesInWords({ up, down, in: came, out }) {
  const parts = [];
  if (came.length) parts.push(`${came.length} new`);
  if (up.length) parts.push(`${up.length} up`);
  if (down.length) parts.push(`${down.length} down`);
  if (out.length) parts.push(`${out.length} gone`);
  return parts.length ? parts.join(', ') : 'nothing moved';
}
