package demo

import (
	"context"
	"strconv"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/id"
)

// notice is what the demo sends: a text in five languages.
type notice struct{ stage, en, de, fr, es, pl string }

var (
	welcome  = notice{"main", "Tickets are on sale", "Der Vorverkauf hat begonnen", "La billetterie est ouverte", "Entradas a la venta", "Bilety już w sprzedaży"}
	doors    = notice{"gate", "Doors are open", "Einlass ist eröffnet", "Les portes sont ouvertes", "Puertas abiertas", "Bramy otwarte"}
	rain     = notice{"food", "A shower is coming: the food court has a roof", "Ein Schauer kommt: Die Essensmeile hat ein Dach", "Une averse arrive : l’espace repas est couvert", "Viene un chubasco: la zona de comida tiene techo", "Nadchodzi deszcz: strefa jedzenia ma dach"}
	headline = notice{"main", "The headliner starts on the main stage", "Der Hauptact beginnt auf der Hauptbühne", "La tête d’affiche commence sur la grande scène", "El cabeza de cartel empieza en el escenario principal", "Główna gwiazda zaczyna na głównej scenie"}
)

// announce sends a notice and shows its progress until nothing moves.
func (f *Festival) announce(ctx context.Context, tags string, what notice) error {
	var n hub.Notification
	body := map[string]any{"app": appID, "tags": tags, "template": "lineup", "critical": true, "properties": map[string]any{
		"stage": what.stage, "starts": time.Now().Add(30 * time.Minute).UTC().Format(time.RFC3339),
		"message": what.en, "message_de": what.de, "message_fr": what.fr, "message_es": what.es, "message_pl": what.pl,
	}}
	if err := f.client.call(ctx, "POST", "/v1/notifications", body, &n); err != nil {
		return err
	}
	f.sent = append(f.sent, n.ID)
	f.screen.say("\n  Notification to %s: %s phones  (%s/notifications/%s)\n", orEveryone(tags), grouped(n.Audience), f.URL, n.ID)
	for {
		r, err := f.reportOf(ctx, n.ID)
		if err != nil {
			return err
		}
		f.screen.bar("delivering", r.Recorded, r.Total, time.Duration(r.Seconds*float64(time.Second)))
		if r.Finished() || r.Recorded+r.Waiting >= r.Total {
			f.screen.end()
			return nil
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			f.screen.end()
			return err
		}
	}
}

func (f *Festival) reportOf(ctx context.Context, n id.ID) (hub.Report, error) {
	var r hub.Report
	return r, f.client.call(ctx, "GET", "/v1/notifications/"+n.String(), nil, &r)
}

func orEveryone(tags string) string {
	if tags == "" {
		return "everyone"
	}
	return strconv.Quote(tags)
}
