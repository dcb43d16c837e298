// Every method of the true client, against a running Usher. The input comes as JSON on
// standard input from app/azure_client_test.go.
import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { NotificationHubsClient, isRestError } from "@azure/notification-hubs";
import * as nh from "@azure/notification-hubs/models";
import { createClientContext, getInstallation } from "@azure/notification-hubs/api";
import { phonesAt, until } from "./phones.mjs";
import { templates } from "./templates.mjs";
import { errors } from "./errors.mjs";

const given = JSON.parse(await text(process.stdin));
const h = given.handles;
const phones = phonesAt(given.phones);
const called = new Set(["constructor"]);
const plain = new NotificationHubsClient(given.full, given.hub);
const client = new Proxy(plain, {
  get(target, name) {
    const value = target[name];
    return typeof value === "function" ? (...args) => (called.add(name), value.apply(target, args)) : value;
  },
});
const all = async (list) => {
  const out = [];
  for await (const one of list) out.push(one);
  return out;
};
const finished = (id) => until("outcome", () => client.getNotificationOutcomeDetails(id), (d) => d.state === "Completed" || d.state === "NoTargetFound");

async function installations() {
  const made = await client.createOrUpdateInstallation({
    installationId: "phone-1", platform: "apns", pushChannel: h.apple.toUpperCase(), tags: ["Fan", "likes_Rock"], userId: "Ana",
    pushVariables: { firstName: "Ana" },
    templates: { "Door News": { body: '{"aps":{"alert":"{$(firstName) + \': \' + $(message)}"}}', headers: { "apns-priority": "5" }, tags: ["doors"] } },
  });
  assert.match(made.location, /^https:\/\/.*\/festival\/installations\/phone-1\?api-version=/);
  assert.ok(made.trackingId && made.correlationId);
  const got = await client.getInstallation("phone-1");
  assert.equal(got.pushChannel, h.apple.toUpperCase());
  assert.deepEqual(got.tags, ["Fan", "likes_Rock"]);
  assert.deepEqual(got.pushVariables, { firstName: "Ana" });
  assert.equal(got.userId, "Ana");
  assert.deepEqual(got.templates["Door News"], { body: '{"aps":{"alert":"{$(firstName) + \': \' + $(message)}"}}', headers: { "apns-priority": "5" }, tags: ["doors"] });
  assert.equal(got.pushChannelExpired, false);
  await client.updateInstallation("phone-1", [
    { op: "add", path: "/tags", value: "VIP" }, { op: "remove", path: "/tags/likes_Rock" },
    { op: "replace", path: "/pushChannel", value: h.apple2 },
    { op: "add", path: "/templates/short", value: JSON.stringify({ body: '{"aps":{"alert":"$(short)"}}', headers: {}, tags: ["shorts"] }) },
  ]);
  const patched = await client.getInstallation("phone-1");
  assert.deepEqual(patched.tags, ["Fan", "VIP"]);
  assert.equal(patched.pushChannel, h.apple2);
  assert.equal(patched.templates.short.body, '{"aps":{"alert":"$(short)"}}');
  await client.createOrUpdateInstallation({ installationId: "phone-2", platform: "fcmv1", pushChannel: h.fcm, tags: ["fan"] });
  await client.createOrUpdateInstallation({ installationId: "phone-3", platform: "gcm", pushChannel: h.gcm, tags: ["old"] });
  await client.createOrUpdateInstallation({ installationId: "page-1", platform: "browser", pushChannel: h.browser, tags: ["web"] });
  assert.equal((await client.getInstallation("phone-3")).platform, "gcm");
  assert.deepEqual((await client.getInstallation("page-1")).pushChannel, h.browser);
  const stored = { wns: "https://db5.notify.windows.com/?token=AwYAAACW%2b1", adm: "amzn1.adm-registration.v3.Y29", baidu: "1234567-7654321" };
  for (const [platform, pushChannel] of Object.entries(stored)) {
    await client.createOrUpdateInstallation({ installationId: `stored-${platform}`, platform, pushChannel, tags: ["stored"] });
    const back = await client.getInstallation(`stored-${platform}`);
    assert.equal(back.platform, platform);
    assert.equal(back.pushChannel, pushChannel);
  }
  await client.deleteInstallation("stored-baidu");
  const context = createClientContext(given.full, given.hub);
  called.add("createClientContext");
  await assert.rejects(getInstallation(context, "stored-baidu"), (e) => isRestError(e) && e.statusCode === 404);
}

