// What a scanner keeps on the device: its key, the snapshot of the door, and every scan until
// the server has it, and a day longer.
const name = "usher-door";
let opened;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open(name, 1);
    asked.onupgradeneeded = () => {
      for (const store of ["facts", "changed", "used"]) asked.result.createObjectStore(store);
      asked.result.createObjectStore("scans", { keyPath: "id" });
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  return opened;
}

// within runs work on some stores in one transaction, and is done when it is on the disk.
async function within(stores, work) {
  const tx = (await database()).transaction(stores, "readwrite", { durability: "strict" });
  const out = work(...stores.map((store) => tx.objectStore(store)));
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve(out?.result);
    tx.onabort = tx.onerror = () => reject(tx.error);
  });
}

export const get = (key) => within(["facts"], (facts) => facts.get(key));
export const put = (key, value) => within(["facts"], (facts) => { facts.put(value, key); });
export const scans = () => within(["scans"], (all) => all.getAll());
export const keep = (...rows) => within(["scans"], (all) => { for (const row of rows) all.put(row); });
// keepHere keeps a scan that only this device knows, and that its ticket is used, or neither.
export const keepHere = (scan, name, use) => within(["scans", "used"], (all, used) => { all.put(scan); if (name) used.put(use, name); });
export const drop = (ids) => within(["scans"], (all) => { for (const id of ids) all.delete(id); });
export const markUsed = (key, use) => within(["used"], (used) => { used.put(use, key); });
export const unmark = (key) => within(["used"], (used) => { used.delete(key); });

// snapshot replaces what has changed, drops the uses that were taken back and adds those that are new.
export const snapshot = (about, changed, used, undone) => within(["facts", "changed", "used"], (facts, c, u) => {
  facts.put(about, "snapshot");
  c.clear();
  for (const [key, value] of changed) c.put(value, key);
  for (const key of undone) u.delete(key);
  for (const [key, value] of used) u.put(value, key);
});

// map reads a whole store into a Map.
export async function map(store) {
  let keys;
  const values = await within([store], (s) => { keys = s.getAllKeys(); return s.getAll(); });
  return new Map(keys.result.map((key, i) => [key, values[i]]));
}

// takings changes the list of what was taken, as it is on the disk: another window may have added to it.
export const takings = (change) => within(["facts"], (facts) => {
  facts.get("takings").onsuccess = ({ target }) => facts.put(change(target.result ?? []), "takings");
});

// enter makes the device a scanner of a door. What it knows of another event's goes; what is still to
// be reported stays, for there is no other place where it is written down.
export const enter = (door, before) => within(["facts", "changed", "used", "scans"], (facts, changed, used, all) => {
  facts.put(door, "door");
  if (!before || before.event === door.event) return;
  for (const key of ["snapshot", "counts"]) facts.delete(key);
  for (const store of [changed, used]) store.clear();
  all.openCursor().onsuccess = ({ target: { result: at } }) => {
    if (!at) return;
    if (at.value.told) at.delete(); else at.update({ event: before.event, ...at.value });
    at.continue();
  };
});

export const forget = () => within(["facts", "changed", "used", "scans"], (...all) => { for (const store of all) store.clear(); });
