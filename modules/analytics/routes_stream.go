package analytics

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
)

// streamRoutes is the JSON API of listeners and parked facts.
func (s *Service) streamRoutes() []web.Route {
	route := func(method, path string, h echo.HandlerFunc, doc web.Doc) web.Route {
		return web.Route{Method: method, Path: path, Right: web.Manage, Handler: h, Doc: doc}
	}
	return []web.Route{
		route("GET", "/v1/stream/listeners", s.getListeners,
			web.Doc{Says: "Lists the stream's listeners, their place and lag.", Gives: web.Page[listenerState]{}}),
		route("POST", "/v1/stream/listeners/:name/replay", s.postReplayListener,
			web.Doc{Says: "Lets a listener read the stream again from an earlier instant on.", Takes: replay{}, Gives: replayed{}, Status: 202}),
		route("GET", "/v1/stream/parked", s.getParked,
			web.Doc{Says: "Lists parked facts, which a listener could not take.", Gives: web.Page[parkedView]{}, Query: []string{"listener: of this listener", "cursor", "limit"}}),
		route("POST", "/v1/stream/parked/:id/replay", s.postReplayParked,
			web.Doc{Says: "Hands a parked fact to its listener again."}),
		route("DELETE", "/v1/stream/parked/:id", s.deleteParked,
			web.Doc{Says: "Discards a parked fact."}),
	}
}

func (s *Service) getListeners(c echo.Context) error {
	all, err := s.listenerStates(c.Request().Context())
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[listenerState]{Items: all})
}

// replayed is how many facts a listener handles again, counted up to 100,000.
type replayed struct {
	Facts int `json:"facts"`
}

func (s *Service) postReplayListener(c echo.Context) error {
	r, err := web.Bind[replay](c)
	if err != nil {
		return err
	}
	n, err := s.ReplayListener(c.Request().Context(), c.Param("name"), r.From)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, replayed{n})
}

// parkedView is a parked fact as the API tells it.
type parkedView struct {
	ID         id.ID           `json:"id"`
	Listener   string          `json:"listener"`
	Error      string          `json:"error"`
	ParkedAt   time.Time       `json:"parked_at"`
	Type       string          `json:"type"`
	Key        string          `json:"key"`
	Source     string          `json:"source"`
	SourceID   string          `json:"source_id"`
	Time       time.Time       `json:"time"`
	ReceivedAt time.Time       `json:"received_at"`
	Data       json.RawMessage `json:"data"`
}

func (s *Service) getParked(c echo.Context) error {
	list, next, err := s.parkedPage(c, 100, 500)
	if err != nil {
		return err
	}
	views := make([]parkedView, len(list))
	for i, p := range list {
		f := p.Fact
		views[i] = parkedView{p.ID, p.Listener, p.Error, p.ParkedAt, f.Type, f.Key, f.Source, f.SourceID, f.Time, f.ReceivedAt, f.Data}
	}
	return web.Fresh(c, web.Page[parkedView]{Items: views, Next: next})
}

// parkedPage reads ?listener=, ?limit= and ?cursor=.
func (s *Service) parkedPage(c echo.Context, def, most int) (list []stream.Parked, next string, err error) {
	limit, err := web.Limit(c, def, most)
	if err != nil {
		return nil, "", err
	}
	before, err := web.DecodeCursor[id.ID](c.QueryParam("cursor"))
	if err != nil {
		return nil, "", err
	}
	listener := c.QueryParam("listener")
	if !storable(listener) {
		return nil, "", fault.BadField("analytics.parkedPage", "listener", "is no listener's name", "")
	}
	list, err = s.stream.Parked(c.Request().Context(), listener, limit+1, before)
	if len(list) > limit {
		list = list[:limit]
		next = web.EncodeCursor(list[limit-1].ID)
	}
	return list, next, err
}

func (s *Service) postReplayParked(c echo.Context) error { return onParked(c, s.ReplayParked) }
func (s *Service) deleteParked(c echo.Context) error     { return onParked(c, s.DiscardParked) }

func onParked(c echo.Context, do func(context.Context, id.ID) error) error {
	parked, err := parkedID(c)
	if err != nil {
		return err
	}
	if err := do(c.Request().Context(), parked); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// parkedID reads :id; what is no id is no parked fact's either.
func parkedID(c echo.Context) (id.ID, error) {
	parked, err := id.Parse(c.Param("id"))
	if err != nil {
		return id.Nil, fault.E("analytics.parkedID", fault.NotFound, "there is no parked fact with this id", err)
	}
	return parked, nil
}