async function registrations() {
  const id = await client.createRegistrationId();
  assert.match(id, /^[0-9a-f-]{36}$/);
  const own = await client.createOrUpdateRegistration(nh.createAppleRegistrationDescription({ registrationId: id, deviceToken: h.appleRegistered, tags: ["Sports", "de"] }));
  assert.equal(own.registrationId, id);
  assert.deepEqual(own.tags, ["Sports", "de"]);
  assert.ok(own.etag && own.expirationTime > new Date());
  const form = await client.createRegistration(nh.createFcmV1TemplateRegistrationDescription({
    fcmV1RegistrationId: h.fcm2, tags: ["sports"], templateName: "score", bodyTemplate: '{"message":{"android":{"data":{"text":"$(score)"}}}}' }));
  assert.equal(form.kind, "FcmV1Template");
  assert.equal(form.bodyTemplate, '{"message":{"android":{"data":{"text":"$(score)"}}}}');
  assert.equal(form.templateName, "score");
  const again = await client.getRegistration(form.registrationId);
  assert.deepEqual(again, form);
  const changed = await client.updateRegistration({ ...own, tags: ["sports", "fr"] });
  assert.deepEqual(changed.tags, ["sports", "fr"]);
  assert.notEqual(changed.etag, own.etag);
  await assert.rejects(client.updateRegistration({ ...own, tags: ["late"] }), (e) => e.statusCode === 412 && /ETag/.test(e.message));
  const more = [
    nh.createAppleTemplateRegistrationDescription({ deviceToken: h.apple3, tags: ["all"], bodyTemplate: '{"aps":{"alert":"$(m)"}}', apnsHeaders: { "apns-priority": "10" } }),
    nh.createFcmLegacyRegistrationDescription({ gcmRegistrationId: h.fcm3, tags: ["all"] }),
    nh.createFcmLegacyTemplateRegistrationDescription({ gcmRegistrationId: h.fcm3, tags: ["all"], bodyTemplate: '{"data":{"m":"$(m)"}}' }),
    nh.createFcmV1RegistrationDescription({ fcmV1RegistrationId: h.fcm2, tags: ["all"] }),
    nh.createBrowserRegistrationDescription({ ...h.browser2, tags: ["all"] }),
    nh.createBrowserTemplateRegistrationDescription({ ...h.browser2, tags: ["all"], bodyTemplate: '{"title":"$(m)"}' }),
    nh.createWindowsRegistrationDescription({ channelUri: "https://db5.notify.windows.com/?token=a%2fb&x=1", tags: ["all", "pc"] }),
    nh.createWindowsTemplateRegistrationDescription({ channelUri: "https://db5.notify.windows.com/?token=a%2fb&x=1", tags: ["all", "pc"], wnsHeaders: { "X-WNS-Type": "wns/toast" },
      bodyTemplate: '<toast><visual><binding template="ToastText01"><text id="1">$(m)</text></binding></visual></toast>' }),
    nh.createAdmRegistrationDescription({ admRegistrationId: "amzn1.adm.1", tags: ["all"] }),
    nh.createAdmTemplateRegistrationDescription({ admRegistrationId: "amzn1.adm.1", tags: ["all"], bodyTemplate: '{"data":{"m":"$(m)"}}' }),
    nh.createBaiduRegistrationDescription({ baiduUserId: "u1", baiduChannelId: "c1", tags: ["all"] }),
    nh.createBaiduTemplateRegistrationDescription({ baiduUserId: "u1", baiduChannelId: "c1", tags: ["all"], bodyTemplate: '{"title":"$(m)"}' }),
  ];
  for (const description of more) {
    const want = { ...description };
    const back = await client.createRegistration(description);
    for (const [name, value] of Object.entries(want)) assert.deepEqual(back[name], value, `${want.kind}.${name}`);
    assert.deepEqual(await client.getRegistration(back.registrationId), back, want.kind);
  }
  const tagged = await all(client.listRegistrationsByTag("ALL", { top: 3 }));
  assert.equal(tagged.length, more.length, "pages of three hold them all");
  const pages = [];
  for await (const page of client.listRegistrations({ top: 5 }).byPage()) pages.push(page.length);
  assert.ok(pages.length > 2 && pages.slice(0, -1).every((n) => n === 5), `pages of five: ${pages}`);
  const channels = {
    Apple: { kind: "apple", deviceToken: h.appleRegistered }, FcmV1: { kind: "fcmv1", fcmV1RegistrationId: h.fcm2 }, Gcm: { kind: "gcm", gcmRegistrationId: h.fcm3 },
    Browser: { kind: "browser", ...h.browser2 }, Windows: { kind: "windows", channelUri: "https://db5.notify.windows.com/?token=a%2fb&x=1" },
    Adm: { kind: "adm", admRegistrationId: "amzn1.adm.1" }, Baidu: { kind: "baidu", baiduUserId: "u1", baiduChannelId: "c1" },
  };
  for (const [kind, channel] of Object.entries(channels)) {
    const found = await all(client.listRegistrationsByChannel(channel));
    assert.ok(found.length >= 1 && found.every((r) => r.kind.startsWith(kind)), `${kind} by channel: ${found.map((r) => r.kind)}`);
  }
  const gone = await client.createRegistration(nh.createAdmRegistrationDescription({ admRegistrationId: "amzn1.adm.2" }));
  await assert.rejects(client.deleteRegistration(gone.registrationId, { etag: "999" }), (e) => e.statusCode === 412);
  await client.deleteRegistration(gone.registrationId, { etag: gone.etag });
  await assert.rejects(client.getRegistration(gone.registrationId), (e) => e.statusCode === 404);
}

