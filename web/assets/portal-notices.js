// Turns notifications on for this browser: asks the visitor, subscribes at his browser's
// push service, and tells the shop.
const button = document.getElementById("turn-on");
const told = document.getElementById("told");
const able = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

function bytes(base64url) {
  const plain = atob(base64url.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
}

async function turnOn() {
  if (await Notification.requestPermission() !== "granted") return told.textContent = button.dataset.denied;
  await navigator.serviceWorker.register("/shop/sw.js", { scope: "/shop/" });
  const worker = await navigator.serviceWorker.ready;
  const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(button.dataset.key) });
  const { endpoint, keys } = subscription.toJSON();
  const topics = [...document.querySelectorAll("input[name=topic]:checked")].map((box) => box.value);
  const answer = await fetch("/shop/notices/browser", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ endpoint, keys, topics }) });
  if (!answer.ok) throw new Error("not registered");
  location.assign("/shop/notices?said=saved");
}

if (button) {
  button.hidden = !able;
  if (!able) told.textContent = button.dataset.unable;
  button.addEventListener("click", () => turnOn().catch(() => { told.textContent = button.dataset.failed; }));
}
