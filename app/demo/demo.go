// Package demo is the simulated festival: a crowd of phones registers, a
// notification goes out, and the simulated push services show what the phones
// would. Everything goes through the public API and the services' true protocols.
package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Options of a demo.
type Options struct {
	URL           string        // of the running Usher
	Key           string        // of a machine that may manage
	Start         string        // where people begin: the link that makes the first of them owner; "": URL
	Installations int           // size of the crowd
	Seed          uint64        // the same seed gives the same crowd
	For           time.Duration // 0: until ctx ends
	Pause         time.Duration // between the crowd's arrival and the first notification
	Out           io.Writer     // what people read
	Terminal      bool          // Out is a terminal: progress is redrawn in place
	Mail          *Mail         // what the simulated services delivered
}

const appID = "festival"

// festival is a demo that is being played.
type festival struct {
	Options
	services *pushtest.Services
	client   client
	screen   screen
	sent     []id.ID
	shop     *shop
	sold     error // why the shop closed early; nil: it did not
}

// Run plays the demo against a running Usher and ends with a summary: after
// o.For, or when ctx ends. Errors: those of the API; fault.Internal when a
// notification did not finish.
func Run(ctx context.Context, services *pushtest.Services, o Options) error {
	f := &festival{
		Options: o, services: services,
		client: client{base: o.URL, key: o.Key, http: &http.Client{}},
		screen: screen{out: o.Out, live: o.Terminal},
	}
	f.screen.say("\n  Usher demo: a festival with %s phones\n", grouped(int64(o.Installations)))
	if o.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	err := f.play(ctx)
	if ctx.Err() != nil {
		err = nil // the time is up, or a person pressed Ctrl-C: both are a normal end
	}
	if err != nil {
		return err
	}
	// Closing figures are read even when the play was cut short.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return f.summarise(last)
}

func (f *festival) play(ctx context.Context) error {
	if err := f.setUp(ctx); err != nil {
		return err
	}
	if err := f.arrive(ctx); err != nil {
		return err
	}
	var err error
	if f.shop, err = f.openShop(ctx); err != nil {
		return err
	}
	f.screen.say("\n  Look at it:  %s\n", cmp.Or(f.Start, f.URL))
	f.screen.say("               the first to sign in there owns the demo; then it is at %s\n", f.URL)
	if err := f.openVenue(ctx); err != nil {
		return err
	}
	walking := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { walking <- f.walk(ctx) }()
	err = f.announceAll(ctx)
	stop()
	return errors.Join(err, <-walking)
}

// announceAll sends a notification to everyone, then one a minute to those at a stage.
func (f *festival) announceAll(ctx context.Context) error {
	if err := sleep(ctx, f.Pause); err != nil {
		return err
	}
	open, closeShop := context.WithCancel(ctx)
	closed := make(chan error, 1)
	go func() { closed <- f.shop.sell(open) }()
	defer func() { closeShop(); f.sold = <-closed }()
	if err := f.announce(ctx, ""); err != nil {
		return err
	}
	for i := 0; ; i++ {
		if err := sleep(ctx, time.Minute); err != nil {
			return err
		}
		if err := f.announce(ctx, stages[i%len(stages)]+" && !vip"); err != nil {
			return err
		}
	}
}

// setUp makes the app, its credentials at the simulated services and its template.
func (f *festival) setUp(ctx context.Context) error {
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
func (f *festival) arrive(ctx context.Context) error {
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

// announce sends a notification and shows its progress until nothing moves.
func (f *festival) announce(ctx context.Context, tags string) error {
	var n hub.Notification
	body := announcement(tags, time.Now().Add(30*time.Minute).UTC().Format(time.RFC3339))
	body["app"] = appID
	if err := f.client.call(ctx, "POST", "/v1/notifications", body, &n); err != nil {
		return err
	}
	f.sent = append(f.sent, n.ID)
	f.screen.say("\n  Notification to %s: %s phones  (%s/notifications/%s)\n", orEveryone(tags), grouped(n.Audience), f.URL, n.ID)
	for {
		r, err := f.report(ctx, n.ID)
		if err != nil {
			return err
		}
		f.screen.bar("delivering", r.Recorded, r.Total, time.Duration(r.Seconds*float64(time.Second)))
		if r.Finished() || r.Recorded+r.Waiting >= r.Total {
			f.screen.end()
			f.screen.tell(r)
			return nil
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			f.screen.end()
			return err
		}
	}
}

func (f *festival) report(ctx context.Context, n id.ID) (hub.Report, error) {
	var r hub.Report
	return r, f.client.call(ctx, "GET", "/v1/notifications/"+n.String(), nil, &r)
}

// summarise prints the closing figures of every notification, and what the
// simulated services counted on their side.
func (f *festival) summarise(ctx context.Context) error {
	f.screen.say("\n  Closing summary\n")
	for _, n := range f.sent {
		r, err := f.report(ctx, n)
		if err != nil {
			return err
		}
		f.screen.tell(r)
	}
	if s := f.shop; s != nil {
		f.screen.say("  shop      %s tickets in %s orders, %s carts left behind\n", grouped(int64(s.tickets)), grouped(int64(s.orders)), grouped(int64(s.left)))
	}
	if f.sold != nil {
		return f.sold
	}
	for _, s := range push.Services {
		c := f.services.Stats(s)
		f.screen.say("  %-8s  the service itself counted %s requests: %s accepted, %s refused\n", s,
			grouped(c.Requests), grouped(c.Accepted), grouped(c.Refused))
	}
	if len(f.sent) == 0 {
		return fault.E("demo.Run", fault.Internal, fmt.Sprintf("nothing was sent: %d phones take longer than %s to register", f.Installations, f.For), nil).
			WithFix("give --for more time, or --installations fewer phones")
	}
	return nil
}

func orEveryone(tags string) string {
	if tags == "" {
		return "everyone"
	}
	return strconv.Quote(tags)
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
