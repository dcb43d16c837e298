package forecast

import (
	"math"

	"github.com/usherhq/usher/modules/kernel/fit"
)

// column is a feature and what is known of its coefficient before any data.
type column struct {
	name  string
	prior fit.Prior
}

// columns are the features of every model; a cluster adds three (clusterColumns).
// The expected bookings of a day are exp(ln C + intercept + Σ coefficient · feature).
var columns = [...]column{
	{"intercept", fit.Prior{Mean: -4.6, SD: .7}},
	{"3 days to the event", fit.Prior{Mean: 1.3, SD: .6}}, // e^(−d/3)
	{"10 days to the event", fit.Prior{Mean: .8, SD: .6}}, // e^(−d/10)
	{"30 days to the event", fit.Prior{Mean: .4, SD: .6}}, // e^(−d/30)
	{"4 days on sale", fit.Prior{Mean: .9, SD: .6}},       // e^(−a/4)
	{"15 days on sale", fit.Prior{Mean: .3, SD: .6}},      // e^(−a/15)
	{"lead time", fit.Prior{Mean: -.6, SD: .4}},           // ln(lead/60)
	{"capacity", fit.Prior{Mean: 0, SD: .25}},             // ln(C/260)
	{"Sunday", fit.Prior{SD: .12}},
	{"Monday", fit.Prior{SD: .12}},
	{"Tuesday", fit.Prior{SD: .12}},
	{"Wednesday", fit.Prior{SD: .12}},
	{"Thursday", fit.Prior{SD: .12}},
	{"Friday", fit.Prior{SD: .12}},
	{"Saturday", fit.Prior{SD: .12}},
	{"payday", fit.Prior{Mean: .1, SD: .1}},
	{"price now", fit.Prior{Mean: -1.3, SD: .5}},  // ln(price/the event's reference)
	{"price level", fit.Prior{Mean: -.5, SD: .5}}, // ln(the event's reference/its genre's)
	{"posts the day before", fit.Prior{Mean: .25, SD: .2}},
	{"sentiment of posts", fit.Prior{Mean: .1, SD: .1}},
	{"on a weekend", fit.Prior{Mean: .2, SD: .2}},
	{"artist's past events", fit.Prior{Mean: .3, SD: .3}},
	{"rivals", fit.Prior{Mean: -.1, SD: .1}},
	{"season, winter to summer", fit.Prior{SD: .15}},
	{"season, spring to autumn", fit.Prior{SD: .15}},
}

// The places of the columns.
const (
	colIntercept = iota
	colDays3
	colDays10
	colDays30
	colOnSale4
	colOnSale15
	colLead
	colCapacity
	colSunday
	_
	_
	_
	_
	_
	_
	colPayday
	colPriceNow
	colPriceLevel
	colSocial
	colSentiment
	colWeekend
	colArtist
	colRivals
	colSeasonCos
	colSeasonSin
	colCluster // the first of the clusters'
)

// What a day ahead keeps of today's posts and their sentiment.
const socialDecay = .75

// References are the levels that features are measured against, from the training events.
type References struct {
	Price    map[string]float64 `json:"price"`    // median reference price by genre; "" over all
	Social   float64            `json:"social"`   // mean of ln(1 + posts a day)
	Artist   map[string]float64 `json:"artist"`   // how full the artist's past events were, see fame
	Clusters []string           `json:"clusters"` // each has three columns
}

// Cluster is the group an event shares a level and a booking curve with: its genre.
func (e *Event) Cluster() string { return e.Genre }

// priors are those of the columns, clusters included, in the order of features.
func (r *References) priors() []fit.Prior {
	out := make([]fit.Prior, 0, len(columns)+3*len(r.Clusters))
	for _, c := range columns {
		out = append(out, c.prior)
	}
	for range r.Clusters {
		out = append(out, fit.Prior{SD: .3}, fit.Prior{SD: .4}, fit.Prior{SD: .4})
	}
	return out
}

