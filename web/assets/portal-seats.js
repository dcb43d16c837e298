// Counts chosen seats and lets nobody choose more than an order may hold.
const form = document.querySelector(".plan");
const told = document.getElementById("chosen");
const boxes = [...form.querySelectorAll("input[name=seat]")];
const most = Number(told.dataset.max);

function count() {
  const n = boxes.filter((b) => b.checked).length;
  for (const b of boxes) b.disabled = b.closest(".taken") !== null || n >= most && !b.checked;
  told.textContent = n === 0 ? told.dataset.none : n === 1 ? told.dataset.single : told.dataset.many.replace(/98.?765/, n);
}
form.addEventListener("change", count);
count();

// Says that the plan goes on to the side as long as it does.
const rows = document.getElementById("plan-rows");
const hint = document.getElementById("plan-hint");
new ResizeObserver(() => { hint.hidden = rows.scrollWidth <= rows.clientWidth; }).observe(rows);
