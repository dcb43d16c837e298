// What the test knows of the world outside Usher: the phones that the simulated push
// services speak for, and the time it takes them.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

const patience = 30_000;

// until asks again until good is true of the answer, which it gives.
export async function until(what, ask, good) {
  const end = Date.now() + patience;
  let last;
  while (Date.now() < end) {
    last = await ask();
    if (good(last)) return last;
    await pause(50);
  }
  assert.fail(`${what}: not within ${patience} ms; last ${JSON.stringify(last)}`);
}

// phonesAt gives the phones behind an address.
export function phonesAt(address) {
  const seen = {};
  const inbox = async (handle) => (await fetch(`${address}/?handle=${encodeURIComponent(handle)}`)).json();
  return {
    // next waits for the phone's next message: {payload, header}.
    async next(what, handle) {
      const n = seen[handle] ?? 0;
      const list = await until(`${what}: message ${n + 1}`, () => inbox(handle), (l) => l.length > n);
      seen[handle] = n + 1;
      return list[n];
    },
    // quiet checks that nothing came but what next has shown.
    async quiet(what, ...handles) {
      for (const handle of handles) {
        assert.equal((await inbox(handle)).length, seen[handle] ?? 0, `${what}: ${handle} got a message more`);
      }
    },
  };
}
