// Shows what is pushed to the portal's visitors. The hub's standard body has title,
// body and url.
self.addEventListener("push", (event) => {
  let news = {};
  try { news = event.data?.json() ?? {}; } catch { news = { body: event.data.text() }; }
  event.waitUntil(self.registration.showNotification(news.title || "News", { body: news.body || "", data: { url: news.url || "/shop" } }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.url));
});
