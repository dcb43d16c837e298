// Small comforts of the form: filling in a time chooses it, and after a preview
// or a refusal the page opens where the answer stands.
for (const input of document.querySelectorAll("[data-when]")) {
  input.addEventListener("input", () => {
    document.querySelector(`input[name=when][value=${input.dataset.when}]`).checked = true;
  });
}
const answer = document.getElementById("faults") ?? document.getElementById("preview");
answer?.scrollIntoView({ block: "start" });
if (answer?.id === "preview") answer.focus({ preventScroll: true });
