// What an app, a shop and a promoter do, with the generated client: argv holds the
// address, a key, an event and a category. It prints what it got as JSON.
import { usher, type Schemas } from "@usherhq/client";

declare const process: { argv: string[]; stdout: { write(text: string): void } };
const [url, key, event, category] = process.argv.slice(2);
const house = usher(url, key);

function must<T>(what: string, answer: { data?: T; error?: Schemas["Problem"]; response: Response }): T {
  if (!answer.response.ok) throw new Error(`${what}: ${answer.response.status} ${answer.error?.code} ${answer.error?.detail}`);
  return answer.data as T;
}

const installation = must("register", await house.PUT("/v1/installations/{id}", {
  params: { path: { id: "typescript-phone" } },
  body: { app: "festival", kind: "apns", handle: "ab".repeat(32), locale: "de", tags: ["typescript"] },
}));
const notification = must("send", await house.POST("/v1/notifications", {
  params: { header: { "Idempotency-Key": "typescript-1" } },
  body: { app: "festival", tags: "typescript", template: "alert", properties: { title: "Doors open", body: "Gate A" } },
}));
const repeated = must("send again", await house.POST("/v1/notifications", {
  params: { header: { "Idempotency-Key": "typescript-1" } },
  body: { app: "festival", tags: "typescript", template: "alert", properties: { title: "Doors open", body: "Gate A" } },
}));
const cart = must("hold", await house.POST("/v1/carts", { body: { event, lines: [{ category, qty: 2 }] } }));
const forecasts = must("forecasts", await house.GET("/v1/forecasts"));
const refused = await house.GET("/v1/notifications/{id}", { params: { path: { id: "none" } } });

process.stdout.write(JSON.stringify({
  installation: installation.id, notification: notification.id, repeated: repeated.id,
  total_minor: cart.total_minor, forecasts: forecasts.items.length, refused: refused.error?.code,
}));
