// Keeps the prices of an event's page true while somebody looks at them. What was
// chosen stays; a price that moves is shown, and said once.
const form = document.querySelector("form[data-live]");
const said = document.getElementById("said");
const anew = document.getElementById("anew");

if (form) {
  const source = new EventSource(form.dataset.live);
  source.addEventListener("prices", (event) => {
    const news = [];
    for (const now of JSON.parse(event.data)) {
      const row = form.querySelector(`[data-category="${now.id}"]`);
      if (row && show(row, now)) news.push(now.say);
      if (now.open && !row?.querySelector("select") && anew.hidden) {
        anew.hidden = false; // what there is to choose comes with the page
        news.push(anew.textContent);
      }
    }
    if (news.length) said.textContent = news.join(" ");
  });
  addEventListener("pagehide", () => source.close());
}

// show puts what is true now into a row, and reports whether its price has moved.
function show(row, now) {
  row.querySelector("[data-part=note]").textContent = now.note;
  const price = row.querySelector("[data-part=price]");
  const moved = price.textContent !== now.price;
  if (moved) {
    price.textContent = now.price;
    row.classList.remove("moved");
    requestAnimationFrame(() => row.classList.add("moved"));
  }
  const was = row.querySelector("[data-part=was]");
  was.textContent = now.was;
  was.hidden = !now.was;
  const unit = row.querySelector("[data-part=unit]");
  if (unit) unit.value = now.unit;
  const choice = row.querySelector("select");
  if (choice) choice.disabled = !now.open;
  return moved;
}
