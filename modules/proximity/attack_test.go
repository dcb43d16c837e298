package proximity

import (
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/proximity/heatmap"
	"github.com/usherhq/usher/modules/proximity/proximitytest"
)

// mill lets n phones send what they hear for half an hour, and the event end: some places are
// crowded, and some hold a few people.
func (y *yard) mill(n int) {
	y.t.Helper()
	y.event.OpensAt, y.event.EndsAt, y.event.Attendance = noon, noon.Add(32*time.Minute), 2*n
	_, _, err := y.PutEvent(y.t.Context(), y.event)
	y.must(err)
	y.agree(n)
	r := rand.New(rand.NewPCG(uint64(n), 3))
	where, until := make([]string, n), make([]time.Time, n)
	for at := noon.Add(10 * time.Second); at.Before(noon.Add(31 * time.Minute)); at = at.Add(30 * time.Second) {
		var heard []stream.Fact
		for second := 0; second < 30; second += 3 {
			for i := range n {
				now := at.Add(time.Duration(second) * time.Second)
				if now.After(until[i]) {
					where[i] = []string{"stage-1", "stage-1", "stage-1", "stage-2", "stage-2", "gate-1", "bar-1", ""}[r.IntN(8)]
					until[i] = now.Add(time.Duration(60+r.IntN(420)) * time.Second)
				}
				if where[i] != "" && r.IntN(4) > 0 {
					heard = append(heard, y.sighting(phone(i), where[i], -60, now))
				}
			}
		}
		y.listen(heard...)
		if at.Second() == 10 {
			y.must(y.EstimateQueues(y.t.Context()))
		}
	}
	y.clock.Advance(noon.Add(time.Hour).Sub(y.clock.Now()))
	y.must2(y.Sweep(y.t.Context()))
	y.must(y.Publish(y.t.Context()))
}

func (y *yard) must2(_ int, err error) { y.t.Helper(); y.must(err) }

// truth is what the rows say of every phone: who was behind each cell and way.
func (y *yard) truth() proximitytest.Secret {
	y.t.Helper()
	secret := proximitytest.Secret{}
	rows, err := y.db.Pool().Query(y.t.Context(), `SELECT minute, ref, cell FROM proximity.presence WHERE event = $1`, y.event.ID)
	y.must(err)
	defer rows.Close()
	for rows.Next() {
		var minute time.Time
		var ref []byte
		var cell int
		y.must(rows.Scan(&minute, &ref, &cell))
		secret.Add(proximitytest.CellName(minute.UTC().Truncate(heatmap.Bin), heatmap.Cell(cell)), hex.EncodeToString(ref))
	}
	y.must(rows.Err())
	scenes, err := y.scenes(y.t.Context(), y.db.Pool(), y.db.Now())
	y.must(err)
	var visits []heatmap.Visit
	y.must(y.in(func(tx *db.Tx) (err error) {
		visits, err = visitsBetween(tx, scenes[0], y.event.OpensAt, y.event.EndsAt)
		return err
	}))
	for _, m := range heatmap.Errands(visits, y.venue.isStall) {
		secret.Add(proximitytest.WayName(proximitytest.Whole, m.From, m.To), m.Device)
	}
	areas := slices.DeleteFunc(visits, func(v heatmap.Visit) bool { return y.venue.isStall(v.Zone) })
	for _, m := range heatmap.Moves(areas, y.db.Now()) {
		secret.Add(proximitytest.WayName(m.At.Truncate(heatmap.FlowBin), m.From, m.To), m.Device)
	}
	return secret
}

// decoded reads an answer of the API.
func decoded[T any](t testing.TB, address string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(get(t, address)), &v); err != nil {
		t.Fatal(address, err)
	}
	return v
}

// Whoever collects everything that the API and the pages hand out about a crowd, and adds and
// subtracts it as they like, learns of no cell and no way with fewer than ten phones.
func TestNothingServedTellsOfFewerThanTen(t *testing.T) {
	small, figures := 0, 0
	for _, n := range []int{9, 40, 110} {
		y := newYard(t)
		y.mill(n)
		server := siteOf(t, y.Service)
		secret := y.truth()
		for _, behind := range secret {
			if len(behind) < heatmap.K {
				small++
			}
		}
		e := proximitytest.Exposed{Secret: secret, Zones: []string{"Main stage", "Bar queue", "Entrance"}}
		e.Pictures, e.Flows = y.collect(server.URL)
		e.Trades = []heatmap.Trades{y.reported(server.URL)}
		y.filesSayTheSame(server.URL, e.Pictures)
		if n == 110 && (len(e.Flows) == 0 || len(e.Trades[0].Ways) == 0) {
			t.Errorf("the attack tests little: %d flows, %+v", len(e.Flows), e.Trades)
		}
		zoneOf := newSite(y.venue).zoneOfCell()
		perBin := e.Equations(zoneOf)
		for _, equations := range perBin {
			figures += len(equations)
			for _, found := range proximitytest.Attack(equations, secret, heatmap.K, true) {
				t.Errorf("%d phones: %s", n, found)
			}
		}
		for _, found := range proximitytest.Attack(slices.Concat(perBin...), secret, heatmap.K, false) {
			t.Errorf("%d phones, all bins and products together: %s", n, found)
		}
	}
	t.Logf("%d figures, %d cells and ways with fewer than ten phones", figures, small)
	if small < 100 || figures < 100 {
		t.Errorf("%d figures, %d small cells and ways: the test tests nothing", figures, small)
	}
}

