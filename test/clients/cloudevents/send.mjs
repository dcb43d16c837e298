// Sends events to Usher with the npm package cloudevents, as another system would.
// send.mjs <url> <key>: prints what the server answered, as JSON.
import { CloudEvent, HTTP, Mode, emitterFor } from "cloudevents";

const [url, key] = process.argv.slice(2);
const answers = {};

async function post(message) {
  const response = await fetch(url, { method: "POST", headers: { ...message.headers, Authorization: `Bearer ${key}` }, body: message.body });
  return { status: response.status, body: await response.json() };
}

const sale = (id, extra = {}) => new CloudEvent({
  id, source: "/shop/npm", type: "sale.completed", subject: "order-" + id, time: new Date().toISOString(),
  data: { event: "summerfest", order: id, quantity: 2, amount: 11800, currency: "EUR" }, ...extra,
});

for (const mode of [Mode.BINARY, Mode.STRUCTURED]) {
  const emit = emitterFor(post, { mode });
  answers[mode] = await emit(sale(mode));
  answers[mode + " again"] = await emit(sale(mode));
}
// The package reads batches; it has no function that writes one, so the array is ours.
const batch = ["b1", "b2", Mode.BINARY].map((id) => sale(id));
answers.batch = await post({ headers: { "content-type": "application/cloudevents-batch+json" }, body: JSON.stringify(batch) });
answers.text = await post(HTTP.binary(new CloudEvent({ id: "t", source: "/shop/npm", type: "x.note", datacontenttype: "text/plain", data: "Grüezi" })));
answers.bytes = await post(HTTP.structured(new CloudEvent({ id: "y", source: "/shop/npm", type: "x.note", datacontenttype: "application/json", data_base64: Buffer.from('{"n":1}').toString("base64") })));
answers.wrong = await post(HTTP.structured(sale("w", { data: { event: "summerfest" } })));
console.log(JSON.stringify(answers));
