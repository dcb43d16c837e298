// Takes a second press of a form's button for the first one: the browser would drop the first
// answer, and show the one to the second, which tells less, or only that it was done already.
const forms = document.querySelectorAll("form[data-once]");

function press(form, able) {
  for (const button of form.querySelectorAll("button")) button.disabled = !able;
}

for (const form of forms) {
  form.addEventListener("submit", () => {
    requestAnimationFrame(() => press(form, false)); // the button that was pressed is still sent
    setTimeout(() => press(form, true), 10000); // the answer never came: try again
  });
}
addEventListener("pageshow", () => forms.forEach((form) => press(form, true)));