async function sends() {
  const apple = nh.createAppleNotification({ body: { aps: { alert: "Doors open" } }, headers: { "apns-priority": "5", "apns-push-type": "alert", "apns-collapse-id": "doors" } });
  const sent = await client.sendNotification(apple, { tagExpression: "vip && !press" });
  assert.equal(sent.state, "Enqueued");
  let m = await phones.next("native", h.apple2);
  assert.deepEqual(m.payload, { aps: { alert: "Doors open" } });
  assert.equal(m.header["apns-priority"], "5");
  assert.equal(m.header["apns-collapse-id"], "doors");
  assert.equal(m.header["apns-topic"], given.topic);
  const details = await finished(sent.notificationId);
  assert.deepEqual(details.apnsOutcomeCounts, [{ state: "Success", count: 1 }]);
  assert.equal(details.targetPlatforms, "apple");
  assert.deepEqual(JSON.parse(details.notificationBody), { aps: { alert: "Doors open" } });

  await client.sendNotification(nh.createFcmV1Notification({ body: { message: { notification: { title: "Hi", body: "there" }, android: { priority: "normal" } } } }), { tagExpression: "fan" });
  m = await phones.next("fcmv1", h.fcm);
  assert.equal(m.payload.message.notification.title, "Hi");
  await client.sendNotification(nh.createFcmLegacyNotification({ body: { data: { seat: 12 }, notification: { title: "Old", icon: "star" }, collapse_key: "c" } }), { tagExpression: "old" });
  m = await phones.next("gcm", h.gcm);
  assert.equal(m.payload.message.data.seat, "12");
  assert.equal(m.payload.message.notification.title, "Old");
  assert.equal(m.payload.message.android.notification.icon, "star");
  await client.sendNotification(nh.createBrowserNotification({ body: { title: "Web" }, headers: { TTL: "600", Urgency: "low" } }), { tagExpression: "web" });
  m = await phones.next("browser", h.browser.endpoint);
  assert.deepEqual(m.payload, { title: "Web" });
  assert.equal(m.header.urgency, "normal"); // Usher knows high and normal

  await client.sendNotification(nh.createTemplateNotification({ body: { message: "Gate A" } }), { tagExpression: "doors" });
  m = await phones.next("template", h.apple2);
  assert.equal(m.payload.aps.alert, "Ana: Gate A");
  assert.equal(m.header["apns-priority"], "5");
  await client.sendNotification(nh.createTemplateNotification({ body: { score: "2:1" } }), { tagExpression: "sports && !fr" });
  m = await phones.next("fcm template", h.fcm2);
  assert.equal(m.payload.message.android.data.text, "2:1");

  const direct = await client.sendNotification(nh.createAppleNotification({ body: { aps: { alert: "You" } } }), { deviceHandle: h.apple3 });
  assert.deepEqual((await phones.next("direct", h.apple3)).payload, { aps: { alert: "You" } });
  assert.equal((await finished(direct.notificationId)).apnsOutcomeCounts[0].count, 1);
  await client.sendNotification(nh.createBrowserNotification({ body: { title: "Page" } }), { deviceHandle: h.browser2 });
  assert.deepEqual((await phones.next("direct browser", h.browser2.endpoint)).payload, { title: "Page" });
  await client.sendNotification(nh.createAppleNotification({ body: { aps: { alert: "Both" } } }), { deviceHandle: [h.apple, h.apple3] });
  for (const handle of [h.apple, h.apple3]) assert.equal((await phones.next("batch", handle)).payload.aps.alert, "Both");

  const trial = await client.sendNotification(apple, { tagExpression: "vip", enableTestSend: true });
  assert.equal(trial.state, "DetailedStateAvailable");
  assert.equal(trial.successCount, 1);
  assert.equal(trial.failureCount, 0);
  assert.equal(trial.results[0].applicationPlatform, "apple");
  assert.equal(trial.results[0].pnsHandle, h.apple2.toLowerCase());
  assert.ok(trial.results[0].registrationId && /successfully sent/.test(trial.results[0].outcome));
  await phones.next("test send", h.apple2);
  const nobody = await client.sendNotification(apple, { tagExpression: "nobody", enableTestSend: true });
  assert.deepEqual([nobody.successCount, nobody.failureCount, nobody.results.length], [0, 0, 0]);

  const wide = await client.sendBroadcastNotification(nh.createAppleNotification({ body: { aps: { "content-available": 1 }, id: 7 } }));
  for (const handle of [h.apple2, h.appleRegistered]) {
    m = await phones.next("broadcast", handle);
    assert.equal(m.payload.id, 7);
    assert.equal(m.header["apns-push-type"], "background");
  }
  assert.equal((await finished(wide.notificationId)).apnsOutcomeCounts[0].state, "Success");

  const pc = await client.sendNotification(nh.createWindowsToastNotification({ body: "<toast><visual/></toast>" }), { tagExpression: "pc" });
  const unsupported = await finished(pc.notificationId);
  assert.deepEqual(unsupported.wnsOutcomeCounts, [{ state: "UnsupportedPlatform", count: 1 }]);
  assert.equal(unsupported.notificationBody, "<toast><visual/></toast>");
  const kindle = await client.sendNotification(nh.createAdmNotification({ body: { data: { m: "x" } } }), { tagExpression: "all", enableTestSend: true });
  assert.deepEqual([kindle.successCount, kindle.failureCount, kindle.results[0].pnsHandle], [0, 1, "amzn1.adm.1"]);
  assert.match(kindle.results[0].outcome, /UnsupportedPlatform/);
}

