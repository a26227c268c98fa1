// Tells the engine what visitors do, shows what it recommends: docs/collect.md
(() => {
const { src, dataset } = document.currentScript;
const { endpoint, token, key, user, link = "/products/{id}" } = dataset;
const api = new URL("api/", endpoint || src);
const url = api + "user-behavior";
const call = (url, secret, data) =>
  fetch(url, {
    method: data ? "POST" : "GET",
    headers: secret ? { authorization: "Bearer " + secret } : {},
    body: data && JSON.stringify(data),
    keepalive: true,
  });

// In memory alone, until there is consent.
const random = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
const anew = () => ({ id: random(), seen: [] });
let visitor = anew(), consents;
try {
  visitor = JSON.parse(localStorage.recsys);
  consents = true;
} catch {}
const consent = (yes) => {
  if (consents && !yes) visitor = anew();
  consents = yes;
  try {
    if (yes) localStorage.recsys = JSON.stringify(visitor);
    else delete localStorage.recsys;
  } catch {}
};

// Sent twice, an event counts once by its id.
let queue = [], pause = 500, timer;
const tell = (eventType) => (product, extra) => {
  const { id, seen, at } = visitor;
  const now = Date.now();
  const visit = now - at > 18e5 ? [] : seen.filter((it) => it != product);
  visitor = { id, seen: [...visit, product].slice(-20), at: now };
  consent(consents);
  const ids = { userId: user, sessionId: id, eventId: random() };
  queue = [...queue.slice(-199), { ...extra, eventType, product, ...ids }];
  timer ||= setTimeout(send);
};
const send = async () => {
  const [event] = queue;
  const status = event && (await call(url, token, event).then((it) => it.status, () => 500));
  const again = status == 429 || status > 499;
  if (!again) queue = queue.filter((it) => it != event);
  pause = again ? Math.min(2 * pause, 6e4) : 500;
  timer = queue[0] && setTimeout(send, again && pause);
};
document.addEventListener("visibilitychange", () => {
  const to = token ? url + "?" + new URLSearchParams({ token }) : url;
  if (document.hidden && queue[0] && navigator.sendBeacon(to, JSON.stringify(queue))) queue = [];
});

const recommend = async (placement, target, rules) => {
  const all = { placement, ...rules };
  const own = `recommendations/${encodeURIComponent(user || visitor.id)}?`;
  const asked = key
    ? call(api + own + new URLSearchParams(all), key)
    : call(api + "session/recommendations", token, { ...all, products: visitor.seen });
  const found = (await asked.then((it) => it.ok && it.json(), () => 0)) || [];
  if (target.call) return target(found);
  target.innerHTML = "";
  for (const { id, name } of found) {
    const a = document.createElement("a");
    a.href = link.replace("{id}", encodeURIComponent(id));
    a.textContent = name || id;
    target.appendChild(document.createElement("li")).append(a);
  }
  target.hidden = !found[0];
};

window.recsys = {
  consent,
  recommend,
  session: () => visitor.id,
  view: tell("view"),
  cart: tell("add_to_cart"),
  uncart: tell("remove_from_cart"),
  purchase: tell("purchase"),
};
})();
