// Moves a query's page along: provisional outputs every second, finals when they
// come. The tables are the chart's data.
import { chart } from "./chart.js";
import { lang, say } from "./say.js";

const figure = document.querySelector("[data-live]");
const draw = await chart(figure);
const body = figure.querySelector("tbody");
const open = document.querySelector("#open tbody");
const kept = 240; // rows of the line

const clock = (iso) => {
  const d = new Date(iso);
  const month = d.toLocaleString("en", { month: "short", timeZone: "UTC" });
  return `${d.getUTCDate()} ${month}, ${d.toISOString().slice(11, 19)}`;
};
const shown = (v) => v === null ? "–" : Number.isInteger(v) ? v.toLocaleString(lang, { useGrouping: false }) : Number(v.toPrecision(4)).toLocaleString(lang, { maximumSignificantDigits: 4, useGrouping: false });

function cell(row, text, type = "td", label = "") {
  const c = document.createElement(type);
  c.textContent = text;
  if (label) c.dataset.label = say(label);
  if (label === "Value" || label === "Facts") c.className = "num";
  row.append(c);
  return c;
}

function point(o, state) {
  const at = Math.floor(Date.parse(o.end) / 1000);
  [...body.rows].find((r) => Number(r.cells[0].dataset.v) === at && r.dataset.state !== "final")?.remove();
  if ([...body.rows].some((r) => Number(r.cells[0].dataset.v) === at)) return; // final already
  const row = document.createElement("tr");
  row.dataset.state = state;
  cell(row, clock(o.end)).dataset.v = at;
  cell(row, shown(o.value), "td", "Value").dataset.v = o.value ?? "";
  cell(row, o.revision, "td", "Facts");
  cell(row, say(state));
  const after = [...body.rows].find((r) => Number(r.cells[0].dataset.v) > at);
  body.insertBefore(row, after ?? null);
}

new EventSource(figure.dataset.live).addEventListener("outputs", (event) => {
  const now = JSON.parse(event.data);
  const own = (o) => o.key === figure.dataset.key;
  for (const r of [...body.rows]) if (r.dataset.state === "provisional") r.remove();
  for (const o of now.final.filter(own)) point(o, o.complete ? "final" : "incomplete");
  for (const o of now.provisional.filter(own)) point(o, "provisional");
  while (body.rows.length > kept) body.rows[0].remove();
  draw();

  open.replaceChildren();
  for (const o of now.provisional) {
    const row = open.insertRow();
    cell(row, o.key || "–", "th").scope = "row";
    cell(row, clock(o.end), "td", "Until");
    cell(row, shown(o.value), "td", "Value");
    cell(row, o.revision, "td", "Facts");
  }
  if (!now.provisional.length) {
    const none = cell(open.insertRow(), say("No window is open."));
    none.colSpan = 4;
    none.className = "quiet";
  }
});
