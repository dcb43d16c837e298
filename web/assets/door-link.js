// The scanner's link to the server, and what it does while there is none.
import * as store from "./door-store.js";
import { say } from "./say.js";
import { keyring, open } from "./door-code.js";
import { judge, nameOf } from "./door-judge.js";

const patience = 2500; // milliseconds until a scan is judged without the server
const dayLong = 24 * 3600_000;
const batch = 200;

// The server's own words are English, and for programs: who stands at a door is told what to do.
const nothingDue = say("Nothing is due at this door for this order. Take no money.");
const refusals = {
  "/v1/scanners/enrol": {
    403: say("This code does not work, or no longer. Have a new one made on the page Scanners."),
    409: say("There is a scanner of this name already. Revoke it on the page Scanners, or choose another name."),
  },
  "/v1/scans/undone": { 404: say("This door has no such ticket."), 409: say("Nobody is in with this ticket any more.") },
  "/v1/scans/received": { 400: say("Another amount is due by now. Scan the ticket again."), 404: nothingDue, 409: nothingDue },
};
const anywhere = {
  401: say("This scanner’s key is not good any more. Enrol it again on the page Scanners."),
  403: say("This scanner is for another event. Enrol it again on the page Scanners."),
  404: say("There is no such event any more."),
  429: say("Too much is asked at once. Try it again in a minute."),
};

// Refused is an answer of the server that says no.
export class Refused extends Error {
  constructor(path, status, problem) {
    super(refusals[path]?.[status] ?? anywhere[status] ?? [say("The server answered %v.", status), problem.detail].filter(Boolean).join(" "));
    this.status = status;
  }
}

// ask sends a request, one that is to be done only once with that name; it throws Refused, or TypeError and TimeoutError without a network.
export async function ask(path, { key, body, once, wait = 15_000 } = {}) {
  const headers = { Accept: "application/json" };
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  if (once) headers["Idempotency-Key"] = once;
  const answer = await fetch(path, { method: body ? "POST" : "GET", headers, credentials: "omit", cache: "no-store",
    body: body && JSON.stringify(body), signal: AbortSignal.timeout(wait) });
  if (answer.ok) return answer.json();
  throw new Refused(path.split("?")[0], answer.status, await answer.json().catch(() => ({})));
}

// kept stands for what this device could not write down: the server has it.
const kept = () => {};

// barred reports whether it is an answer to a key that may not scan here, or no longer.
const barred = (error) => error.status === 401 || error.status === 403;

// away reports whether it is the network or a server in trouble, and not an answer.
const away = (error) => !(error instanceof Refused) || error.status >= 500 || error.status === 429 || error.status === 408;

// parted are those that are so, and the others.
const parted = (all, so) => [all.filter(so), all.filter((one) => !so(one))];

// Link is one scanner at the door of one event. tell is called when something has changed.
export class Link {
  online = navigator.onLine;
  counts = { valid: 0, in: 0 };
  doubles = [];
  trouble = ""; // what the server holds against this scanner, or does not take from it
  barred = false; // nothing is checked until the server knows the key again
  waiting = new Map(); // scans that the server has not got
  takings = []; // money that was taken here, of which the server does not know
  elsewhere = 0; // scans and takings that wait of another event's door, until the device is there again
  recent = []; // the last ones, newest first

  constructor(door, tell) {
    this.door = door;
    this.tell = tell;
  }

  // load reads what the device keeps.
  async load() {
    const about = await store.get("snapshot");
    this.takenAt = about?.taken_at;
    this.ahead = about?.ahead ?? 0;
    const [takings, foreign] = parted(await store.get("takings") ?? [], (taking) => taking.event === this.door.event);
    this.takings = takings;
    this.due = this.owed(about);
    this.cancelled = about?.cancelled;
    this.ring = await keyring(about?.keys ?? []);
    [this.changed, this.used] = [await store.map("changed"), await store.map("used")];
    this.counts = await store.get("counts") ?? this.counts;
    const [rows, others] = parted((await store.scans()).sort((a, b) => b.at.localeCompare(a.at)), (row) => (row.event ?? this.door.event) === this.door.event);
    this.elsewhere = others.length + foreign.length;
    for (const row of rows) if (!row.told) this.waiting.set(row.id, row);
    await store.drop(rows.filter((row) => row.told && Date.now() - Date.parse(row.at) > dayLong).map((row) => row.id));
    this.recent = rows.slice(0, 20);
  }

