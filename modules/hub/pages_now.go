package hub

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/hub/push"
)

// nowPage is what the first page shows.
type nowPage struct {
	Checklist []todo  // nil once a first notification could go out
	Next      int     // number of the first step that is not done
	Alerts    []alert // what needs a person
	Active    amount
	Services  []part // active installations
	Languages []part
	Statuses  []part // of all installations
	Recent    []notificationRow
	Lanes     []laneRow
}

// A todo is a step of the first run.
type todo struct {
	Done     bool
	What     string
	Why      string
	Examples []example
}

type example struct{ Label, Command string }

// An alert is what a person must look at. Resume is where to post "try again".
type alert struct{ What, Do, Resume string }

// part is a share of a whole, with a bar.
type part struct {
	Name  string
	Count amount
	Share string
	Width float64 // percent
}

type laneRow struct {
	App     string
	Service string
	Open    bool // the breaker holds messages back
	Probe   instant
	Pace    string
	Flying  amount
}

// recentCount is how many notifications the first page shows.
const recentCount = 6

func (s *Service) pageNow(c echo.Context) error {
	ctx := c.Request().Context()
	apps, err := s.Apps(ctx)
	if err != nil {
		return err
	}
	credentials, err := s.allCredentials(ctx)
	if err != nil {
		return err
	}
	people, err := s.populations(ctx)
	if err != nil {
		return err
	}
	recent, _, err := s.Notifications(ctx, "", place{}, recentCount)
	if err != nil {
		return err
	}
	p := nowPage{Alerts: alertsOf(credentials), Lanes: laneRows(s.Lanes())}
	if p.Recent, err = s.rows(ctx, recent); err != nil {
		return err
	}
	p.census(people)
	p.Checklist = checklist(c.Scheme()+"://"+c.Request().Host, apps, credentials, len(people) > 0, len(recent) > 0)
	for p.Next < len(p.Checklist) && p.Checklist[p.Next].Done {
		p.Next++
	}
	return c.Render(http.StatusOK, "hub/now", p)
}

// pageResume ends a credential's pause.
func (s *Service) pageResume(c echo.Context) error {
	if _, err := s.ResumeCredential(c.Request().Context(), c.Param("app"), push.Service(c.Param("service"))); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/")
}

// census sums the populations three ways.
func (p *nowPage) census(people []population) {
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
	p.Active = amount(active)
	p.Services = partsOf(services, active, func(name string) string { return serviceName(push.Service(name)) })
	p.Statuses = partsOf(statuses, all, func(name string) string { return statusNames[name] })
	p.Languages = partsOf(languages, active, languageName)
}

var statusNames = map[string]string{StatusActive: "Active", StatusRetired: "Retired", StatusQuarantined: "Quarantined"}

// maxParts bounds a list of parts; what is left becomes one part, "others".
const maxParts = 8

// partsOf turns counts into shares of a whole, the largest first.
func partsOf(counts map[string]int64, whole int64, name func(string) string) []part {
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
		out = append(out, newPart(fmt.Sprintf("%d others", len(keys)-len(out)), rest, whole))
	}
	return out
}

func newPart(name string, n, whole int64) part {
	return part{Name: name, Count: amount(n), Share: percent(n, whole), Width: share(n, whole)}
}

// alertsOf lists the credentials that a push service refused, and what to do.
func alertsOf(credentials []Credential) []alert {
	var out []alert
	for _, c := range credentials {
		if c.PausedAt == nil {
			continue
		}
		out = append(out, alert{
			What:   fmt.Sprintf("%s refuses the credential of app %s: %s. Nothing goes out there, and what waits is kept until it expires.", serviceName(c.Service), c.App, c.PausedReason),
			Do:     fmt.Sprintf("Store a valid one with PUT /v1/apps/%s/credentials/%s; sending then resumes by itself. If the credential is right and the service was wrong, resume it here.", c.App, c.Service),
			Resume: fmt.Sprintf("/apps/%s/credentials/%s/resume", c.App, c.Service),
		})
	}
	return out
}

func laneRows(lanes []LaneState) []laneRow {
	slices.SortFunc(lanes, func(a, b LaneState) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(serviceIndex(a.Service), serviceIndex(b.Service)))
	})
	out := make([]laneRow, len(lanes))
	for i, l := range lanes {
		out[i] = laneRow{App: l.App, Service: serviceName(l.Service), Open: l.Breaker == "open", Probe: at(l.Probe), Pace: "unlimited", Flying: amount(l.Flying)}
		if l.Pace > 0 {
			out[i].Pace = amount(l.Pace).String() + " a second"
		}
	}
	return out
}
