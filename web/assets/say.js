// The few texts that scripts say themselves, in the language of the page. English is the key;
// what else there is to read the server draws.
const words = {
  de: {
    "Copied": "Kopiert", "Copy": "Kopieren", "Play": "Abspielen", "Pause": "Anhalten", "Finished:": "Fertig:",
    "Value": "Wert", "Facts": "Fakten", "Until": "Bis", "No window is open.": "Kein Fenster ist offen.",
    "final": "endgültig", "incomplete": "unvollständig", "provisional": "vorläufig",
    "about": "etwa", "people": "Personen", "fewer than 10 people": "weniger als 10 Personen",
    "Click the corners in their order, then save.": "Klicken Sie die Ecken der Reihe nach an, dann speichern Sie.",
    "Click the place, then save.": "Klicken Sie den Platz an, dann speichern Sie.",
    "Go in": "Hinein", "Stop": "Halt", "Already used": "Schon benutzt", "Refunded or cancelled": "Erstattet oder abgesagt", "Handed on: this code is an old one": "Weitergegeben: Dieser Code ist ein alter",
    "A ticket of another event": "Ein Ticket einer anderen Veranstaltung", "Not a ticket of ours": "Keines unserer Tickets", "Not checked": "Nicht geprüft", "checked offline": "ohne Netz geprüft",
    "There is no network. Enrolling needs it.": "Es ist kein Netz da. Das Anmelden braucht es.", "Online": "Online", "Offline": "Offline", "Offline: checking here": "Offline: Hier wird geprüft",
    "1 scan waits to be reported": "1 Scan ist noch zu melden", "%v scans wait to be reported": "%v Scans sind noch zu melden", "not reported yet": "noch nicht gemeldet",
    "Ticket %v of order %v": "Ticket %v der Bestellung %v", "first at %v by %v": "zuerst um %v von %v", "again at %v by %v": "wieder um %v von %v", "%v at %v by %v": "%v um %v von %v",
    "Let in": "Einlassen", "Undo": "Zurücknehmen", "Undone": "Zurückgenommen", "Undo: %v": "Zurücknehmen: %v", "Void": "Ungültig", "No name": "Ohne Namen", "in at %v": "drin um %v", "%v: %v, ticket %v": "%v: %v, Ticket %v", "Next": "Weiter", "Seen: next": "Gesehen: weiter",
    "%v to pay": "%v zu zahlen", "Received": "Erhalten", "%v received": "%v erhalten", "%v received for %v.": "%v erhalten für %v.", "Received: %v for %v": "Erhalten: %v für %v",
    "It cannot be kept on this device: write down the order and the amount.": "Es lässt sich auf diesem Gerät nicht aufheben: Schreiben Sie Bestellung und Betrag auf.",
    "1 payment waits to be reported": "1 Zahlung ist noch zu melden",
    "%v payments wait to be reported": "%v Zahlungen sind noch zu melden",
    "%v: not in any more. Whoever comes with it next goes in.": "%v: nicht mehr drin. Wer als Nächstes damit kommt, geht hinein.", "Undoing needs the network: the other doors must know of it.": "Zurücknehmen geht nur mit Netz: Die anderen Türen müssen davon erfahren.",
    "This door has no such ticket.": "Diese Tür hat kein solches Ticket.", "Nobody is in with this ticket any more.": "Mit diesem Ticket ist niemand mehr drin.",
    "Nobody by that name or order.": "Niemand mit diesem Namen oder dieser Bestellung.", "Without a network the list cannot be searched. A ticket’s code is checked all the same.": "Ohne Netz kann die Liste nicht durchsucht werden. Der Code eines Tickets wird trotzdem geprüft.",
    "The camera was not allowed. Allow it in the browser’s settings of this page.": "Die Kamera wurde nicht erlaubt. Erlauben Sie sie in den Einstellungen des Browsers für diese Seite.",
    "There is no camera. Type or paste the code below.": "Es gibt keine Kamera. Tippen oder fügen Sie den Code unten ein.", "Scans or payments still wait to be reported: leave when they are.": "Scans oder Zahlungen sind noch zu melden: Verlassen Sie danach.",
    "Nothing is due at this door for this order. Take no money.": "Für diese Bestellung ist an diesem Einlass nichts zu zahlen. Nehmen Sie kein Geld.",
    "This code does not work, or no longer. Have a new one made on the page Scanners.": "Dieser Code gilt nicht oder nicht mehr. Lassen Sie auf der Seite Scanner einen neuen machen.",
    "There is a scanner of this name already. Revoke it on the page Scanners, or choose another name.": "Es gibt schon einen Scanner dieses Namens. Widerrufen Sie ihn auf der Seite Scanner, oder wählen Sie einen anderen Namen.",
    "Another amount is due by now. Scan the ticket again.": "Inzwischen ist ein anderer Betrag zu zahlen. Scannen Sie das Ticket noch einmal.",
    "This scanner’s key is not good any more. Enrol it again on the page Scanners.": "Der Schlüssel dieses Scanners gilt nicht mehr. Melden Sie ihn auf der Seite Scanner neu an.",
    "This scanner is for another event. Enrol it again on the page Scanners.": "Dieser Scanner ist für eine andere Veranstaltung. Melden Sie ihn auf der Seite Scanner neu an.",
    "There is no such event any more.": "Diese Veranstaltung gibt es nicht mehr.", "Too much is asked at once. Try it again in a minute.": "Es wird zu viel auf einmal gefragt. Versuchen Sie es in einer Minute noch einmal.",
    "What another event’s door has not reported waits here: enrol this device there again": "Was vom Einlass einer anderen Veranstaltung noch zu melden ist, wartet hier: Melden Sie dieses Gerät dort wieder an",
    "This device lets the page keep nothing. Make room on it, leave the browser’s private mode, or take another one.": "Auf diesem Gerät kann die Seite nichts aufheben. Schaffen Sie darauf Platz, verlassen Sie den privaten Modus des Browsers, oder nehmen Sie ein anderes.",
    "The server answered %v.": "Der Server antwortete %v.", "This device has not seen the door yet. It needs the network once.": "Dieses Gerät kennt den Einlass noch nicht. Es braucht einmal das Netz.",
    "Without a network only a ticket’s code is checked.": "Ohne Netz wird nur der Code eines Tickets geprüft.", "%v What was scanned is kept here.": "%v Was gescannt wurde, bleibt hier.",
  },
};

export const lang = document.documentElement.lang;

// say is a text in the page's language; each %v is a blank.
export const say = (text, ...blanks) => (words[lang]?.[text] ?? text).replaceAll("%v", () => blanks.shift());
