// The check-in page of a scanner: what is seen, heard and touched. What it knows and does is in
// door-link.js.
import * as store from "./door-store.js";
import { Link, Refused, ask } from "./door-link.js";
import { alarm, wake } from "./door-alarm.js";
import { watch } from "./door-camera.js";
import { lang, say } from "./say.js";

const $ = (id) => document.getElementById(id);
const rest = 10_000; // milliseconds between two meetings with the server
const quickly = 1500; // how long a good verdict stays
const scanned = 500; // between a hand scanner's last letter and its Enter
const again = 4000; // the same code in sight is not asked again for so long

const full = say("This device lets the page keep nothing. Make room on it, leave the browser’s private mode, or take another one.");

const words = {
  admitted: [say("Go in"), ""],
  already_used: [say("Stop"), say("Already used")],
  void: [say("Stop"), say("Refunded or cancelled")],
  wrong_version: [say("Stop"), say("Handed on: this code is an old one")],
  wrong_event: [say("Stop"), say("A ticket of another event")],
  unknown: [say("Stop"), say("Not a ticket of ours")],
};

const count = new Intl.NumberFormat(lang);

// The windows of one device share what it keeps. A camera opens the code of the page Scanners in a new
// one: those that are open for the door before must not go on writing what they know of it.
const others = new BroadcastChannel("usher-door");
others.onmessage = () => location.reload();

let door, link, clock, camera, back;
let shown = { code: "", at: 0, stays: false };
let hide;

const time = (at) => clock.format(new Date(at));

// money writes an amount: "€52.00".
function money({ minor, currency }) {
  const form = new Intl.NumberFormat(lang, { style: "currency", currency });
  return form.format(minor / 10 ** form.resolvedOptions().maximumFractionDigits);
}

async function enrol(code) {
  $("refused").hidden = true;
  try {
    const before = await store.get("door");
    if (before) await settle(before);
    const key = await ask("/v1/scanners/enrol", { body: { code } });
    const about = await ask(`/v1/scans/door?event=${encodeURIComponent(key.event)}`, { key: key.secret });
    await store.enter({ key: key.secret, device: key.name, ...about }, before);
    others.postMessage("entered");
    await begin();
  } catch (error) {
    $("refused").textContent = error instanceof Refused ? error.message : error instanceof TypeError || error.name === "TimeoutError" ? say("There is no network. Enrolling needs it.") : full;
    $("refused").hidden = false;
    if (!link) $("enrol").hidden = false;
  }
}

// settle reports what waits of the door before, while its key is good.
async function settle(before) {
  const old = new Link(before, () => {});
  await old.load();
  if (old.left) await old.meet();
}

async function begin() {
  door = await store.get("door");
  if (!door) { $("enrol").hidden = false; return; }
  clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: door.zone });
  link = new Link(door, draw);
  await link.load();
  $("event").textContent = door.title;
  $("device").textContent = door.device;
  $("enrol").hidden = true;
  $("work").hidden = false;
  draw();
  await link.meet();
  setInterval(() => link.meet(), rest);
}

function draw() {
  const { counts, waiting, takings, elsewhere, inHere, online, trouble } = link;
  $("in").textContent = count.format(counts.in + inHere);
  $("valid").textContent = count.format(counts.valid);
  $("net").textContent = online ? say("Online") : link.ready ? say("Offline: checking here") : say("Offline");
  $("net").dataset.state = online ? "on" : "off";
  $("kept").textContent = [waiting.size && (waiting.size === 1 ? say("1 scan waits to be reported") : say("%v scans wait to be reported", count.format(waiting.size))),
    takings.length && (takings.length === 1 ? say("1 payment waits to be reported") : say("%v payments wait to be reported", count.format(takings.length))),
    elsewhere > 0 && say("What another event’s door has not reported waits here: enrol this device there again")].filter(Boolean).join(" · ");
  $("trouble").textContent = trouble;
  $("trouble").hidden = !trouble;
  $("doubles").hidden = link.doubles.length === 0;
  fill($("double-list"), link.doubles, (d) => [strong(ticketOf(d)), ...d.uses.map((u, i) => line(i ? say("again at %v by %v", time(u.at), u.device) : say("first at %v by %v", time(u.at), u.device)))]);
  $("past").hidden = link.recent.length === 0;
  fill($("past-list"), link.recent, (s) => [strong(s.undone ? say("Undone") : words[s.verdict][1] || say("Let in")), line(parts(time(s.at), s.order && ticketOf(s), !s.told && say("not reported yet"))),
    ...(s.verdict === "admitted" && s.told && !s.undone ? [undoing(s, $("past-note"))] : [])]);
}

