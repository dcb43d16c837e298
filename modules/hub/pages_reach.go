package hub

import (
	"cmp"
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/web"
)

// reachPage is whom the hub reaches, and how.
type reachPage struct {
	Active    web.Number
	Services  []part // active installations
	Languages []part
	Statuses  []part // of all installations
	Lanes     []laneRow
}

// part is a share of a whole, with a bar.
type part struct {
	Name  web.Text
	Count web.Number
	Share string
	Width float64 // percent
}

type laneRow struct {
	App     string
	Service string
	Open    bool // the breaker holds messages back
	Probe   instant
	Pace    string
	Flying  web.Number
}

func (s *Service) pageReach(c echo.Context) error {
	people, err := s.populations(c.Request().Context())
	if err != nil {
		return err
	}
	p := reachPage{Lanes: laneRows(s.Lanes())}
	p.census(people)
	return c.Render(http.StatusOK, "hub/reach", p)
}

// pageResume ends a credential's pause.
func (s *Service) pageResume(c echo.Context) error {
	if _, err := s.ResumeCredential(c.Request().Context(), c.Param("app"), push.Service(c.Param("service"))); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/")
}

// census sums the populations three ways.
func (p *reachPage) census(people []population) {
	services, languages, statuses := map[string]int64{}, map[string]int64{}, map[string]int64{}
	var all, active int64
	for _, q := range people {
		all += q.Count
		statuses[q.Status] += q.Count
		if q.Status == StatusActive {
			active += q.Count
			services[q.Service] += q.Count
			languages[q.Locale] += q.Count
		}
	}
	p.Active = web.Number(active)
	p.Services = partsOf(services, active, serviceText)
	p.Statuses = partsOf(statuses, all, func(name string) web.Text { return web.T(statusNames[name]) })
	p.Languages = partsOf(languages, active, languageName)
}

var statusNames = map[string]string{StatusActive: "Active", StatusRetired: "Retired", StatusQuarantined: "Quarantined"}

// maxParts bounds a list of parts; what is left becomes one part, "others".
const maxParts = 8

// partsOf turns counts into shares of a whole, the largest first.
func partsOf(counts map[string]int64, whole int64, name func(string) web.Text) []part {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var rest int64
	var out []part
	for i, k := range keys {
		if i >= maxParts-1 && len(keys) > maxParts {
			rest += counts[k]
			continue
		}
		out = append(out, newPart(name(k), counts[k], whole))
	}
	if rest > 0 {
		out = append(out, newPart(web.T("%d others", len(keys)-len(out)), rest, whole))
	}
	return out
}

func newPart(name web.Text, n, whole int64) part {
	return part{Name: name, Count: web.Number(n), Share: percent(n, whole), Width: share(n, whole)}
}

func laneRows(lanes []LaneState) []laneRow {
	slices.SortFunc(lanes, func(a, b LaneState) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(serviceIndex(a.Service), serviceIndex(b.Service)))
	})
	out := make([]laneRow, len(lanes))
	for i, l := range lanes {
		out[i] = laneRow{App: l.App, Service: serviceName(l.Service), Open: l.Breaker == "open", Probe: at(l.Probe), Pace: "unlimited", Flying: web.Number(l.Flying)}
		if l.Pace > 0 {
			out[i].Pace = web.Number(l.Pace).String() + " a second"
		}
	}
	return out
}
