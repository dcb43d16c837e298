package proximity

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/sheet"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/proximity/heatmap"
)

func (s *Service) crowdPages() []web.Route {
	return []web.Route{
		look("/crowd", s.pageCrowd),
		look("/crowd/replay.json", s.pageReplay),
		look("/crowd/heat.csv", s.pageHeatCSV),
		look("/crowd/heat.png", s.pageHeatPNG),
		look("/crowd/queues.csv", s.pageQueuesCSV),
	}
}

// crowdPage is where people are at an event: one published bin of it, the queues, the ways.
type crowdPage struct {
	Event        Event
	Venue        Venue
	State        string
	Plan         drawing
	Total        string
	At, Until    moment
	Shown        bool // there is a picture
	Few          bool // of whom it does not tell the number
	Blocks       []drawnBlock
	Zones        []zoneRow
	Earlier      string // addresses
	Later        string
	Bins         int
	Queues       []queueView
	Stall        string // whose chart is shown
	History      []queuePoint
	Ways         []wayRow
	Drawn        []drawnWay
	WayAt        moment
	Other        string
	Replay       string
	CSV, PNG     string
	QueuesCSV    string
	SharePercent string
}

type drawnBlock struct {
	Level        string
	Rects        []rect
	LabelX       string
	LabelY, Size string
	Title        string
}

type rect struct{ X, Y, W, H int }

type zoneRow struct {
	Name, People, Density, Level, Words string
	Seconds                             int64
}

type queueView struct {
	Queue
	People, Interval, Wait, State, Link string
	At                                  moment
}

type queuePoint struct {
	Unix   int64
	At     moment
	Value  string // "" where it is not known
	People string
	Wait   string
	Sales  int
}

type wayRow struct{ From, To, People string }

type drawnWay struct{ X1, Y1, X2, Y2, Width, Title string }

// levelWords say what a level feels like. Source: as heatmap.LevelFrom.
var levelWords = map[heatmap.Level]string{
	"A": "free", "B": "easy", "C": "some care", "D": "slow", "E": "shuffling", "F": "jammed",
}

func crowdLink(event string, more ...string) string {
	q := url.Values{"event": {event}}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return "/crowd?" + q.Encode()
}

func (s *Service) pageCrowd(c echo.Context) error {
	ctx := c.Request().Context()
	e, err := s.Event(ctx, c.QueryParam("event"))
	if err != nil {
		return err
	}
	v, err := s.Venue(ctx, e.Venue)
	if err != nil {
		return err
	}
	p := crowdPage{Event: e, Venue: v, State: e.state(s), Plan: drawingOf(&v)}
	query := url.Values{"event": {e.Name}}.Encode()
	p.Replay, p.CSV, p.QueuesCSV = "/crowd/replay.json?"+query, "/crowd/heat.csv?"+query, "/crowd/queues.csv?"+query
	at, err := instant(c, "bin", time.Time{})
	if err != nil {
		return err
	}
	for _, fill := range []func() error{
		func() error { return s.fillPicture(ctx, &p, at) },
		func() error { return s.fillQueues(ctx, &p, c.QueryParam("stall")) },
		func() error { return s.fillFlow(ctx, &p) },
	} {
		if err := fill(); err != nil {
			return err
		}
	}
	return c.Render(http.StatusOK, "proximity/crowd", p)
}

func (s *Service) fillPicture(ctx context.Context, p *crowdPage, at time.Time) error {
	last, err := s.lastBin(ctx, p.Event.ID)
	if err != nil || last.IsZero() {
		return err
	}
	if at.IsZero() || at.After(last) {
		at = last
	}
	at = at.Truncate(heatmap.Bin)
	found, err := s.Heat(ctx, p.Event.ID, at, at.Add(heatmap.Bin))
	if err != nil {
		return err
	}
	p.At, p.Until = moment{at}, moment{at.Add(heatmap.Bin)}
	p.PNG = "/crowd/heat.png?" + url.Values{"event": {p.Event.Name}, "bin": {at.Format(time.RFC3339)}}.Encode()
	if earlier := at.Add(-heatmap.Bin); !earlier.Before(p.Event.OpensAt.Truncate(heatmap.Bin)) {
		p.Earlier = crowdLink(p.Event.Name, "bin", earlier.Format(time.RFC3339))
	}
	if at.Before(last) {
		p.Later = crowdLink(p.Event.Name, "bin", at.Add(heatmap.Bin).Format(time.RFC3339))
	}
	if len(found) == 0 {
		return nil
	}
	pic := found[0]
	p.Shown, p.Few, p.Total = true, pic.Total == nil, peopleOf(pic.Total)
	for i := range pic.Blocks {
		p.Blocks = append(p.Blocks, drawBlock(&pic.Blocks[i], p.Plan.Text))
	}
	for _, z := range pic.Zones {
		row := zoneRow{Name: z.Zone, People: peopleOf(z.Figure), Density: "–", Level: "–"}
		if z.Figure != nil {
			row.Density, row.Level, row.Words = fmt.Sprintf("%.2f", z.Figure.Density), string(z.Figure.Level), levelWords[z.Figure.Level]
		}
		p.Zones = append(p.Zones, row)
	}
	return nil
}

