// Moves a notification's page along while it goes out. The server draws every
// fragment; this module puts it in place and keeps the chart's table.
import { chart } from "./chart.js";
import { lang, say } from "./say.js";

const section = document.querySelector("[data-live]");
const figure = document.querySelector("[data-chart]");
const draw = figure ? await chart(figure) : () => {};

if (section) {
  const said = document.getElementById("said");
  const source = new EventSource(section.dataset.live);
  const width = Number(figure?.dataset.width) || 1;
  let last = null;
  let quarter = 0;

  source.addEventListener("progress", (event) => {
    const now = JSON.parse(event.data);
    section.innerHTML = now.html;
    grow(now);
    const reached = now.total ? Math.floor(4 * now.recorded / now.total) : 0;
    if (reached > quarter || now.finished) { // not at every event: it would talk without end
      quarter = reached;
      said.textContent = now.finished ? `${say("Finished:")} ${now.say}` : now.say;
    }
    if (now.finished) {
      source.close();
      document.getElementById("cancel")?.remove();
    }
  });

  // A row of the table a span of time; the last one when it is over, too.
  function grow(now) {
    if (!last) { last = now; return; }
    const span = now.seconds - last.seconds;
    if (span <= 0 || span < width && !now.finished) return;
    const outcomes = now.recorded - last.recorded;
    const row = figure.querySelector("tbody").insertRow();
    for (const [v, digits] of [[now.seconds, 1], [outcomes / span, 0]]) {
      const cell = row.insertCell();
      cell.className = "num";
      cell.dataset.v = v.toFixed(digits);
      cell.textContent = v.toLocaleString(lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });
    }
    row.insertCell().className = "num";
    row.cells[2].textContent = outcomes.toLocaleString(lang);
    row.insertCell().className = "num";
    last = now;
    draw();
  }
}
