// Moves the page Stream along. The server draws every fragment; the table is the
// chart's data.
import { chart } from "./chart.js";

const figure = document.querySelector("[data-live]");
const draw = await chart(figure);
const rows = figure.querySelector("tbody");
const numbers = document.getElementById("numbers");

new EventSource(figure.dataset.live).addEventListener("intake", (event) => {
  const now = JSON.parse(event.data);
  rows.innerHTML = now.points;
  numbers.innerHTML = now.numbers;
  draw();
});
