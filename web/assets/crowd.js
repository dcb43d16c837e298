// The queue's chart, and the replay: a slider that draws each published picture on a canvas
// over the plan. Without this module the links do the same, a picture at a time.
import { chart } from "./chart.js";
import { say } from "./say.js";

for (const figure of document.querySelectorAll("[data-queue]")) chart(figure);

const stack = document.querySelector("[data-replay]");
const slider = document.querySelector("[data-slider]");

async function replay() {
  const day = await (await fetch(stack.dataset.replay)).json();
  if (day.pictures.length < 2) return;
  const canvas = stack.querySelector("canvas");
  const svg = stack.querySelector("svg");
  const input = slider.querySelector("input");
  const output = slider.querySelector("output");
  const play = slider.querySelector("[data-play]");
  let timer = 0;

  function size() {
    const box = svg.getBoundingClientRect();
    const scale = Math.min(box.width / day.width, box.height / day.height);
    const ratio = devicePixelRatio || 1;
    canvas.width = box.width * ratio;
    canvas.height = box.height * ratio;
    return { scale: scale * ratio, left: (canvas.width - day.width * scale * ratio) / 2, top: (canvas.height - day.height * scale * ratio) / 2 };
  }

  function draw() {
    const picture = day.pictures[input.valueAsNumber];
    const { scale, left, top } = size();
    const on = canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const cell = day.cell * scale;
    const pixel = (at, from) => Math.round(from + at * cell);
    on.font = `bold ${Math.max(1.6 * scale, 9)}px system-ui`;
    on.textAlign = "center";
    on.textBaseline = "middle";
    const letters = [];
    for (const block of picture.blocks ?? []) {
      on.globalAlpha = block.level === "A" ? 0.35 : 0.8;
      on.fillStyle = style.getPropertyValue(`--heat-${block.level.toLowerCase()}`);
      let x = 0, y = 0, n = 0;
      for (const [at, run] of block.cells) {
        const row = at >> 16, column = at & 0xffff;
        const from = pixel(column, left), above = pixel(row, top);
        on.fillRect(from, above, pixel(column + run, left) - from, pixel(row + 1, top) - above);
        x += (column + run / 2) * run; y += (row + 0.5) * run; n += run;
      }
      if (block.level !== "A") letters.push([block.level, left + x / n * cell, top + y / n * cell]);
    }
    on.globalAlpha = 1;
    for (const [level, x, y] of letters) {
      on.fillStyle = level === "E" || level === "F" ? "#fff" : "#1b2422";
      on.fillText(level, x, y);
    }
    const people = picture.total ? `${say("about")} ${Math.round(picture.total.people)} ${say("people")}` : say("fewer than 10 people");
    output.textContent = `${picture.bin.slice(11, 16)} UTC, ${people}`;
    input.setAttribute("aria-valuetext", output.textContent);
  }

  function stop() { clearInterval(timer); timer = 0; play.textContent = say("Play"); }

  function step() {
    if (input.valueAsNumber >= day.pictures.length - 1) return stop();
    input.valueAsNumber += 1;
    draw();
  }

  input.max = day.pictures.length - 1;
  input.valueAsNumber = day.pictures.length - 1;
  input.addEventListener("input", () => { stop(); draw(); });
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (input.valueAsNumber >= day.pictures.length - 1) input.valueAsNumber = 0;
    play.textContent = say("Pause");
    draw();
    timer = setInterval(step, 600);
  });
  new ResizeObserver(draw).observe(svg);
  svg.querySelector(".plan-heat").setAttribute("visibility", "hidden");
  canvas.hidden = slider.hidden = false;
  draw();
}

if (stack && slider) replay();
