package analytics

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Outlet sends facts to an address of the promoter's choice: a webhook, the
// counterpart of the ingest door.
type Outlet struct {
	ID        id.ID      `json:"id"`
	Name      string     `json:"name"`
	URL       string     `json:"url"`
	Types     []string   `json:"types"` // of facts it wants
	Paused    bool       `json:"paused"`
	Problem   string     `json:"problem,omitempty"`    // why the house paused it
	Failures  int        `json:"failures"`             // attempts in a row
	OKAt      *time.Time `json:"ok_at"`                // the last attempt that went well
	RotatedAt *time.Time `json:"rotated_at,omitempty"` // of its secret
	CreatedAt time.Time  `json:"created_at"`
	Waiting   int        `json:"waiting"` // deliveries
	Failed    int        `json:"failed"`  // deliveries given up, in the last thirty days

	generation int // of its secret
}

// OutletType is a fact that can be sent, in words.
type OutletType struct {
	Type string `json:"type"`
	Says string `json:"says"`
}

// OutletTypes are the facts that can be sent; docs/sales.md describes them.
var OutletTypes = []OutletType{
	{"sales.price_set", "a category has a new price"},
	{"sales.orders_placed", "tickets were sold"},
	{"sales.ticket_refunded", "tickets came back"},
	{"sales.capacity_reached", "the last ticket of a category is sold"},
	{"sales.carts_opened", "tickets were put into carts"},
	{"sales.carts_abandoned", "carts ran out without an order"},
	{"analytics.demand_shifted", "demand for an event has changed"},
	{"analytics.sentiment_shifted", "posts about an event became gladder or angrier"},
	{"analytics.cart_abandoned", "a cart of an external shop was left behind"},
	{"pricing.price_changed", "another price was decided for a category, and why"},
	{"proximity.queue_long", "a queue has become long, and stays so"},
	{"proximity.queue_cleared", "a long queue has gone"},
	{"proximity.voucher_issued", "somebody was given a voucher"},
	{"proximity.voucher_redeemed", "a till took a voucher"},
	{"hub.notification_finished", "a notification reached everybody it could"},
	{"hub.installations_retired", "phones that cannot be reached any more"},
}

// typeTest is the type of a delivery that somebody asked for to see whether it arrives.
const typeTest = "webhook.test"

// OutletDraft is what somebody says of an outlet.
type OutletDraft struct {
	Name  string   `json:"name"`
	URL   string   `json:"url"`
	Types []string `json:"types"`
}

// secretOverlap is how long the secret before the latest signs too.
const secretOverlap = 24 * time.Hour

func (s *Service) checkOutlet(d *OutletDraft) error {
	var f []fault.Field
	bad := func(name, problem, fix string) {
		f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix})
	}
	if d.Name = strings.TrimSpace(d.Name); d.Name == "" || len(d.Name) > 60 {
		bad("name", "is missing or too long", "1 to 60 bytes, such as shop")
	}
	if d.URL = strings.TrimSpace(d.URL); len(d.URL) > 2000 {
		bad("url", "is too long", "at most 2000 bytes")
	} else if problem := s.checkOutletURL(d.URL); problem != "" {
		bad("url", problem, "https://host/path, reachable from the internet; private hosts stand in analytics.outlet_hosts")
	}
	if slices.Sort(d.Types); len(d.Types) == 0 {
		bad("types", "are none", "at least one, such as sales.price_set")
	}
	d.Types = slices.Compact(d.Types)
	known := make([]string, len(OutletTypes))
	for i, t := range OutletTypes {
		known[i] = t.Type
	}
	for i, t := range d.Types {
		if slices.Contains(known, t) {
			continue
		}
		fix := "one of " + strings.Join(known, ", ")
		if near := web.Nearest(t, known); near != "" {
			fix = "did you mean " + near + "?"
		}
		bad(fmt.Sprintf("types[%d]", i), "is no fact that can be sent", fix)
	}
	return fault.BadFields("analytics.Outlet", f)
}

// checkOutletURL tells what is wrong with an address; where it leads is checked again
// when it is dialled.
func (s *Service) checkOutletURL(raw string) (problem string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return "is no address"
	case u.User != nil:
		return "holds a password"
	case u.Fragment != "":
		return "has a fragment"
	case u.Scheme != "https" && (u.Scheme != "http" || !slices.Contains(s.cfg.OutletHosts, hostPort(u))):
		return "is not https"
	}
	return ""
}

// hostPort is what is dialled for an address.
func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}

// CreateOutlet makes one. Errors: fault.Invalid with every fault, fault.Conflict when
// the name is taken.
func (s *Service) CreateOutlet(tx *db.Tx, d OutletDraft) (Outlet, error) {
	if err := s.checkOutlet(&d); err != nil {
		return Outlet{}, err
	}
	o := Outlet{ID: id.New(), Name: d.Name, URL: d.URL, Types: d.Types, CreatedAt: tx.Now(), generation: 1}
	return o, insertOutlet(tx, &o)
}

// ChangeOutlet replaces its name, address and types. What waits goes to the new
// address. Errors: fault.NotFound, fault.Invalid, fault.Conflict.
func (s *Service) ChangeOutlet(tx *db.Tx, outlet id.ID, d OutletDraft) (Outlet, error) {
	if err := s.checkOutlet(&d); err != nil {
		return Outlet{}, err
	}
	if err := updateOutlet(tx, outlet, d); err != nil {
		return Outlet{}, err
	}
	return outletOf(tx.Ctx(), tx.Conn(), outlet)
}

// PauseOutlet stops it: facts that happen meanwhile are not sent. ResumeOutlet lets it
// go on, with what waited. Errors: fault.NotFound.
func (s *Service) PauseOutlet(tx *db.Tx, outlet id.ID) error {
	return setPaused(tx, outlet, true, "")
}