async function schedules() {
  const soon = new Date(Date.now() + 1500);
  const sent = await client.scheduleNotification(soon, nh.createAppleNotification({ body: { aps: { alert: "Later" } } }), { tagExpression: "vip" });
  assert.equal((await client.getNotificationOutcomeDetails(sent.notificationId)).state, "Scheduled");
  assert.equal((await phones.next("scheduled", h.apple2)).payload.aps.alert, "Later");
  const far = await client.scheduleBroadcastNotification(new Date(Date.now() + 86_400_000), nh.createTemplateNotification({ body: { message: "Never" } }));
  await client.cancelScheduledNotification(far.notificationId);
  assert.equal((await client.getNotificationOutcomeDetails(far.notificationId)).state, "Cancelled");
  await phones.quiet("cancelled", h.apple2, h.appleRegistered);
}

async function feedback() {
  await client.createOrUpdateInstallation({ installationId: "lost", platform: "fcmv1", pushChannel: h.fcmGone, tags: ["lost"] });
  const sent = await client.sendNotification(nh.createFcmV1Notification({ body: { message: { data: { a: "b" } } } }), { tagExpression: "lost" });
  const details = await finished(sent.notificationId);
  assert.deepEqual(details.fcmV1OutcomeCounts, [{ state: "ExpiredChannel", count: 1 }]);
  assert.equal((await client.getInstallation("lost")).pushChannelExpired, true);
  const container = new URL(await client.getFeedbackContainerUrl());
  const list = await (await fetch(`${container}&restype=container&comp=list`)).text();
  const name = /<Name>(\d{8})<\/Name>/.exec(list)[1];
  const blob = new URL(container);
  blob.pathname += `/${name}`;
  const body = await (await fetch(blob)).text();
  assert.match(body, /<NotificationSystemError>ExpiredChannel<\/NotificationSystemError><Platform>fcmv1<\/Platform>/);
  assert.ok(body.includes(`<PnsHandle>${h.fcmGone}</PnsHandle>`) && body.includes(`<NotificationId>${sent.notificationId}</NotificationId>`));
  container.searchParams.set("sig", "AAAA");
  assert.equal((await fetch(container)).status, 403);
}

