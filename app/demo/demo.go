// Package demo is the simulated festival: people hear of it, buy, come, walk about, get
// vouchers and wet, and go home. Everything goes through the public API over HTTP and the
// true protocols of push services; Usher does not know that it is played.
package demo

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Options of a demo.
type Options struct {
	Installations int           // size of the crowd
	Seed          uint64        // the same seed gives the same crowd, with the same wishes
	Speed         float64       // 1: about twelve minutes; 10: all of it ten times as fast
	For           time.Duration // ends it early; 0: it is played to its end, and Usher stays until stopped
	Out           io.Writer     // what people read
	Terminal      bool          // Out is a terminal: progress is redrawn in place
}

// Place is the running Usher that a festival is played at, and what its owner handed out.
type Place struct {
	URL      string
	Key      string   // of a machine that may manage
	Start    string   // where people begin: the link that makes the first of them owner; "": URL
	Secret   string   // of the social webhook
	Scanners []string // one-time codes by which devices become scanners
}

const (
	appID = "festival"
	// Connector is that of the social webhook.
	Connector = "fans"
)

// Festival is one demo. It guides people through the dashboard while it is played.
type Festival struct {
	Options
	Place
	services *pushtest.Services
	client   client
	screen   screen
	sent     []id.ID
	shop     *shop
	gate     gate
	field    field
	mail     mail
	phone    handset
	posts    int64

	mu   sync.Mutex
	acts []*act
}

// New prepares a festival. Its Take must read what the push services deliver.
func New(o Options) *Festival {
	o.Speed = max(o.Speed, .1)
	f := &Festival{Options: o, screen: screen{out: o.Out, live: o.Terminal}}
	f.acts = f.script()
	return f
}

// Take reads what a push service delivered; pass it as pushtest.Config.OnMessage.
func (f *Festival) Take(r pushtest.Receipt) {
	f.mail.take(r)
	f.phone.take(r)
}

// Run plays the festival at a place and tells how it went: when it is over, after o.For,
// or when ctx ends. Errors: those of the API.
func (f *Festival) Run(ctx context.Context, services *pushtest.Services, at Place) (Report, error) {
	f.services, f.Place = services, at
	f.client = client{base: at.URL, key: at.Key, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	f.screen.say("\n  Usher demo: a festival with %s phones, at speed %g\n", grouped(int64(f.Installations)), f.Speed)
	limited, cancel := ctx, context.CancelFunc(func() {})
	if f.For > 0 {
		limited, cancel = context.WithTimeout(ctx, f.For)
	}
	defer cancel()
	err := f.play(limited)
	if limited.Err() != nil {
		err = nil // the time is up, or a person pressed Ctrl-C: both are a normal end
	}
	if err != nil {
		return Report{}, err
	}
	// Closing figures are read even when the play was cut short.
	last, done := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer done()
	r, err := f.report(last)
	if err != nil && ctx.Err() != nil {
		return r, nil // Usher was faster in stopping
	}
	if err != nil {
		return r, err
	}
	f.screen.close(r)
	if f.For == 0 && ctx.Err() == nil {
		f.screen.say("\n  The festival is over. Usher stays: look around at %s, and end it with Ctrl-C.\n", f.URL)
		<-ctx.Done()
	}
	return r, nil
}

// play sets everything up and plays act after act.
func (f *Festival) play(ctx context.Context) error {
	for _, step := range []func(context.Context) error{f.setUp, f.handOut, f.arrive, f.openShop, f.openVenue, f.enrol} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	f.screen.say("\n  Look at it:  %s\n", cmp.Or(f.Start, f.URL))
	f.screen.say("               the first to sign in there owns the demo; then it is at %s\n", f.URL)
	if err := sleep(ctx, f.span(demoPause)); err != nil { // people open the page
		return err
	}
	return f.playActs(ctx)
}

// demoPause lets people open the page before the first act.
const demoPause = 8 * time.Second

// span is how long something takes at the demo's speed.
func (f *Festival) span(d time.Duration) time.Duration {
	return time.Duration(float64(d) / f.Speed)
}

// setUp makes the app, its credentials at the simulated services and its template.
func (f *Festival) setUp(ctx context.Context) error {
	steps := []struct {
		path string
		body any
	}{
		{"/v1/apps/" + appID, map[string]any{"name": "River Festival", "locale": "en", "zone": "Europe/London", "currency": "EUR"}},
		{"/v1/apps/" + appID + "/credentials/apns", map[string]any{
			"key_pem": string(f.services.APNsKeyPEM()), "key_id": f.services.APNsKeyID(), "team_id": f.services.APNsTeamID(), "topic": f.services.APNsTopic()}},
		{"/v1/apps/" + appID + "/credentials/fcm", map[string]any{"service_account": rawJSON(f.services.ServiceAccountJSON())}},
		{"/v1/apps/" + appID + "/credentials/webpush", map[string]any{"subject": "mailto:demo@usher.example"}},
		{"/v1/templates/lineup", map[string]any{"app": appID, "bodies": lineup()}},
	}
	for _, s := range steps {
		if err := f.client.call(ctx, "PUT", s.path, s.body, nil); err != nil {
			return err
		}
	}
	return nil
}

// arrive registers the crowd through the import door, with progress.
func (f *Festival) arrive(ctx context.Context) error {
	transfer := id.New().String()
	done := make(chan error, 1)
	began := time.Now()
	go func() {
		body := crowd(f.services, f.Seed, f.Installations)
		defer body.Close()
		path := "/v1/imports?" + url.Values{"app": {appID}, "format": {"ndjson"}, "id": {transfer}}.Encode()
		done <- f.client.call(ctx, "POST", path, body, nil)
	}()
	var err error
	for waiting := true; waiting; {
		select {
		case err = <-done:
			waiting = false
		case <-time.After(250 * time.Millisecond):
		}
		var t hub.Transfer
		if f.client.call(ctx, "GET", "/v1/transfers/"+transfer, nil, &t) == nil {
			f.screen.bar("registering", t.Accepted+t.Unchanged+t.Rejected, int64(f.Installations), time.Since(began))
		}
	}
	f.screen.end()
	return err
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
