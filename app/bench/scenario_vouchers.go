package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
)

const (
	voucherRate   = 2000             // sightings a second, from all phones together
	voucherPhones = 5300             // three in four walk about, each heard every two seconds; the others come one by one
	voucherEach   = 60               // of them enter the zone of the offer each second
	voucherFor    = 25 * time.Second // until there are a thousand vouchers and some
	voucherP50    = 300 * time.Millisecond
	voucherP99    = 2 * time.Second
	redeemCodes   = 1000
	redeemTries   = 100_000
	redeemTills   = 64
	voucherWorth  = 100     // minor units
	voucherBudget = 120_000 // of 1,200 vouchers: the last who come get none
)

// way is a usher of its own with phones of APNs, whose push services are in this process, so
// that both ends of a voucher's way are on one clock.
type way struct {
	*usher
	mu    sync.Mutex
	sent  map[string]time.Time // the POST of the sighting that makes a phone enter, by phone
	took  []time.Duration
	codes map[string]bool
	phone map[string]string // by handle
}

// vouchers is scenario V: from a beacon's reading to the push service, and tills that all
// redeem at once.
func (b *bench) vouchers(ctx context.Context) error {
	w := &way{sent: map[string]time.Time{}, codes: map[string]bool{}, phone: map[string]string{}}
	s, err := pushtest.Start(pushtest.Config{OnMessage: w.arrived})
	if err != nil {
		return err
	}
	defer s.Close()
	near := &services{addresses: addressesOf(s)}
	dir := filepath.Join(b.work, "vouchers")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if w.usher, err = startUsher(ctx, b.options.usher, dir, near, near); err != nil {
		return err
	}
	defer func() { _ = w.stop() }()
	if err := w.field(ctx, s, near); err != nil {
		return err
	}
	if err := w.walk(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	took := append([]time.Duration{}, w.took...)
	w.mu.Unlock()
	if len(took) == 0 {
		return fmt.Errorf("no voucher came")
	}
	slices.Sort(took)
	p50, p99 := took[len(took)/2], took[len(took)*99/100]
	b.result.add("beacon POST → push request at the service", fmt.Sprintf("p50 %d ms, p99 %d ms over %d vouchers, beside %d sightings/s", p50.Milliseconds(), p99.Milliseconds(), len(took), voucherRate),
		fmt.Sprintf("p50 ≤ %d ms, p99 ≤ %d ms", voucherP50.Milliseconds(), voucherP99.Milliseconds()), verdictOf(p50 <= voucherP50 && p99 <= voucherP99))
	return b.redeem(ctx, w)
}

var codeIn = regexp.MustCompile(`"code":"([0-9A-HJKMNP-TV-Z]{16})"`)

// arrived notes when a voucher reached the push service.
func (w *way) arrived(r pushtest.Receipt) {
	found := codeIn.FindSubmatch(r.Payload)
	if found == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.codes[string(found[1])] = true
	if at, ok := w.sent[w.phone[r.Handle]]; ok {
		w.took = append(w.took, r.At.Sub(at))
	}
}

// field makes the app, its phones with their consents, the venue, its event and the offer.
func (w *way) field(ctx context.Context, s *pushtest.Services, near *services) error {
	if err := w.setUp(ctx, "field", near, near); err != nil {
		return err
	}
	var v struct{ ID string }
	venue := map[string]any{"name": "Field", "width": 100, "height": 50, "zones": []map[string]any{
		{"name": "Stage", "kind": "stage", "outline": [][2]int{{0, 0}, {50, 0}, {50, 50}, {0, 50}}}, {"name": "Lawn", "kind": "area", "outline": [][2]int{{50, 0}, {100, 0}, {100, 50}, {50, 50}}}},
		"beacons": []map[string]any{{"code": "stage", "zone": "Stage", "x": 25, "y": 25}, {"code": "lawn", "zone": "Lawn", "x": 75, "y": 25}},
		"stalls":  []map[string]any{{"name": "Bar", "x": 30, "y": 30, "tills": []string{"bar-1"}}}}
	if err := w.call(ctx, http.MethodPost, "/v1/venues", venue, &v); err != nil {
		return err
	}
	now := time.Now().UTC()
	if err := w.call(ctx, http.MethodPut, "/v1/venue-events/night", map[string]any{"venue": v.ID, "opens_at": now.Add(-time.Hour), "ends_at": now.Add(6 * time.Hour)}, nil); err != nil {
		return err
	}
	offer := map[string]any{"event": "night", "name": "Beer", "title": "A beer", "state": "running", "trigger": map[string]any{"on": "zone_entered", "zone": "Stage"}, "stall": "Bar", "minutes": 60,
		"grant": map[string]any{"kind": "amount", "amount_minor": voucherWorth, "currency": "EUR"}, "limits": map[string]any{"budget_minor": voucherBudget}, "holdout": -1}
	if err := w.call(ctx, http.MethodPost, "/v1/offers", offer, nil); err != nil {
		return err
	}
	return w.agree(ctx, s)
}

// agree registers the phones, with their consents, over a few connections.
func (w *way) agree(ctx context.Context, s *pushtest.Services) error {
	var next atomic.Int64
	failed := make(chan error, 16)
	for range 16 {
		go func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= voucherPhones || ctx.Err() != nil {
					failed <- ctx.Err()
					return
				}
				h, name := s.Handle(push.APNs, i, ""), walkerName(i)
				w.mu.Lock()
				w.phone[h.Value] = name
				w.mu.Unlock()
				err := w.call(ctx, http.MethodPut, "/v1/installations/"+name, map[string]any{"app": "field", "id": name, "kind": h.Kind, "handle": h.Value}, nil)
				if err == nil {
					err = w.call(ctx, http.MethodPut, "/v1/consents/"+name, map[string]any{"app": "field", "notice": "bench"}, nil)
				}
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	for range 16 {
		if err := <-failed; err != nil {
			return err
		}
	}
	return nil
}

func walkerName(i int) string { return fmt.Sprintf("walker-%05d", i) }

// walk posts the readings of all phones for a while, ten requests a second. Some of those on
// the lawn come to the stage each second: the second reading there makes them enter.
func (w *way) walk(ctx context.Context) error { //nolint:funlen,gocognit // one loop
	const slots = 20 // of a tenth of a second: each phone is heard every two seconds
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	stage := map[int]int{} // readings there, by phone
	come := 0
	failed := make(chan error, 1)
	var posts sync.WaitGroup
	end := time.Now().Add(voucherFor)
	for n := 0; time.Now().Before(end); n++ {
		<-tick.C
		var events []map[string]any
		var entering []string
		now := time.Now()
		for i := n % slots; i < voucherPhones; i += slots {
			beacon, reserve := "lawn", i/slots%4 == 0 // who has been elsewhere must be away from there first: zoning's rule, no cost of ours
			if _, here := stage[i]; reserve && !here && n > 2*slots && come < n*voucherEach/10-4*voucherEach {
				stage[i], come = 0, come+1
			}
			if seen, here := stage[i]; here {
				beacon, stage[i] = "stage", seen+1
				if seen == 1 {
					entering = append(entering, walkerName(i))
				}
			}
			if reserve && beacon == "lawn" {
				continue
			}
			events = append(events, map[string]any{"specversion": "1.0", "id": fmt.Sprintf("%d-%d", i, n), "source": "/bench/walkers", "type": "beacon.sighting", "subject": walkerName(i), "time": now.UTC(),
				"data": map[string]any{"installation": walkerName(i), "beacon": beacon, "rssi": -58}})
		}
		w.mu.Lock()
		for _, name := range entering {
			w.sent[name] = now
		}
		w.mu.Unlock()
		posts.Go(func() {
			if err := w.post(ctx, "/v1/events", "application/cloudevents-batch+json", events); err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	posts.Wait()
	select {
	case err := <-failed:
		return err
	case <-time.After(3 * time.Second): // the last ones are on their way
		return nil
	}
}

// redeem lets tills try all codes at once, a hundred times each.
func (b *bench) redeem(ctx context.Context, w *way) error { //nolint:funlen // one step after the other
	w.mu.Lock()
	var codes []string
	for c := range w.codes {
		codes = append(codes, c)
	}
	w.mu.Unlock()
	codes = codes[:min(len(codes), redeemCodes)]
	tries := min(redeemTries, 100*len(codes))
	var next, won, refused, wrong atomic.Int64
	start := time.Now()
	var tills sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: redeemTills}}
	for range redeemTills {
		tills.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= tries || ctx.Err() != nil {
					return
				}
				body, _ := json.Marshal(map[string]string{"code": codes[i%len(codes)], "till": "bar-1"})
				switch w.redeemed(ctx, client, body) {
				case http.StatusOK:
					won.Add(1)
				case http.StatusConflict:
					refused.Add(1)
				default:
					wrong.Add(1)
				}
			}
		})
	}
	tills.Wait()
	took := time.Since(start)
	spent, err := w.spent(ctx)
	if err != nil {
		return err
	}
	b.result.add("budget of the offer after them", fmt.Sprintf("%.2f of %.2f EUR reserved or spent", float64(spent)/100, float64(voucherBudget)/100), "never more than the budget, never less than what was redeemed",
		verdictOf(spent <= voucherBudget && spent >= won.Load()*voucherWorth))
	good := won.Load() == int64(len(codes)) && refused.Load() == int64(tries-len(codes)) && wrong.Load() == 0
	b.result.add(fmt.Sprintf("%d redemptions of %d codes, %d tills at once", tries, len(codes), redeemTills),
		fmt.Sprintf("%d redeemed, %d refused, %d failed; %.0f a second", won.Load(), refused.Load(), wrong.Load(), float64(tries)/took.Seconds()), "each code once", verdictOf(good))
	return nil
}

// spent is what the offer has given of its budget.
func (w *way) spent(ctx context.Context) (int64, error) {
	var page struct {
		Items []struct {
			Committed int64 `json:"committed_minor"`
		}
	}
	if err := w.call(ctx, http.MethodGet, "/v1/offers?event=night", nil, &page); err != nil {
		return 0, err
	}
	if len(page.Items) != 1 {
		return 0, fmt.Errorf("%d offers", len(page.Items))
	}
	return page.Items[0].Committed, nil
}

// redeemed tries a code and gives the status.
func (w *way) redeemed(ctx context.Context, client *http.Client, body []byte) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/v1/redemptions", bytes.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+w.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body) // so that the connection is used again
	return res.StatusCode
}
