// Keeps the check-in page and all it needs, so that it opens without a network. What is kept is
// replaced as a whole: a page never runs with half of another version's scripts.
const shelf = "usher-door";
const page = "/scan/";

async function renew() {
  const answer = await fetch(page, { cache: "no-store" }); // with the cookie that says which language was chosen
  if (!answer.ok) throw new Error(`${page}: ${answer.status}`);
  const text = await answer.clone().text();
  const parts = [...new Set(Array.from(text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g), (m) => m[1]))];
  const answers = await Promise.all(parts.map(async (part) => {
    const found = await fetch(part, { cache: "no-cache" });
    if (!found.ok) throw new Error(`${part}: ${found.status}`);
    return found;
  }));
  const kept = await caches.open(shelf);
  await Promise.all(parts.map((part, i) => kept.put(part, answers[i])));
  await kept.put(page, answer);
  for (const old of await kept.keys()) {
    const { pathname, search } = new URL(old.url);
    if (pathname !== page && !parts.includes(pathname + search)) await kept.delete(old);
  }
}

self.addEventListener("install", (event) => event.waitUntil(renew().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", (event) => {
  if (event.data === "renew") event.waitUntil(renew().catch(() => {})); // offline: what is kept stays
});
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin || pathname !== page && !pathname.startsWith("/assets/")) return;
  event.respondWith(caches.open(shelf).then((kept) => kept.match(pathname === page ? page : request)).then((found) => found ?? fetch(request)));
});