const ref = (order) => order.slice(-8).toUpperCase();
const ticketOf = ({ n, order }) => say("Ticket %v of order %v", n, ref(order));
const parts = (...some) => some.filter(Boolean).join(" · ");

function fill(list, items, parts) {
  list.replaceChildren(...items.map((item) => {
    const li = document.createElement("li");
    li.append(...parts(item));
    return li;
  }));
}

const element = (name, text) => Object.assign(document.createElement(name), { textContent: text });
const strong = (text) => element("strong", text);
const line = (text) => element("span", text);

// show puts a verdict over everything. A refusal, and money that is to be taken, stay until they
// are touched, so that nobody slips by while the next one is scanned.
function show(good, word, why, detail, due) {
  clearTimeout(hide);
  if ($("verdict").hidden) back = document.activeElement;
  const box = $("verdict"), goes = good && !due;
  box.dataset.verdict = good ? "good" : "bad";
  box.toggleAttribute("data-due", Boolean(due));
  $("due").textContent = due ? say("%v to pay", money(due)) : "";
  $("received").hidden = !due;
  $("received").disabled = false;
  $("word").textContent = word;
  $("why").textContent = why;
  $("detail").textContent = detail;
  $("next").textContent = goes ? say("Next") : say("Seen: next");
  box.hidden = false;
  alarm(goes ? "good" : good ? "due" : "bad");
  [shown.stays, shown.due] = [!goes, due];
  if (goes) hide = setTimeout(close, quickly); else $("next").focus();
}

function close() {
  const inside = $("verdict").contains(document.activeElement);
  $("verdict").hidden = true;
  if (inside) back?.focus(); // where a hand scanner types the next one
  shown.stays = false;
  shown.at = Date.now();
}

// take records the money of the verdict that is shown, if it still is when that is done.
async function take() {
  const { due } = shown;
  $("received").disabled = true;
  const problem = await received(due);
  if (shown.due !== due || $("verdict").hidden) return;
  $("received").disabled = false;
  $("received").hidden = !problem;
  $("verdict").toggleAttribute("data-due", Boolean(problem));
  if (problem) $("detail").textContent = problem; else $("due").textContent = say("%v received", money(due));
}

// received says why the money could not be recorded; nothing when it was.
async function received(due) {
  try {
    await link.receive(due);
    return "";
  } catch (error) {
    return error instanceof Refused ? error.message : say("It cannot be kept on this device: write down the order and the amount.");
  }
}

let turn = Promise.resolve();

// checkOne asks one after the other: two scans of one ticket must not both go in.
function checkOne(what) {
  turn = turn.then(async () => {
    try {
      const { scan, before, due } = await link.check(what);
      const [word, why] = words[scan.verdict];
      const detail = parts(scan.order && ticketOf(scan), scan.offline && say("checked offline"));
      show(scan.verdict === "admitted", word, before ? say("%v at %v by %v", why, time(before.t), before.d) : why, detail, due);
    } catch (error) {
      show(false, say("Not checked"), error instanceof DOMException ? full : error.message, "");
    }
    draw();
  });
  return turn;
}

function seen(code) {
  if (shown.stays || code === shown.code && Date.now() - shown.at < again) return undefined;
  shown.code = code;
  return checkOne({ code }).then(() => { shown.at = Date.now(); });
}

// toPay are what a guest of the list has to pay, and the button that records it.
function toPay(g, text) {
  if (!g.due_minor) return [];
  const due = { order: g.order, minor: g.due_minor, currency: g.currency };
  const button = element("button", say("Received"));
  button.className = "button small take";
  button.setAttribute("aria-label", say("Received: %v for %v", money(due), ref(g.order)));
  button.addEventListener("click", async () => {
    button.disabled = true;
    const problem = await received(due);
    await search(text);
    $("found-note").textContent = problem || say("%v received for %v.", money(due), ref(g.order));
  });
  return [element("b", say("%v to pay", money(due))), button];
}

// undoing is the button that takes back that somebody went in; note says why it could not.
function undoing(ticket, note, after = () => {}) {
  const button = element("button", say("Undo"));
  button.type = "button";
  button.className = "button small";
  button.setAttribute("aria-label", say("Undo: %v", ticketOf(ticket)));
  button.addEventListener("click", async () => {
    button.disabled = true;
    const problem = await link.undo(ticket).then(() => "", (error) => error instanceof Refused ? error.message : say("Undoing needs the network: the other doors must know of it."));
    await after();
    button.disabled = false;
    note.textContent = problem || say("%v: not in any more. Whoever comes with it next goes in.", ticketOf(ticket));
    draw();
  });
  return button;
}

