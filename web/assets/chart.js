// Draws the table inside a figure as a line. The table stays: it is the chart's
// data, and what is read where the chart cannot be. With data-time the first column
// is seconds since 1970; an empty value is a gap.

import { lang } from "./say.js";

// clock is an instant of an axis in UTC: 18:00, 18:00:30, or the day at midnight.
function clock(seconds) {
  const iso = new Date(seconds * 1e3).toISOString();
  const time = iso.slice(11, 19).replace(/:00$/, "");
  return time === "00:00" ? iso.slice(5, 10) : time;
}

// chart gives a function that draws the figure anew from its table.
export async function chart(figure) {
  let uPlot;
  try {
    uPlot = (await import("./vendor/uPlot.esm.js")).default;
  } catch {
    figure.querySelector("details").open = true; // `make assets` was not run
    return () => {};
  }
  const place = figure.querySelector(".plot");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const timed = "time" in figure.dataset;
  let plot = null;

  function columns() {
    const rows = [...figure.querySelectorAll("tbody tr")];
    const values = (i) => rows.map((r) => r.cells[i].dataset.v === "" ? null : Number(r.cells[i].dataset.v));
    return [0, 1].map((i) => timed ? values(i) : [0, ...values(i)]);
  }

  function make() {
    plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    plot = new uPlot({
      width: place.clientWidth, height: 220, legend: { show: false }, cursor: { drag: { x: false, y: false } },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
      scales: { x: { time: timed }, y: { range: (_, lo, hi) => [Math.min(lo * 1.1, 0), Math.max(hi * 1.1, lo < 0 ? 0 : 1)] } },
      series: [{}, { stroke: colour("--pine"), fill: colour("--pine") + "26", width: 2, points: { show: false } }],
      axes: [timed ? { ...axis, space: 70, values: (_, all) => all.map(clock) } : { ...axis, values: (_, all) => all.map((v) => `${v.toLocaleString(lang)} s`) }, { ...axis, size: 64, values: (_, all) => all.map((v) => v.toLocaleString(lang)) }],
    }, columns(), place);
  }

  function draw() {
    if (figure.querySelectorAll("tbody tr").length < 2) return;
    if (plot) plot.setData(columns()); else make();
  }

  dark.addEventListener("change", () => { if (plot) make(); });
  new ResizeObserver(() => { plot?.setSize({ width: place.clientWidth, height: 220 }); }).observe(place);
  draw();
  return draw;
}