func peopleOf(f *heatmap.Figure) string {
	if f == nil {
		return "< 10"
	}
	return strconv.FormatFloat(math.Round(f.People), 'f', 0, 64)
}

func drawBlock(b *heatmap.Block, size string) drawnBlock {
	out := drawnBlock{Level: string(b.Level), Size: size, Title: fmt.Sprintf("%s: about %.0f people, %.2f a square metre, level %s", b.Zone, b.People, b.Density, b.Level)}
	var x, y, n float64
	for _, r := range b.Runs {
		c := heatmap.Cell(r[0])
		out.Rects = append(out.Rects, rect{c.Column() * heatmap.CellSize, c.Row() * heatmap.CellSize, r[1] * heatmap.CellSize, heatmap.CellSize})
		x += (float64(c.Column()) + float64(r[1])/2) * heatmap.CellSize * float64(r[1])
		y += (float64(c.Row()) + .5) * heatmap.CellSize * float64(r[1])
		n += float64(r[1])
	}
	out.LabelX, out.LabelY = strconv.FormatFloat(x/n, 'f', 1, 64), strconv.FormatFloat(y/n, 'f', 1, 64)
	return out
}

func (s *Service) fillQueues(ctx context.Context, p *crowdPage, stall string) error {
	all, err := s.Queues(ctx, p.Event.Name)
	if err != nil {
		return err
	}
	for _, q := range all {
		row := queueView{Queue: q, People: "not enough data", Interval: "–", Wait: "–", State: "not known", Link: crowdLink(p.Event.Name, "stall", q.Name) + "#queues", At: moment{q.At}}
		if q.Known {
			row.People, row.Interval, row.State = fmt.Sprintf("%.0f", q.People), fmt.Sprintf("%.0f – %.0f", q.Low, q.High), "short"
		}
		if q.Wait != nil {
			row.Wait = fmt.Sprintf("%.0f min", *q.Wait)
		}
		if q.Long != nil {
			row.State = "long since " + moment{*q.Long}.Clock()
		}
		p.Queues = append(p.Queues, row)
	}
	if len(all) == 0 {
		return nil
	}
	i := max(slices.IndexFunc(all, func(q Queue) bool { return q.Name == stall }), 0)
	p.Stall = all[i].Name
	to := all[i].At
	past, err := s.QueueHistory(ctx, p.Event, all[i].Stall, to.Add(-3*time.Hour), to)
	if err != nil {
		return err
	}
	for _, q := range past {
		point := queuePoint{Unix: q.At.Unix(), At: moment{q.At}, People: "–", Wait: "–", Sales: q.Sales}
		if q.Known {
			point.Value, point.People = strconv.FormatFloat(q.People, 'f', 1, 64), fmt.Sprintf("%.0f (%.0f – %.0f)", q.People, q.Low, q.High)
		}
		if q.Wait != nil {
			point.Wait = fmt.Sprintf("%.0f min", *q.Wait)
		}
		p.History = append(p.History, point)
	}
	return nil
}