async function search(text) {
  const note = $("found-note");
  fill($("found"), [], () => []);
  try {
    const { items } = await link.guests(text);
    note.textContent = items.length ? "" : say("Nobody by that name or order.");
    fill($("found"), items, (g) => {
      const button = element("button", g.void ? say("Void") : say("Let in"));
      button.className = "button small";
      button.disabled = g.void;
      button.setAttribute("aria-label", say("%v: %v, ticket %v", button.textContent, g.name, g.n));
      button.addEventListener("click", () => checkOne({ order: g.order, n: g.n }).then(() => search(text)));
      return [strong(g.name || say("No name")), line(parts(g.title + (g.seat ? `, ${g.seat}` : ""), ticketOf(g), g.in_at && say("in at %v", time(g.in_at)))), g.uses ? undoing(g, note, () => search(text)) : button, ...toPay(g, text)];
    });
  } catch (error) {
    note.textContent = error instanceof Refused ? error.message : say("Without a network the list cannot be searched. A ticket’s code is checked all the same.");
  }
}

$("enrol-form").addEventListener("submit", (event) => { event.preventDefault(); enrol($("code").value.trim()); });
$("next").addEventListener("click", close);

// A hand scanner types, and ends with Enter: the next ticket does not touch away what is shown.
let typed = 0;
$("verdict").addEventListener("keydown", ({ key }) => { if (key.length === 1 && key !== " ") typed = Date.now(); });
$("verdict").addEventListener("click", (event) => {
  if (event.detail > 0 || Date.now() - typed > scanned) return; // touched, or a key that somebody pressed
  event.stopPropagation();
  alarm("bad");
}, true);
$("received").addEventListener("click", take);
$("hand-form").addEventListener("submit", (event) => {
  event.preventDefault();
  wake();
  const text = $("hand").value.trim();
  if (!text) return;
  if (text.replace(/\s+/g, "").length < 60) { search(text); return; }
  $("hand").value = "";
  checkOne({ code: text });
});

$("camera").addEventListener("click", async () => {
  wake();
  $("camera-note").textContent = "";
  try {
    camera = await watch($("view"), seen);
    looking(true);
    camera.addEventListener("ended", () => looking(false)); // somebody called, or took the camera
  } catch (error) {
    $("camera-note").textContent = error.name === "NotAllowedError" ? say("The camera was not allowed. Allow it in the browser’s settings of this page.") : say("There is no camera. Type or paste the code below.");
  }
});

// looking shows what the camera sees, or how to start it.
function looking(yes) {
  $("camera").hidden = yes;
  $("view").hidden = !yes;
  $("light").hidden = !yes || !camera.getCapabilities?.().torch;
  $("light").setAttribute("aria-pressed", false);
  stayAwake();
}

// stayAwake keeps the screen on while the camera looks. The browser forgets it when the page is hidden.
function stayAwake() { if (!$("view").hidden) navigator.wakeLock?.request("screen").catch(() => {}); }

$("light").addEventListener("click", () => {
  const lit = $("light").getAttribute("aria-pressed") !== "true";
  camera.applyConstraints({ advanced: [{ torch: lit }] });
  $("light").setAttribute("aria-pressed", lit);
});

$("leave").addEventListener("click", async () => {
  if (link.left) { $("trouble").textContent = say("Scans or payments still wait to be reported: leave when they are."); $("trouble").hidden = false; return; }
  await store.forget();
  others.postMessage("left");
  location.reload();
});

addEventListener("online", () => link?.meet());
addEventListener("offline", () => { link?.setOnline(false); if (link) draw(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) { link?.meet(); stayAwake(); } });

const code = location.hash.slice(1);
if (code) history.replaceState(null, "", location.pathname); // the code stays in no history
try {
  if (code) await enrol(code);
  if (!link) await begin();
} catch {
  $("refused").textContent = full;
  $("refused").hidden = false;
}
if (navigator.serviceWorker) {
  const installed = await navigator.serviceWorker.register("/assets/door-worker.js", { scope: "/scan/" });
  installed.active?.postMessage("renew");
  await navigator.serviceWorker.ready;
  document.documentElement.dataset.kept = "yes";
}
navigator.storage?.persist?.();
