// Counts the hold of a cart down. The server said how many seconds; this clock counts
// from then and is never compared with the visitor's own.
const box = document.getElementById("countdown");
const left = box.querySelector("[data-left]");
const began = performance.now();
const total = Number(box.dataset.seconds);

// clock is 9:59, or 23:59:59 for an offer that is kept for a day.
function clock(seconds) {
  const parts = [seconds / 3600, seconds / 60 % 60, seconds % 60].map((part) => Math.floor(part));
  return (parts[0] ? parts : parts.slice(1)).map((part, i) => String(part).padStart(i ? 2 : 1, "0")).join(":");
}

function tick() {
  const seconds = Math.max(Math.ceil(total - (performance.now() - began) / 1000), 0);
  left.textContent = clock(seconds);
  if (seconds === 0) location.replace(box.dataset.ended);
  else setTimeout(tick, 1000 - ((performance.now() - began) % 1000));
}
tick();