// fillFlow shows the ways of the newest quarter of an hour.
func (s *Service) fillFlow(ctx context.Context, p *crowdPage) error {
	to := s.db.Now()
	all, err := s.Flow(ctx, p.Event.ID, p.Event.OpensAt.Add(-heatmap.FlowBin), to)
	if err != nil || len(all) == 0 {
		return err
	}
	f := all[len(all)-1]
	p.WayAt = moment{f.Bin}
	if f.Other != nil {
		p.Other = fmt.Sprintf("%.0f", *f.Other)
	}
	most := 0.0
	for _, w := range f.Ways {
		most = max(most, w.People)
	}
	for _, w := range f.Ways {
		p.Ways = append(p.Ways, wayRow{wayEnd(w.From), wayEnd(w.To), fmt.Sprintf("%.0f", w.People)})
		from, to := p.Venue.zone(w.From), p.Venue.zone(w.To)
		if from == nil || to == nil || from == to {
			continue
		}
		x1, y1 := middle(from.Outline)
		x2, y2 := middle(to.Outline)
		wide := (0.3 + 2*w.People/most) * max(p.Venue.Width, p.Venue.Height) / 150
		p.Drawn = append(p.Drawn, drawnWay{short(x1), short(y1), short(x2), short(y2), strconv.FormatFloat(wide, 'f', 2, 64), fmt.Sprintf("%s to %s: about %.0f people", w.From, w.To, w.People)})
	}
	return nil
}

func wayEnd(zone string) string {
	switch zone {
	case heatmap.Entry:
		return "came in"
	case heatmap.Out:
		return "went out"
	}
	return zone
}

// pageReplay is the pictures that the slider goes through: at most a day's, the newest.
func (s *Service) pageReplay(c echo.Context) error {
	e, pics, err := s.dayOf(c)
	if err != nil {
		return err
	}
	v, err := s.Venue(c.Request().Context(), e.Venue)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"width": v.Width, "height": v.Height, "cell": heatmap.CellSize, "pictures": orEmpty(pics)})
}

func (s *Service) dayOf(c echo.Context) (Event, []heatmap.Picture, error) {
	ctx := c.Request().Context()
	e, err := s.Event(ctx, c.QueryParam("event"))
	if err != nil {
		return e, nil, err
	}
	last, err := s.lastBin(ctx, e.ID)
	if err != nil {
		return e, nil, err
	}
	pics, err := s.Heat(ctx, e.ID, last.Add(-24*time.Hour), last.Add(time.Second))
	return e, pics, err
}

// pageHeatCSV is the published figures of each zone, bin by bin.
func (s *Service) pageHeatCSV(c echo.Context) error {
	e, pics, err := s.dayOf(c)
	if err != nil {
		return err
	}
	w := attach(c, "text/csv; charset=utf-8", e.Name+"-zones.csv")
	rows := csv.NewWriter(w)
	_ = rows.Write([]string{"from", "zone", "people", "people_per_m2", "level"})
	for _, p := range pics {
		line := func(zone string, f *heatmap.Figure) {
			row := []string{p.Bin.Format(time.RFC3339), zone, "< 10", "", ""}
			if f != nil {
				row[2], row[3], row[4] = short(f.People), strconv.FormatFloat(f.Density, 'f', 3, 64), string(f.Level)
			}
			_ = rows.Write(row)
		}
		line("", p.Total)
		for _, z := range p.Zones {
			line(sheet.Guard(z.Zone), z.Figure)
		}
	}
	rows.Flush()
	return rows.Error()
}

// pageQueuesCSV is the estimates of every queue of an event, minute by minute.
func (s *Service) pageQueuesCSV(c echo.Context) error {
	ctx := c.Request().Context()
	e, err := s.Event(ctx, c.QueryParam("event"))
	if err != nil {
		return err
	}
	all, err := queueRows(ctx, s.db.Pool(), `q.event = $1 ORDER BY b.at, t.name`, e.ID)
	if err != nil {
		return err
	}
	w := attach(c, "text/csv; charset=utf-8", e.Name+"-queues.csv")
	rows := csv.NewWriter(w)
	_ = rows.Write([]string{"at", "stall", "people", "low", "high", "wait_minutes", "sales_300s"})
	for _, q := range all {
		row := []string{q.At.Format(time.RFC3339), sheet.Guard(q.Name), "", "", "", "", strconv.Itoa(q.Sales)}
		if q.Known {
			row[2], row[3], row[4] = fmt.Sprintf("%.1f", q.People), fmt.Sprintf("%.1f", q.Low), fmt.Sprintf("%.1f", q.High)
		}
		if q.Wait != nil {
			row[5] = fmt.Sprintf("%.1f", *q.Wait)
		}
		_ = rows.Write(row)
	}
	rows.Flush()
	return rows.Error()
}

// attach begins an answer that browsers save as a file.
func attach(c echo.Context, kind, name string) http.ResponseWriter {
	h := c.Response().Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(name))
	c.Response().WriteHeader(http.StatusOK)
	return c.Response()
}
