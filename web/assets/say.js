// The few texts that scripts say themselves, in the language of the page. English is the key;
// what else there is to read the server draws.
const words = {
  de: {
    "Copied": "Kopiert", "Copy": "Kopieren", "Play": "Abspielen", "Stop": "Anhalten", "Finished:": "Fertig:",
    "Value": "Wert", "Facts": "Fakten", "Until": "Bis", "No window is open.": "Kein Fenster ist offen.",
    "final": "endgültig", "incomplete": "unvollständig", "provisional": "vorläufig",
    "about": "etwa", "people": "Personen", "fewer than 10 people": "weniger als 10 Personen",
    "Click the corners in their order, then save.": "Klicken Sie die Ecken der Reihe nach an, dann speichern Sie.",
    "Click the place, then save.": "Klicken Sie den Platz an, dann speichern Sie.",
  },
};

export const lang = document.documentElement.lang;
export const say = (text) => words[lang]?.[text] ?? text;
