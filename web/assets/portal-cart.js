// Counts the hold of a cart down. The server said how many seconds; this clock counts
// from then and is never compared with the visitor's own.
const box = document.getElementById("countdown");
const left = box.querySelector("[data-left]");
const began = performance.now();
const total = Number(box.dataset.seconds);

function tick() {
  const seconds = Math.max(Math.ceil(total - (performance.now() - began) / 1000), 0);
  left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (seconds === 0) location.replace(box.dataset.ended);
  else setTimeout(tick, 1000 - ((performance.now() - began) % 1000));
}
tick();
