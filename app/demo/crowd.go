package demo

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
)

// A tongue is one of the demo's languages, with what people who speak it have in common.
type tongue struct {
	locale, zone, currency string
	names                  []string
}

var tongues = []tongue{
	{"en-GB", "Europe/London", "GBP", []string{"Olivia", "George", "Amelia", "Noah", "Freya"}},
	{"de-DE", "Europe/Berlin", "EUR", []string{"Ana", "Jonas", "Mia", "Lukas", "Emma"}},
	{"fr-FR", "Europe/Paris", "EUR", []string{"Louise", "Gabriel", "Chloé", "Hugo", "Zoé"}},
	{"es-ES", "Europe/Madrid", "EUR", []string{"Lucía", "Mateo", "Sofía", "Hugo", "Martina"}},
	{"pl-PL", "Europe/Warsaw", "PLN", []string{"Zofia", "Antoni", "Maja", "Jan", "Łucja"}},
}

var stages = []string{"stage:main", "stage:river", "stage:forest"}
var tastes = []string{"rock", "jazz", "techno", "folk", "hiphop"}

// installation is what the demo registers of one phone.
type installation struct {
	ID         string         `json:"id"`
	Kind       string         `json:"kind"`
	Handle     string         `json:"handle"`
	P256dh     string         `json:"p256dh,omitempty"`
	Auth       string         `json:"auth,omitempty"`
	Locale     string         `json:"locale"`
	Zone       string         `json:"zone"`
	Currency   string         `json:"currency"`
	Tags       []string       `json:"tags"`
	Attributes map[string]any `json:"attributes"`
}

// dead and shaky are the handles that make a send interesting: phones that are
// gone, and services that stumble once in a while.
var (
	dead  = map[push.Service]string{push.APNs: "dead4101", push.FCM: "unregistered-", push.WebPush: "/gone/"}
	shaky = map[push.Service]string{push.APNs: "dead0503", push.FCM: "transient-", push.WebPush: "/transient/"}
)

// handler makes handles; pushtest.Services is one.
type handler interface {
	Handle(service push.Service, n int, prefix string) push.Handle
}

var _ handler = (*pushtest.Services)(nil)

// phone makes the nth phone of the crowd, always the same for the same seed:
// 40 % APNs, 45 % FCM, 15 % Web Push; 2 % are gone and 1 % shaky.
func phone(h handler, seed uint64, n int) installation {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	service := push.APNs
	switch p := r.IntN(100); {
	case p >= 85:
		service = push.WebPush
	case p >= 40:
		service = push.FCM
	}
	prefix := ""
	switch p := r.IntN(100); {
	case p < 2:
		prefix = dead[service]
	case p < 3:
		prefix = shaky[service]
	}
	t := tongues[r.IntN(len(tongues))]
	handle := h.Handle(service, n, prefix)
	tags := []string{"festival", "lang:" + t.locale[:2], stages[r.IntN(len(stages))], tastes[r.IntN(len(tastes))]}
	if r.IntN(20) == 0 {
		tags = append(tags, "vip")
	}
	return installation{
		ID: fmt.Sprintf("phone-%07d", n), Kind: handle.Kind, Handle: handle.Value, P256dh: handle.P256dh, Auth: handle.Auth,
		Locale: t.locale, Zone: t.zone, Currency: t.currency, Tags: tags,
		Attributes: map[string]any{"name": t.names[r.IntN(len(t.names))], "gate": string(rune('A' + r.IntN(4)))},
	}
}

// crowd streams n phones as NDJSON, made while they are read.
func crowd(h handler, seed uint64, n int) io.ReadCloser {
	out, in := io.Pipe()
	go func() {
		w := bufio.NewWriterSize(in, 1<<16)
		enc := json.NewEncoder(w)
		for i := range n {
			if err := enc.Encode(phone(h, seed, i)); err != nil {
				in.CloseWithError(err)
				return
			}
		}
		in.CloseWithError(w.Flush())
	}()
	return out
}

// lineup is the demo's server-side template: every phone reads it in its own
// language, with its owner's name.
func lineup() map[push.Service]map[string]any {
	greet := map[string]string{"default": "Hi ", "de": "Hallo ", "fr": "Bonjour ", "es": "Hola ", "pl": "Cześć "}
	bodies := map[push.Service]map[string]any{push.APNs: {}, push.FCM: {}, push.WebPush: {}}
	for locale, hi := range greet {
		title := "{'" + hi + "' + $(name:{friend})}"
		text := "{$(message) + ' · ' + @(starts, time)}"
		bodies[push.APNs][locale] = map[string]any{
			"aps":   map[string]any{"alert": map[string]any{"title": title, "body": text}, "sound": "default"},
			"stage": "$(stage)",
		}
		bodies[push.FCM][locale] = map[string]any{
			"notification": map[string]any{"title": title, "body": text},
			"data":         map[string]any{"stage": "$(stage)"},
		}
		bodies[push.WebPush][locale] = map[string]any{"title": title, "body": text, "stage": "$(stage)"}
	}
	return bodies
}