// names are those of the columns, in the order of features.
func (r *References) names() []string {
	var out []string
	for _, c := range columns {
		out = append(out, c.name)
	}
	for _, c := range r.Clusters {
		out = append(out, c, c+", 10 days to the event", c+", 4 days on sale")
	}
	return out
}

// scene is an event with what does not change from day to day of its sale, as known
// at the end of a day.
type scene struct {
	*Event
	refs    *References
	known   Day // features of later days are extrapolated from this one
	base    []float64
	price   float64 // reference
	fixed   float64 // what it costs from now on; 0: as it did last
	rivals  []Rival
	cluster int // −1: none
}

// scene prepares the features of e, as known at the end of the day. fame is the
// artist's; rivals those that are, or will be, announced.
func (r *References) scene(e *Event, known Day, fame float64, rivals []Rival) *scene {
	s := &scene{Event: e, refs: r, known: known, rivals: rivals, price: e.reference(known), cluster: -1}
	for i, c := range r.Clusters {
		if c == e.Cluster() {
			s.cluster = i
		}
	}
	b := make([]float64, len(columns)+3*len(r.Clusters))
	b[colIntercept] = 1
	b[colLead] = math.Log(float64(e.Lead()) / 60)
	b[colCapacity] = math.Log(float64(e.Capacity) / 260)
	b[colPriceLevel] = r.priceLevel(e.Genre, s.price)
	b[colWeekend] = indicator(e.Weekend())
	b[colArtist] = fame
	year := 2 * math.Pi * float64(e.Date.Time().YearDay()) / 365.25
	b[colSeasonCos], b[colSeasonSin] = math.Cos(year), math.Sin(year)
	s.base = b
	return s
}

func (r *References) priceLevel(genre string, price float64) float64 {
	ref := r.Price[genre]
	if ref <= 0 {
		ref = r.Price[""]
	}
	return logRatio(price, ref)
}

// features is the row of a day of sale.
func (s *scene) features(day Day) []float64 {
	x := append([]float64(nil), s.base...)
	d, a := float64(s.Date-day), float64(day-s.OnSale)
	x[colDays3], x[colDays10], x[colDays30] = math.Exp(-d/3), math.Exp(-d/10), math.Exp(-d/30)
	x[colOnSale4], x[colOnSale15] = math.Exp(-a/4), math.Exp(-a/15)
	x[colSunday+int(day.Weekday())] = 1
	x[colPayday] = indicator(payday(day))
	now := min(day, s.known)
	if x[colPriceNow] = logRatio(s.priceOn(now), s.price); s.fixed > 0 {
		x[colPriceNow] = logRatio(s.fixed, s.price)
	}
	x[colRivals] = pressure(s.rivals, now)
	s.buzz(x, day)
	if s.cluster >= 0 {
		c := x[colCluster+3*s.cluster:]
		c[0], c[1], c[2] = 1, x[colDays10], x[colOnSale4]
	}
	return x
}

// buzz fills in the posts and their sentiment: those of the day before, or what is left of
// the last known.
func (s *scene) buzz(x []float64, day Day) {
	from := min(day-1, s.known)
	left := math.Pow(socialDecay, float64(day-1-from))
	i := int(from - s.OnSale)
	if i >= 0 && i < len(s.Social) {
		x[colSocial] = left * (math.Log1p(max(s.on(s.Social, from), 0)) - s.refs.Social)
	}
	if i >= 0 && i < len(s.Sentiment) {
		x[colSentiment] = left * s.on(s.Sentiment, from)
	}
}

// priceOn is the price of the day, or the last one known before it.
func (s *scene) priceOn(day Day) float64 {
	for i := min(int(day-s.OnSale), len(s.Price)-1); i >= 0; i-- {
		if s.Price[i] > 0 {
			return s.Price[i]
		}
	}
	return 0
}

// payday reports whether wages have just been paid: the turn of the month.
func payday(d Day) bool {
	day := d.Time().Day()
	return day <= 3 || day >= 28
}

// logRatio is ln(a/b), within ±2; 0 when one of them is unknown.
func logRatio(a, b float64) float64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	return min(max(math.Log(a/b), -2), 2)
}

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
