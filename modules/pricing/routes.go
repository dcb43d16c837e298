package pricing

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// Routes is pricing's JSON API.
func (s *Service) Routes() []web.Route {
	route := func(method, path string, h echo.HandlerFunc, doc web.Doc) web.Route {
		return web.Route{Method: method, Path: "/v1/pricing" + path, Right: web.Manage, Handler: h, Doc: doc}
	}
	return []web.Route{
		route("GET", "/categories", s.getOverview,
			web.Doc{Says: "Lists the categories that have a price rule, with what it would do.", Gives: web.Page[Line]{}}),
		route("GET", "/categories/:category", s.getRule,
			web.Doc{Says: "Tells a category's price rule.", Gives: Rule{}}),
		route("PUT", "/categories/:category", s.putRule,
			web.Doc{Says: "Sets a category's price rule: limits, step, approval.", Takes: Rule{}, Gives: Rule{}}),
		route("GET", "/categories/:category/what-if", s.getWhatIf,
			web.Doc{Says: "Tells what demand would do at other prices.", Gives: web.Page[outcomeView]{}, Query: []string{"price_minor: a price to ask about, in minor units"}}),
		route("POST", "/categories/:category/simulation", s.postSimulation,
			web.Doc{Says: "Simulates a price rule before it is switched on.", Takes: simulationRequest{}, Gives: simulationView{}}),
		route("POST", "/events/:event/decide", s.postDecide,
			web.Doc{Says: "Decides an event's prices now."}),
		route("GET", "/events/:event/protection", s.getProtection,
			web.Doc{Says: "Tells how many tickets each category should keep for those who pay more.", Gives: web.Page[Advice]{}}),
		route("GET", "/decisions", s.getDecisions,
			web.Doc{Says: "Lists price decisions, the newest first.", Gives: web.Page[Decision]{}, Query: []string{"event: of this event", "category: of this category", "moves: true lists only those that moved a price", "cursor", "limit"}}),
		route("GET", "/decisions/open", s.getOpen,
			web.Doc{Says: "Lists the decisions that wait for approval.", Gives: web.Page[Decision]{}}),
		route("GET", "/decisions/:decision", s.getDecision,
			web.Doc{Says: "Tells a price decision and its reason.", Gives: Decision{}}),
		route("POST", "/decisions/:decision/agree", s.postAgree,
			web.Doc{Says: "Agrees to a price decision.", Gives: Decision{}}),
		route("POST", "/decisions/:decision/refuse", s.postRefuse,
			web.Doc{Says: "Refuses a price decision."}),
		route("GET", "/stops", s.getStops,
			web.Doc{Says: "Lists the kill switches that are on.", Gives: web.Page[Stop]{}}),
		route("PUT", "/stops/:event", s.putStop,
			web.Doc{Says: "Switches automatic prices of an event off or on again.", Takes: stopRequest{}}),
	}
}

// named reads an id of the path; anything else names nothing there is.
func named(c echo.Context, param string) (id.ID, error) {
	name, err := id.Parse(c.Param(param))
	if err != nil {
		return id.Nil, fault.E("pricing.path", fault.NotFound, "there is no such "+param, nil)
	}
	return name, nil
}

func (s *Service) getOverview(c echo.Context) error {
	list, err := s.Overview(c.Request().Context())
	if err != nil {
		return err
	}
	if list == nil {
		list = []Line{}
	}
	return web.Fresh(c, web.Page[Line]{Items: list})
}

func (s *Service) getRule(c echo.Context) error {
	name, err := named(c, "category")
	if err != nil {
		return err
	}
	r, err := s.RuleOf(c.Request().Context(), name)
	if err != nil {
		return err
	}
	return web.Fresh(c, r)
}

// putRule replaces a rule; its version is the one that was read.
func (s *Service) putRule(c echo.Context) error {
	name, err := named(c, "category")
	if err != nil {
		return err
	}
	r, err := web.Bind[Rule](c)
	if err != nil {
		return err
	}
	r.Category = name
	if r, err = s.SetRule(c.Request().Context(), r, web.Actor(c.Request().Context())); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, r)
}

// outcomeView is a policy.Outcome on the wire.
type outcomeView struct {
	Price   int64   `json:"price_minor"`
	Sales   float64 `json:"expected_sales"`
	Takings float64 `json:"expected_takings_minor"`
	SoldOut float64 `json:"sold_out_probability"`
	Gain    float64 `json:"gain"`
}

func (s *Service) getWhatIf(c echo.Context) error {
	name, err := named(c, "category")
	if err != nil {
		return err
	}
	var price int64
	if text := c.QueryParam("price_minor"); text != "" {
		if price, err = strconv.ParseInt(text, 10, 64); err != nil {
			return fault.BadField("pricing.WhatIf", "price_minor", "is no number", "minor units, such as 2950")
		}
	}
	list, err := s.WhatIf(c.Request().Context(), name, price)
	if err != nil {
		return err
	}
	page := web.Page[outcomeView]{Items: []outcomeView{}}
	for _, o := range list {
		page.Items = append(page.Items, outcomeView(o))
	}
	return web.Fresh(c, page)
}

// simulationRequest asks what a rule would do; without one, what the kept one would.
type simulationRequest struct {
	Rule *Rule `json:"rule,omitempty"`
	Days int   `json:"days"` // of the past to play again; 0: only what is to come
}

type simulationView struct {
	Days    int         `json:"days"`
	Kept    policy.Span `json:"kept_minor"`
	Moved   policy.Span `json:"moved_minor"`
	Gain    policy.Span `json:"gain"`
	Better  float64     `json:"better_probability"`
	Changes float64     `json:"changes"`
	Prices  []float64   `json:"prices_minor"`
	Low     []int64     `json:"low_minor"`
	High    []int64     `json:"high_minor"`
}

func (s *Service) postSimulation(c echo.Context) error {
	name, err := named(c, "category")
	if err != nil {
		return err
	}
	in, err := web.Bind[simulationRequest](c)
	if err != nil {
		return err
	}
	r, err := s.RuleOf(c.Request().Context(), name)
	if err != nil {
		return err
	}
	if in.Rule != nil {
		r = *in.Rule
		r.Category = name
	}
	m, err := s.Simulate(c.Request().Context(), r, in.Days)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, simulationView{m.Days, m.Kept, m.Moved, m.Gain, m.Better, m.Changes, m.Prices, m.Low, m.High})
}

func (s *Service) getProtection(c echo.Context) error {
	event, err := named(c, "event")
	if err != nil {
		return err
	}
	list, err := s.Protection(c.Request().Context(), event)
	if err != nil {
		return err
	}
	if list == nil {
		list = []Advice{}
	}
	return web.Fresh(c, web.Page[Advice]{Items: list})
}

func (s *Service) getStops(c echo.Context) error {
	list, err := s.Stops(c.Request().Context())
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Stop]{Items: list})
}

type stopRequest struct {
	Stopped bool `json:"stopped"`
}

// putStop throws or lifts the switch of an event, or with "all" that of everything.
func (s *Service) putStop(c echo.Context) error {
	event := id.Nil
	if c.Param("event") != "all" {
		var err error
		if event, err = named(c, "event"); err != nil {
			return err
		}
	}
	in, err := web.Bind[stopRequest](c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := s.SetStop(ctx, event, in.Stopped, web.Actor(ctx)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func sortedPrices(of map[int64]bool) []int64 { return slices.Sorted(maps.Keys(of)) }
