// Usher's widget: an event's prices and a button, in somebody else's page.
// <script src="https://tickets.example.org/widget.js" data-event="jazz-night" data-lang="en" async></script>
(() => {
  const script = document.currentScript;
  const home = new URL(script.src).origin;
  const frame = document.createElement("iframe");
  const address = new URL("/shop/widget/" + encodeURIComponent(script.dataset.event || ""), home);
  if (script.dataset.lang) address.searchParams.set("lang", script.dataset.lang);
  frame.src = address;
  frame.title = script.dataset.title || "Tickets";
  frame.width = "100%";
  frame.height = "420";
  frame.style.border = "0";
  script.after(frame);
  addEventListener("message", (event) => {
    if (event.origin === home && event.source === frame.contentWindow && Number(event.data?.usherHeight) > 0) {
      frame.height = String(Math.ceil(event.data.usherHeight));
    }
  });
})();
