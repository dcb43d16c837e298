// Moves the page Now along. The server draws every fragment; what has the focus keeps it.
const live = document.getElementById("live");

new EventSource(live.dataset.live).addEventListener("now", (event) => {
  const held = live.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  live.innerHTML = JSON.parse(event.data).html;
  if (held) live.querySelector(`a[href="${CSS.escape(held)}"]`)?.focus();
});