  // owed is what a snapshot says is to be paid at the door and was not taken here, by order.
  owed(snap) {
    const due = new Map((snap?.due ?? []).map(({ o, m }) => [o, { order: o, minor: m, currency: snap.currency }]));
    for (const { order } of this.takings) due.delete(order);
    return due;
  }

  // left reports whether something waits that only this device knows.
  get left() { return this.waiting.size + this.takings.length + this.elsewhere > 0; }

  // ready reports whether scans can be judged without a network.
  get ready() { return this.ring?.size > 0; }

  now() { return new Date(Date.now() - this.ahead); }

  // check judges what was scanned: {code}, or {order, n} of one found in the list.
  async check(what) {
    const scan = { id: crypto.randomUUID(), at: this.now().toISOString(), ...what };
    if (this.online && !this.barred) {
      try {
        return await this.checkOnline(scan, what);
      } catch (error) {
        if (!away(error)) { this.refusedBy(error); throw error; }
        this.setOnline(false);
      }
    }
    if (this.barred) throw new Error(this.trouble);
    return this.checkHere(scan);
  }

  async checkOnline(scan, what) {
    const { results: [r] } = await ask("/v1/scans", { key: this.door.key, wait: patience,
      body: { event: this.door.event, device: this.door.device, scans: [{ id: scan.id, ...what }] } });
    const first = r.uses?.[0];
    if (first) {
      this.used.set(nameOf(r.order, r.n), { d: first.device, t: first.at });
      await store.markUsed(nameOf(r.order, r.n), { d: first.device, t: first.at }).catch(kept);
    }
    if (r.verdict === "admitted") this.counts.in++;
    Object.assign(scan, { order: r.order, n: r.n, verdict: r.verdict, uses: r.uses, told: true });
    await store.keep(scan).catch(kept);
    this.remember(scan);
    const due = r.due_minor ? { order: r.order, minor: r.due_minor, currency: r.currency } : undefined;
    return { scan, due, before: r.verdict === "already_used" && first ? { d: first.device, t: first.at } : undefined };
  }

  // checkHere lets in by what the device knows, and keeps the scan before anybody goes in.
  async checkHere(scan) {
    if (!this.ready) throw new Error(say("This device has not seen the door yet. It needs the network once."));
    const ticket = scan.code ? await open(scan.code, this.ring) : null;
    if (!scan.code) throw new Error(say("Without a network only a ticket’s code is checked."));
    const { verdict, before } = judge(ticket, this.door.event, this.changed, this.used, this.cancelled);
    Object.assign(scan, { order: ticket?.order, n: ticket?.n, verdict, offline: true, let_in: verdict === "admitted" });
    const name = scan.let_in && nameOf(ticket.order, ticket.n), use = { d: this.door.device, t: scan.at };
    await store.keepHere(scan, name, use);
    if (name) this.used.set(name, use);
    this.waiting.set(scan.id, scan);
    this.remember(scan);
    return { scan, before, due: scan.let_in || before ? this.due.get(ticket.order) : undefined };
  }

  // undo takes back that somebody went in with a ticket. Only the server can: the other doors must know.
  async undo({ order, n }) {
    await ask("/v1/scans/undone", { key: this.door.key, body: { event: this.door.event, order, n } });
    const name = nameOf(order, n), ours = this.recent.filter((scan) => scan.order === order && scan.n === n);
    this.used.delete(name);
    for (const scan of ours) scan.undone = true;
    await Promise.all([store.unmark(name), store.keep(...ours.filter((scan) => scan.told))]).catch(kept);
    this.counts.in--;
    this.tell();
  }

  // receive records that what is due was paid. Pressed again, or after an answer that was lost,
  // it is recorded once all the same; without a network it is kept here until there is one.
  async receive({ order, minor }) {
    const taking = { event: this.door.event, order, amount_minor: minor };
    try {
      if (this.online) { await this.book(taking, `${order}/${minor}`); this.due.delete(order); return; }
    } catch (error) {
      if (!away(error)) throw error;
      this.setOnline(false);
    }
    const taken = { ...taking, taken_at: this.now().toISOString() };
    await store.takings((all) => [...all, taken]);
    this.takings = [...this.takings, taken];
    this.due.delete(order);
    this.tell();
  }

  book(taking, once) { return ask("/v1/scans/received", { key: this.door.key, once, body: taking }); }

  remember(scan) {
    this.recent = [scan, ...this.recent].slice(0, 20);
    this.tell();
  }

  // inHere counts those let in that the server has not heard of.
  get inHere() { return [...this.waiting.values()].filter((scan) => scan.let_in).length; }

