// The template language's worked examples, as the reference documents them, through a
// registration and a send each. name="Ana", title="This is the title line", badge="40", url="a b".
import assert from "node:assert/strict";
import { createAppleTemplateRegistrationDescription, createTemplateNotification } from "@azure/notification-hubs/models";

const properties = { name: "Ana", title: "This is the title line", badge: "40", url: "a b" };

// An expression as a whole JSON string, and what the phone shows.
const good = [
  ["$(TITLE)", "This is the title line"],
  [".(title, 20)", "This is the title..."],
  ["#(badge)", 40],
  ["#(name)", "Ana"],
  ["$(name)", "Ana"],
  ["$(name, 2)", "An"],
  ["{'Hi, ' + $(name)}", "Hi, Ana"],
  ["{'It''s ' + $(name)}", "It's Ana"],
  ["$(nick:{friend})", "friend"],
  ["$(nick)", ""],
  ["%(url)", "a%20b"],
  ["Hello $(name)", "Hello $(name)"],
];

const bad = ["$(name)!", "#hashtag", "$5 off", ".5", ".(title)", "%(u, 3)", "$(my-prop)", "{$(a)+#(n)}", "$body"];

const body = (expression) => JSON.stringify({ aps: { alert: "x", shown: expression } });

export async function templates(client, phones, given) {
  const handle = given.handles.apple;
  for (const [i, [expression, shown]] of good.entries()) {
    const tag = `worked-${i}`;
    const made = await client.createRegistration(createAppleTemplateRegistrationDescription({ deviceToken: handle, tags: [tag], bodyTemplate: body(expression) }));
    await client.sendNotification(createTemplateNotification({ body: properties }), { tagExpression: tag });
    const got = await phones.next(`template ${expression}`, handle);
    assert.deepEqual(got.payload.aps.shown, shown, expression);
    await client.deleteRegistration(made.registrationId);
  }
  for (const expression of bad) {
    await assert.rejects(
      client.createRegistration(createAppleTemplateRegistrationDescription({ deviceToken: handle, tags: ["bad"], bodyTemplate: body(expression) })),
      (e) => e.statusCode === 400 && /template/.test(e.message), `${expression} is registered`);
  }
}
