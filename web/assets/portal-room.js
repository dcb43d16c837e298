// Asks how the visitor stands in the waiting room, as often as the server says and not
// more often, and goes in when it is his turn.
const room = document.getElementById("room");

async function ask() {
  let seconds = 10;
  try {
    const answer = await fetch(room.dataset.ask, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer.status === 204) {
      location.assign(answer.headers.get("Location"));
      return;
    }
    seconds = Number(answer.headers.get("Retry-After")) || seconds;
    if (answer.ok) room.innerHTML = await answer.text();
  } catch { /* the network is away: ask again later */ }
  setTimeout(ask, seconds * 1000);
}
setTimeout(ask, (Number(room.dataset.seconds) || 10) * 1000);
