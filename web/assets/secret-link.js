// A link's secret stands behind its #, which no server and no log sees. This puts it into the
// form and sends it; the address is cleaned, so that it stays in no history.
const form = document.querySelector("[data-secret-link]");
const secret = location.hash.slice(1);
if (form && secret) {
  history.replaceState(null, "", location.pathname);
  form.elements.secret.value = secret;
  form.requestSubmit();
}