// collect asks for pictures and flows in every span that could cut a bin in two; each bin must
// be the same whoever asks, and however often it is published.
func (y *yard) collect(base string) ([]heatmap.Picture, []heatmap.Flow) {
	y.t.Helper()
	pictures, flows := map[time.Time]string{}, map[time.Time]string{}
	var all []heatmap.Picture
	var ways []heatmap.Flow
	for _, shift := range []time.Duration{0, time.Minute, 7 * time.Minute, -13 * time.Minute} {
		span := url.Values{"from": {noon.Add(shift).Format(time.RFC3339)}, "to": {noon.Add(40*time.Minute + shift).Format(time.RFC3339)}}.Encode()
		for _, p := range decoded[web.Page[heatmap.Picture]](y.t, base+"/v1/venue-events/summer/heat?"+span).Items {
			if once(y.t, pictures, p.Bin, p) {
				all = append(all, p)
			}
		}
		for _, f := range decoded[web.Page[heatmap.Flow]](y.t, base+"/v1/venue-events/summer/flow?"+span).Items {
			if once(y.t, flows, f.Bin, f) {
				ways = append(ways, f)
			}
		}
		y.must(y.Publish(y.t.Context()))
	}
	replay := decoded[struct{ Pictures []heatmap.Picture }](y.t, base+"/crowd/replay.json?event=summer").Pictures
	for _, p := range replay {
		if once(y.t, pictures, p.Bin, p) {
			y.t.Errorf("the page shows a bin at %s that the API does not", p.Bin)
		}
	}
	return all, ways
}

// once reports whether a bin is new; one that differs from before is a fault.
func once(t testing.TB, seen map[time.Time]string, bin time.Time, v any) bool {
	t.Helper()
	text := fmt.Sprintf("%+v", mustJSON(t, v))
	was, known := seen[bin]
	if known && was != text {
		t.Errorf("the bin at %s has two versions:\n%s\n%s", bin, was, text)
	}
	if bin.Minute()%5 != 0 || bin.Second() != 0 {
		t.Errorf("a bin begins at %s", bin)
	}
	seen[bin] = text
	return !known
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// reported are the ways to and from stalls that the layout report tells of, by zone.
func (y *yard) reported(base string) (t heatmap.Trades) {
	y.t.Helper()
	zone := func(name string) string {
		if s := y.venue.stall(name); s != nil {
			return s.Zone
		}
		return name
	}
	for _, w := range decoded[Layout](y.t, base+"/v1/venue-events/summer/layout").Flow {
		if from, to := zone(w.From), zone(w.To); y.venue.isStall(from) || y.venue.isStall(to) {
			t.Ways = append(t.Ways, heatmap.Way{From: from, To: to, People: w.People})
		}
	}
	return t
}

// filesSayTheSame reads the files that pages offer: no figure and no coloured square that is
// not in the pictures, and nothing that counts phones.
func (y *yard) filesSayTheSame(base string, pictures []heatmap.Picture) {
	y.t.Helper()
	zones := map[string]string{}
	for _, p := range pictures {
		zones[p.Bin.Format(time.RFC3339)+"/"] = peopleText(p.Total)
		for _, z := range p.Zones {
			zones[p.Bin.Format(time.RFC3339)+"/"+z.Zone] = peopleText(z.Figure)
		}
		y.pixelsAreBlocks(base, p)
	}
	rows, err := csv.NewReader(strings.NewReader(get(y.t, base+"/crowd/heat.csv?event=summer"))).ReadAll()
	y.must(err)
	for _, row := range rows[1:] {
		if want, known := zones[row[0]+"/"+row[1]]; !known || row[2] != want {
			y.t.Errorf("the file says %v, the picture %q", row, want)
		}
	}
	for _, path := range []string{"/crowd/queues.csv?event=summer", "/v1/venue-events/summer/queues", "/crowd/layout.csv?event=summer", "/crowd?event=summer", "/crowd/layout?event=summer"} {
		if text := get(y.t, base+path); strings.Contains(strings.ToLower(text), "\"devices\"") || strings.Contains(text, "phones,") {
			y.t.Errorf("%s counts phones", path)
		}
	}
}

func peopleText(f *heatmap.Figure) string {
	if f == nil {
		return "< 10"
	}
	return short(f.People)
}

// pixelsAreBlocks looks at the middle of each square of the exported picture: it is coloured
// where a block is, and only there.
func (y *yard) pixelsAreBlocks(base string, p heatmap.Picture) {
	y.t.Helper()
	m, err := png.Decode(strings.NewReader(get(y.t, base+"/crowd/heat.png?"+url.Values{"event": {"summer"}, "bin": {p.Bin.Format(time.RFC3339)}}.Encode())))
	y.must(err)
	cell := cellPixels(&y.venue, 1)
	sheet := heatmap.SheetOf(p)
	for row := range p.Grid.Rows {
		for column := range p.Grid.Columns {
			_, coloured := sheet.Levels[heatmap.CellAt(row, column)]
			if grey := isGrey(m, image.Rect(column*cell+2, row*cell+2, (column+1)*cell-2, (row+1)*cell-2)); grey == coloured {
				y.t.Fatalf("the square %d/%d of the picture at %s: coloured %v, published %v", row, column, p.Bin, !grey, coloured)
			}
		}
	}
}

// isGrey reports whether most of a part of a picture has no colour.
func isGrey(m image.Image, in image.Rectangle) bool {
	grey, all := 0, 0
	for y := in.Min.Y; y < in.Max.Y; y++ {
		for x := in.Min.X; x < in.Max.X; x++ {
			r, g, b, _ := m.At(x, y).RGBA()
			all++
			if max(r, g, b)-min(r, g, b) < 0x600 {
				grey++
			}
		}
	}
	return 2*grey > all
}
