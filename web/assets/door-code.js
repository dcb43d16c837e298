// Reads a ticket's code as modules/sales/admission/code.go writes it: base32 of
// format (1) ‖ key id (4) ‖ event (16) ‖ order (16) ‖ n (2) ‖ version (2) ‖ Ed25519 signature (64).
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const signed = 41;
const size = 105;

// keyring prepares the public keys of a snapshot, base64, by the first four bytes of their SHA-256.
export async function keyring(texts) {
  const ring = new Map();
  for (const text of texts) {
    const raw = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", raw));
    ring.set(hex(sum.subarray(0, 4)), await verifier(raw));
  }
  return ring;
}

// verifier checks signatures with the browser's own Ed25519, or with a library's.
async function verifier(raw) {
  try {
    const key = await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]);
    return (signature, message) => crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
  } catch {
    const { verifyAsync } = await import("./vendor/ed25519.js");
    return (signature, message) => verifyAsync(signature, message, raw, { zip215: false }).catch(() => false);
  }
}

// open gives {event, order, n, version}, or null for what none of the keys signed.
export async function open(text, ring) {
  const b = bytesOf(text);
  if (!b || b[0] !== 1) return null;
  const good = ring.get(hex(b.subarray(1, 5)));
  if (!good || !await good(b.slice(signed), b.slice(0, signed))) return null;
  const view = new DataView(b.buffer);
  return { event: uuid(b.subarray(5, 21)), order: uuid(b.subarray(21, 37)), n: view.getUint16(37), version: view.getUint16(39) };
}

function bytesOf(text) {
  const code = text.replace(/\s+/g, "").toUpperCase();
  if (code.length !== size * 8 / 5) return null;
  const out = new Uint8Array(size);
  let held = 0, bits = 0, at = 0;
  for (const c of code) {
    const value = letters.indexOf(c);
    if (value < 0) return null;
    held = (held << 5 | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = held >> bits & 0xff;
    }
  }
  return out;
}

const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

const uuid = (bytes) => hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
