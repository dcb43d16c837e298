// What a client is told when it is wrong.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { NotificationHubsClient } from "@azure/notification-hubs";
import { createAppleNotification, createTemplateNotification } from "@azure/notification-hubs/models";

const fails = (status, words) => (e) => {
  assert.equal(e.statusCode, status, e.message);
  assert.match(e.message, words);
  assert.match(e.message, /TrackingId:[0-9a-f-]{36},TimeStamp:/);
  return true;
};

// token signs as the client does, but for what a test wants wrong.
function token(connection, { expires = Date.now() / 1000 + 600, audience } = {}) {
  const [, endpoint] = /Endpoint=sb:([^;]*)/.exec(connection);
  const [, name, key] = /SharedAccessKeyName=([^;]*);SharedAccessKey=(.*)/.exec(connection);
  const sr = encodeURIComponent((audience ?? `https:${endpoint}`).toLowerCase());
  const se = Math.floor(expires);
  const sig = encodeURIComponent(createHmac("sha256", key).update(`${sr}\n${se}`).digest("base64"));
  return `SharedAccessSignature sr=${sr}&sig=${sig}&se=${se}&skn=${name}`;
}

export async function errors(given) {
  const wrong = new NotificationHubsClient(given.full.replace(/SharedAccessKey=./, "SharedAccessKey=#"), given.hub);
  await assert.rejects(wrong.getInstallation("phone-1"), fails(401, /InvalidSignature/));
  const listen = new NotificationHubsClient(given.listen, given.hub);
  assert.equal((await listen.getInstallation("phone-2")).installationId, "phone-2");
  await assert.rejects(listen.sendBroadcastNotification(createAppleNotification({ body: { aps: { alert: "x" } } })), fails(401, /Send claim is required/));
  await assert.rejects(listen.listRegistrations().next(), fails(401, /Manage claim is required/));
  await assert.rejects(listen.createOrUpdateInstallation({ installationId: "spy", platform: "apns", pushChannel: given.handles.apple, userId: "Ana" }), fails(401, /whose a device is/));
  const other = new NotificationHubsClient(given.full, "nowhere");
  await assert.rejects(other.getInstallation("phone-1"), fails(401, /InvalidSignature/));

  const client = new NotificationHubsClient(given.full, given.hub);
  await assert.rejects(client.getInstallation("nobody"), fails(404, /nobody/));
  await assert.rejects(client.getRegistration("nobody"), fails(404, /nobody/));
  await assert.rejects(client.getNotificationOutcomeDetails("nobody"), fails(404, /nothing/));
  await assert.rejects(client.getNotificationHubJob("0190a0a0-0000-7000-8000-000000000000"), fails(404, /no job/));
  await assert.rejects(client.cancelScheduledNotification("0190a0a0-0000-7000-8000-000000000000"), fails(404, /no notification/));
  await assert.rejects(client.createOrUpdateInstallation({ installationId: "bad", platform: "apns", pushChannel: "xyz" }), fails(400, /handle/));
  await assert.rejects(client.createOrUpdateInstallation({ installationId: "bad", platform: "pager", pushChannel: "xyz" }), fails(400, /platform/));
  await assert.rejects(client.updateInstallation("phone-2", [{ op: "add", path: "/color", value: "red" }]), fails(400, /\/color/));
  await assert.rejects(client.sendNotification(createTemplateNotification({ body: "{" }), { tagExpression: "fan" }), fails(400, /JSON/));
  await assert.rejects(client.sendNotification(createAppleNotification({ body: { aps: { alert: "x" } } }), { tagExpression: "fan &&" }), fails(400, /tags/));
  await assert.rejects(client.sendNotification(createAppleNotification({ body: { aps: { alert: "x".repeat(5000) } } }), { tagExpression: "fan" }), fails(400, /bytes/));
  await assert.rejects(client.listRegistrationsByTag("fan", { top: -1 }).next(), fails(400, /\$top/));

  const [, endpoint] = /Endpoint=sb:([^;]*)/.exec(given.full);
  const address = `https:${endpoint}${given.hub}`;
  const call = (path, { method = "GET", authorization = token(given.full), ...rest } = {}) =>
    fetch(`${address}${path}`, { method, headers: { ...(authorization && { authorization }), "Content-Type": "application/xml", ...rest.headers }, body: rest.body });
  const refused = async (response, status, words) => {
    const said = await (await response).text();
    assert.equal((await response).status, status, said);
    assert.match(said, new RegExp(`^<Error><Code>${status}</Code><Detail>.*${words}`));
  };
  await refused(call("/installations/phone-1", { authorization: "" }), 401, "MissingToken");
  await refused(call("/installations/phone-1", { authorization: "Bearer x" }), 401, "MalformedToken");
  await refused(call("/installations/phone-1", { authorization: token(given.full, { expires: 1 }) }), 401, "ExpiredToken");
  await refused(call("/installations/phone-1", { authorization: token(given.full, { audience: "https://elsewhere.example/" }) }), 401, "InvalidAudience");
  await refused(call("/nothing"), 404, "nothing");
  await refused(call("/installations/phone-1?api-version=2099-01"), 400, "api-version");
  await refused(call("/registrations", { method: "POST", body: "<entry>" }), 400, "not valid XML");
  await refused(call("/registrations", { method: "POST", body: '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><entry>&x;</entry>' }), 400, "document type");
  await refused(call("/messages/$batch?direct", { method: "POST", headers: { "Content-Type": "multipart/mixed", "ServiceBusNotification-Format": "apple" }, body: "x" }), 400, "boundary");
  await refused(call("/messages", { method: "POST", headers: { "ServiceBusNotification-Format": "pigeon" }, body: "{}" }), 400, "pigeon");
  assert.equal((await call("/Installations/phone-2/")).status, 200, "paths are compared without case");
}