  // meet reports what waits, then asks for news. It is called again and again; one at a time.
  async meet() {
    if (this.meeting) return;
    this.meeting = true;
    try {
      const refused = await this.report().then(() => undefined, (error) => { if (away(error) || barred(error)) throw error; return error; });
      await this.refresh(); // all the same: news of the door do not wait for that
      this.setOnline(true);
      [this.trouble, this.barred] = [refused?.message ?? "", false];
    } catch (error) {
      if (away(error)) this.setOnline(false); else this.refusedBy(error);
    } finally {
      this.meeting = false;
      this.tell();
    }
  }

  async report() {
    while (this.waiting.size > 0) {
      const rows = [...this.waiting.values()].slice(0, batch);
      const { results } = await ask("/v1/scans", { key: this.door.key, body: { event: this.door.event, device: this.door.device,
        scans: rows.map(({ id, code, at, let_in }) => ({ id, code, scanned_at: at, offline: true, let_in })) } });
      for (const [i, r] of results.entries()) Object.assign(rows[i], { told: true, settled: r.verdict, uses: r.uses });
      await store.keep(...rows);
      for (const row of rows) this.waiting.delete(row.id);
    }
    while (this.takings.length > 0) await this.reportTaking(this.takings[0]);
  }

  // reportTaking tells of money that was taken here. If the server cannot book it, as another one
  // took it too, it has noted that; only a key that is no longer good keeps it here.
  async reportTaking(taking) {
    try {
      await this.book(taking, `${taking.order}/${taking.taken_at}`);
    } catch (error) {
      if (away(error) || barred(error)) throw error;
    }
    await store.takings((all) => all.filter(({ order, taken_at }) => order !== taking.order || taken_at !== taking.taken_at));
    this.takings = this.takings.filter((other) => other !== taking);
  }

  async refresh() {
    const query = `?event=${this.door.event}`;
    const since = this.takenAt ? `&since=${encodeURIComponent(this.takenAt)}` : "";
    const began = Date.now();
    const snap = await ask(`/v1/scans/snapshot${query}${since}`, { key: this.door.key, wait: 60_000 });
    const ahead = this.aheadBy(began, Date.now(), Date.parse(snap.taken_at), !since);
    const changed = (snap.changed ?? []).map(({ o, n, v, x }) => [nameOf(o, n), { v, x }]);
    const used = (snap.used ?? []).map(({ o, n, d, t }) => [nameOf(o, n), { d, t }]).filter(([name, { t }]) => !(Date.parse(this.used.get(name)?.t) <= Date.parse(t)));
    const here = new Set([...this.waiting.values()].filter((scan) => scan.let_in).map(({ order, n }) => nameOf(order, n)));
    const undone = (snap.undone ?? []).map(({ o, n }) => nameOf(o, n)).filter((name) => !here.has(name)); // who is in by our own word stays in
    await store.snapshot({ taken_at: snap.taken_at, keys: snap.keys, ahead, due: snap.due, currency: snap.currency, cancelled: snap.cancelled }, changed, used, undone);
    [this.changed, this.due, this.cancelled, this.takenAt, this.ahead, this.ring] = [new Map(changed), this.owed(snap), snap.cancelled, snap.taken_at, ahead, await keyring(snap.keys)];
    for (const name of undone) this.used.delete(name);
    for (const [name, use] of used) this.used.set(name, use);
    this.counts = await ask(`/v1/scans/counts${query}`, { key: this.door.key });
    await store.put("counts", this.counts);
    this.doubles = this.counts.double ? (await ask(`/v1/scans/doubles${query}`, { key: this.door.key })).items : [];
  }

  // aheadBy is how far this clock is ahead of the server's, which answered at a moment between two of
  // ours. What we took it for stays while that can be; a clock that was set since is measured anew.
  aheadBy(began, ended, at, first) {
    const now = Math.round((began + ended) / 2 - at);
    return first || Math.abs(now - this.ahead) > (ended - began) / 2 + 1 ? now : this.ahead;
  }

  // guests searches the list of the door; only the server has it.
  guests(text) {
    return ask(`/v1/scans/guests?event=${this.door.event}&limit=8&q=${encodeURIComponent(text)}`, { key: this.door.key });
  }

  setOnline(yes) { this.online = yes; }

  refusedBy(error) {
    this.barred = barred(error);
    this.trouble = this.barred ? say("%v What was scanned is kept here.", error.message) : error.message;
  }
}