async function jobs() {
  const put = (name, body) => fetch(`${given.blobs}/box/${name}?sig=secret`, { method: "PUT", headers: { "x-ms-blob-type": "BlockBlob", "x-ms-version": "2020-10-02" }, body });
  const read = async (path) => (await fetch(`${given.blobs}/box/${path}?sig=secret`)).text();
  const box = { outputContainerUrl: `${given.blobs}/box?sig=secret` };
  const describe = (id, tags, token) => `<AppleRegistrationDescription xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"><RegistrationId>${id}</RegistrationId><Tags>${tags}</Tags><DeviceToken>${token}</DeviceToken></AppleRegistrationDescription>`;
  await put("in.txt", [1, 2, 3].map((n) => describe(`bulk-${n}`, "bulk", `${n}`.repeat(64))).join("\n") + "\n" + describe("bulk-4", "bulk", "no token"));
  // The poller is thenable: awaiting it waits for the job.
  const made = await client.beginSubmitNotificationHubJob({ ...box, type: "ImportCreateRegistrations", importFileUrl: `${given.blobs}/box/in.txt?sig=secret` }, { updateIntervalInMs: 100 });
  assert.equal(made.status, "Completed");
  assert.equal(made.progress, 100);
  assert.equal((await all(client.listRegistrationsByTag("bulk"))).length, 3);
  assert.match(await read(made.outputProperties.FailedFilePath), /^4\t.*no APNs device token.*bulk-4/);
  const run = async (type, line) => {
    await put("in.txt", line);
    const job = await client.submitNotificationHubJob({ ...box, type, importFileUrl: `${given.blobs}/box/in.txt?sig=secret` });
    assert.equal(job.type, type);
    return until(type, () => client.getNotificationHubJob(job.jobId), (j) => j.status === "Completed" || j.status === "Failed");
  };
  await run("ImportUpdateRegistrations", describe("bulk-1", "bulk,updated", "1".repeat(64)) + "\n" + describe("bulk-9", "bulk", "9".repeat(64)));
  assert.equal((await all(client.listRegistrationsByTag("updated"))).length, 1);
  await run("ImportUpsertRegistrations", describe("bulk-9", "bulk", "9".repeat(64)));
  assert.equal((await all(client.listRegistrationsByTag("bulk"))).length, 4);
  await run("ImportDeleteRegistrations", describe("bulk-9", "bulk", "9".repeat(64)));
  assert.equal((await all(client.listRegistrationsByTag("bulk"))).length, 3);
  const exported = await run("ExportRegistrations", "");
  const lines = (await read(exported.outputProperties.OutputFilePath)).trim().split("\n");
  assert.equal(lines.length, (await all(client.listRegistrations())).length);
  assert.ok(lines.some((l) => l.includes("<RegistrationId>bulk-2</RegistrationId>")));
  const missing = await client.submitNotificationHubJob({ ...box, type: "ImportCreateRegistrations", importFileUrl: `${given.blobs}/box/none.txt?sig=secret` });
  const failed = await until("a job without a file", () => client.getNotificationHubJob(missing.jobId), (j) => j.status === "Failed");
  assert.match(failed.failure, /404/);
  assert.ok((await client.listNotificationHubJobs()).length >= 6);
  await assert.rejects(client.submitNotificationHubJob({ outputContainerUrl: "https://evil.example/box?sig=secret", type: "ExportRegistrations" }), (e) => e.statusCode === 400 && /may not use/.test(e.message));
}

for (const step of [installations, registrations, sends, schedules, feedback, jobs]) {
  await step();
  console.log(`ok ${step.name}`);
}
await templates(client, phones, given);
console.log("ok templates");
await errors(given);
console.log("ok errors");

const offered = Object.getOwnPropertyNames(NotificationHubsClient.prototype).concat("createClientContext");
const missed = offered.filter((name) => !called.has(name));
assert.deepEqual(missed, [], "methods that were never called");
console.log(`${offered.length} of ${offered.length} client methods: ${offered.join(" ")}`);