// ResumeOutlet lets it go on: see PauseOutlet.
func (s *Service) ResumeOutlet(tx *db.Tx, outlet id.ID) error {
	if err := setPaused(tx, outlet, false, ""); err != nil {
		return err
	}
	waiting, err := leftWaiting(tx, outlet)
	if err != nil {
		return err
	}
	return enqueueSends(tx, waiting)
}

// RotateSecret gives the outlet another secret; for a day both sign. Errors: fault.NotFound.
func (s *Service) RotateSecret(tx *db.Tx, outlet id.ID) (Secrets, error) {
	if err := raiseGeneration(tx, outlet); err != nil {
		return Secrets{}, err
	}
	o, err := outletOf(tx.Ctx(), tx.Conn(), outlet)
	if err != nil {
		return Secrets{}, err
	}
	return s.secretsOf(&o, tx.Now()), nil
}

// Secrets are what a receiver verifies signatures with.
type Secrets struct {
	Secret   string     `json:"secret"`             // whsec_ and base64
	Previous string     `json:"previous,omitempty"` // signs too, until …
	Until    *time.Time `json:"previous_until,omitempty"`
}

// OutletSecrets tells an outlet's. Errors: fault.NotFound.
func (s *Service) OutletSecrets(ctx context.Context, outlet id.ID) (Secrets, error) {
	o, err := s.Outlet(ctx, outlet)
	if err != nil {
		return Secrets{}, err
	}
	return s.secretsOf(&o, s.db.Now()), nil
}

func (s *Service) secretsOf(o *Outlet, now time.Time) Secrets {
	text := func(generation int) string {
		return "whsec_" + base64.StdEncoding.EncodeToString(s.outletKey(o, generation))
	}
	v := Secrets{Secret: text(o.generation)}
	if o.RotatedAt != nil && now.Before(o.RotatedAt.Add(secretOverlap)) {
		until := o.RotatedAt.Add(secretOverlap)
		v.Previous, v.Until = text(o.generation-1), &until
	}
	return v
}

// outletKey follows from the seal key, so that no secret lies in the database.
func (s *Service) outletKey(o *Outlet, generation int) []byte {
	return s.cfg.Key.Derive(fmt.Sprintf("analytics/outlet/%s/%d", o.ID, generation))
}

// envelope is the body of a delivery, as standardwebhooks.com has it.
type envelope struct {
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"` // when it happened
	Data      json.RawMessage `json:"data"`
}

// outletListener writes a delivery for each fact and outlet that wants it.
func (s *Service) outletListener() stream.Listener {
	l := stream.Listener{Name: "analytics.outlets", Handle: s.deliverFacts, Gather: 100 * time.Millisecond, About: "sends facts to webhooks",
		ReplayNote: "Receivers would get everything twice. Replay deliveries on the page Webhooks instead."}
	for _, t := range OutletTypes {
		l.Types = append(l.Types, t.Type)
	}
	return l
}

func (s *Service) deliverFacts(_ context.Context, tx *db.Tx, facts []stream.Fact) error {
	outlets, err := openOutlets(tx)
	if err != nil || len(outlets) == 0 {
		return err
	}
	var all []Delivery
	for _, f := range facts {
		if f.Source != db.OwnSource { // only Usher's own word goes out
			continue
		}
		body, err := json.Marshal(envelope{f.Type, f.Time.UTC(), f.Data})
		if err != nil {
			return fault.E("analytics.outlets", fault.Invalid, "the fact is no JSON", err)
		}
		for _, o := range outlets {
			if slices.Contains(o.Types, f.Type) {
				all = append(all, Delivery{ID: id.New(), Outlet: o.ID, Type: f.Type, body: string(body)})
			}
		}
	}
	return addDeliveries(tx, all)
}

// TestOutlet sends a delivery that says nothing. Errors: fault.NotFound, fault.Conflict
// for one that is paused.
func (s *Service) TestOutlet(tx *db.Tx, outlet id.ID) (Delivery, error) {
	o, err := outletOf(tx.Ctx(), tx.Conn(), outlet)
	if err != nil {
		return Delivery{}, err
	}
	if o.Paused {
		return Delivery{}, fault.E("analytics.TestOutlet", fault.Conflict, "the webhook is paused", nil).WithFix("let it go on first")
	}
	body, err := json.Marshal(envelope{typeTest, tx.Now(), json.RawMessage(`{}`)})
	if err != nil {
		return Delivery{}, fault.E("analytics.TestOutlet", fault.Internal, "cannot write the test", err)
	}
	d := Delivery{ID: id.New(), Outlet: o.ID, Type: typeTest, State: stateWaiting, CreatedAt: tx.Now(), body: string(body)}
	return d, addDeliveries(tx, []Delivery{d})
}

// ReplayDelivery sends one again, whatever became of it, under its own id.
// Errors: fault.NotFound.
func (s *Service) ReplayDelivery(tx *db.Tx, outlet, delivery id.ID) error {
	if err := rewind(tx, outlet, delivery); err != nil {
		return err
	}
	return enqueueSends(tx, []id.ID{delivery})
}

// ReplayFailed sends again what was given up, and says how many. Errors: fault.NotFound.
func (s *Service) ReplayFailed(tx *db.Tx, outlet id.ID) (int, error) {
	if _, err := outletOf(tx.Ctx(), tx.Conn(), outlet); err != nil {
		return 0, err
	}
	failed, err := rewindFailed(tx, outlet)
	if err != nil {
		return 0, err
	}
	return len(failed), enqueueSends(tx, failed)
}
