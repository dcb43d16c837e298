// Clicks on the floor plan fill the form whose button "Draw" or "Place" was pressed. Without
// this module the same forms take the numbers.
import { say } from "./say.js";

const frame = document.querySelector("[data-editor]");
const plan = frame?.querySelector("[data-plan]");
const hint = frame?.querySelector("[data-hint]");
let form = null;

// metres is where a pointer event lies on the plan, to the decimetre.
function metres(event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(plan.getScreenCTM().inverse());
  const { width, height } = plan.viewBox.baseVal;
  const within = (v, most) => Math.round(Math.min(Math.max(v, 0), most) * 10) / 10;
  return [within(at.x, width), within(at.y, height)];
}

// sketch shows what the form holds now.
function sketch() {
  plan.querySelector(".plan-sketch")?.remove();
  if (!form) return;
  const outline = form.elements.outline;
  const shape = document.createElementNS("http://www.w3.org/2000/svg", outline ? "polygon" : "circle");
  shape.setAttribute("class", "plan-sketch");
  if (outline) {
    shape.setAttribute("points", outline.value);
  } else {
    shape.setAttribute("cx", form.elements.x.value || 0);
    shape.setAttribute("cy", form.elements.y.value || 0);
    shape.setAttribute("r", plan.viewBox.baseVal.width / 100);
  }
  plan.append(shape);
}

function begin(button) {
  form = button.form;
  if (form.elements.outline) form.elements.outline.value = "";
  hint.textContent = say(form.elements.outline ? "Click the corners in their order, then save." : "Click the place, then save.");
  plan.classList.add("plan-drawing");
  frame.scrollIntoView({ block: "nearest" });
  sketch();
}

if (plan) {
  for (const button of document.querySelectorAll("[data-start]")) {
    button.hidden = false;
    button.addEventListener("click", () => begin(button));
  }
  plan.addEventListener("click", (event) => {
    if (!form) return;
    const [x, y] = metres(event);
    if (form.elements.outline) {
      form.elements.outline.value = `${form.elements.outline.value} ${x},${y}`.trim();
    } else {
      form.elements.x.value = x;
      form.elements.y.value = y;
    }
    hint.textContent = `${x}, ${y} m`;
    sketch();
  });
  for (const outline of document.querySelectorAll("[name=outline]")) outline.addEventListener("input", () => { if (form === outline.form) sketch(); });
}
