package sales

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/usherhq/usher/modules/sales/words"
)

// ticketWords is what the tickets' pages say in one language.
type ticketWords struct {
	Lang                                                     string
	Tickets, Ticket, Of, Seat, Doors, Where, When, Total     string
	Print, Calendar, More, Earlier, Sandbox, Cancelled, Void string
	CodeOf, ShowIt, HandedTo, HandedNow, HolderLink, HandOn  string
	HandOnWhy, Name, Email, Refused                          string
	HoldersOwn, HolderMailed                                 string
	Mailed, Resend, Resent, NoMail                           string

	days, months [12]string
	form         func(w *ticketWords, t time.Time) string
}

var ticketTongues = []ticketWords{
	{Lang: "en", Tickets: "Your tickets", Ticket: "Ticket", Of: "of", Seat: "Seat", Doors: "Doors", Where: "Where", When: "When", Total: "Total",
		Print: "To print, use your browser’s print command: the codes alone go on paper, one ticket after the other.", Calendar: "Add to calendar", More: "More tickets", Earlier: "Tickets before",
		Sandbox: "This is a test: the tickets admit nobody.", Cancelled: "This event was cancelled.", Void: "This ticket is void.",
		CodeOf: "QR code of ticket", ShowIt: "Show this code at the door.", HandedTo: "Handed on to", HandedNow: "It was handed on. The code so far no longer works.",
		HolderLink: "Their own link: send it to them now, it is shown once", HolderMailed: "Their own link goes to them by e-mail.", HoldersOwn: "Only who has it now sees its code and can hand it on.", HandOn: "Hand it on", HandOnWhy: "Whoever takes it gets a link of their own, and the code on this page stops working.",
		Name: "Name", Email: "E-mail", Refused: "It was not accepted.",
		Mailed: "The link to this page goes by e-mail to", Resend: "Send it again", Resent: "It was sent again.", NoMail: "No e-mail is sent from here: keep the address of this page.",
		days:   [12]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
		months: [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
		form: func(w *ticketWords, t time.Time) string {
			return fmt.Sprintf("%s, %d %s %d, %s", w.days[t.Weekday()], t.Day(), w.months[t.Month()-1], t.Year(), t.Format("15:04"))
		}},
	{Lang: "de", Tickets: "Ihre Tickets", Ticket: "Ticket", Of: "von", Seat: "Platz", Doors: "Einlass", Where: "Wo", When: "Wann", Total: "Summe",
		Print: "Zum Drucken nehmen Sie den Druckbefehl Ihres Browsers: Auf das Papier kommen nur die Tickets, eines nach dem anderen.", Calendar: "In den Kalender", More: "Weitere Tickets", Earlier: "Tickets davor",
		Sandbox: "Dies ist ein Test: Mit diesen Tickets kommt niemand hinein.", Cancelled: "Diese Veranstaltung wurde abgesagt.", Void: "Dieses Ticket ist ungültig.",
		CodeOf: "QR-Code von Ticket", ShowIt: "Zeigen Sie diesen Code am Einlass.", HandedTo: "Weitergegeben an", HandedNow: "Es wurde weitergegeben. Der bisherige Code gilt nicht mehr.",
		HolderLink: "Der eigene Link dazu: Schicken Sie ihn jetzt weiter, er wird nur einmal gezeigt", HolderMailed: "Der eigene Link dazu kommt dort per E-Mail an.", HoldersOwn: "Nur wer es jetzt hat, sieht den Code und kann es weitergeben.", HandOn: "Weitergeben", HandOnWhy: "Wer es bekommt, erhält einen eigenen Link, und der Code auf dieser Seite gilt nicht mehr.",
		Name: "Name", Email: "E-Mail", Refused: "Das wurde nicht angenommen.",
		Mailed: "Der Link zu dieser Seite geht per E-Mail an", Resend: "Noch einmal senden", Resent: "Er wurde noch einmal gesendet.", NoMail: "Von hier wird keine E-Mail gesendet: Bewahren Sie die Adresse dieser Seite auf.",
		days:   [12]string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"},
		months: [12]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
		form: func(w *ticketWords, t time.Time) string {
			return fmt.Sprintf("%s, %d. %s %d, %s Uhr", w.days[t.Weekday()], t.Day(), w.months[t.Month()-1], t.Year(), t.Format("15:04"))
		}},
}

var ticketMatcher = language.NewMatcher([]language.Tag{language.English, language.German})

// wordsFor chooses among the languages of the pages by a locale or an
// Accept-Language header; English when none fits.
func wordsFor(wanted string) ticketWords {
	if len(wanted) > 200 {
		wanted = ""
	}
	tags, _, err := language.ParseAcceptLanguage(strings.ReplaceAll(wanted, "_", "-"))
	if err != nil || len(tags) == 0 {
		return ticketTongues[0]
	}
	_, i, sure := ticketMatcher.Match(tags...)
	if sure == language.No {
		return ticketTongues[0]
	}
	return ticketTongues[i]
}

// moment is a time element in words, on the clock of the event's venue.
func (w *ticketWords) moment(m moment) template.HTML {
	return template.HTML(`<time datetime="` + m.at.UTC().Format(time.RFC3339) + `">` + template.HTMLEscapeString(w.form(w, m.local())) + `</time>`) //nolint:gosec // words of ours and digits
}

// atDoor tells a buyer what he pays when he comes, in the shop's words.
func (w *ticketWords) atDoor(minor int64, currency string) string {
	return words.In(w.Lang).Say("order.due", w.amount(minor, currency))
}

// amount is written as the shop writes it.
func (w *ticketWords) amount(minor int64, currency string) string {
	return words.In(w.Lang).Money(minor, currency)
}
