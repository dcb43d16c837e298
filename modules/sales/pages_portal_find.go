package sales

import (
	"encoding/xml"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/words"
)

// findPages are for search engines.
func (s *Service) findPages() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/robots.txt", Right: web.Public, Handler: s.getRobots},
		{Method: "GET", Path: "/sitemap.xml", Right: web.Public, Handler: s.getSitemap},
	}
}

// getRobots keeps search engines out of what is not for everybody, or changes all the time.
func (s *Service) getRobots(c echo.Context) error {
	return c.String(http.StatusOK, "User-agent: *\nAllow: /shop\nDisallow: /shop/cart/\nDisallow: /shop/offers/\nDisallow: /shop/mine\nDisallow: /v1/\nDisallow: /o/\nDisallow: /t/\nDisallow: /pay/\nDisallow: /invoice/\n\nSitemap: "+s.origin(c)+"/sitemap.xml\n")
}

type sitemap struct {
	XMLName xml.Name     `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 urlset"`
	Pages   []sitemapURL `xml:"url"`
}

type sitemapURL struct {
	Loc string `xml:"loc"`
}

// getSitemap lists the events that everybody may see and that are not over.
// Source: sitemaps.org protocol 0.9.
func (s *Service) getSitemap(c echo.Context) error {
	now := s.db.Now()
	base := s.origin(c)
	m := sitemap{Pages: []sitemapURL{{base + "/shop"}, {base + "/shop/calendar"}}}
	for cursor := ""; ; {
		events, next, err := s.Events(c.Request().Context(), EventQuery{States: shownStates, Open: true, Going: &now, Cursor: cursor, Limit: listed})
		if err != nil {
			return err
		}
		for i := range events {
			m.Pages = append(m.Pages, sitemapURL{base + "/shop/events/" + events[i].Slug})
		}
		if cursor = next; next == "" || len(m.Pages) > 40_000 {
			break
		}
	}
	return c.XML(http.StatusOK, m)
}

// schema describes the event to search engines. Source: schema.org/Event.
func (e *shelfEvent) schema(t *words.Tongue, url string, now time.Time) map[string]any {
	text := e.Text(t.Lang)
	out := map[string]any{"@context": "https://schema.org", "@type": "Event", "name": text.Title, "startDate": e.on(&e.StartsAt).local().Format(time.RFC3339), "url": url,
		"eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode", "eventStatus": "https://schema.org/EventScheduled", "inLanguage": t.Lang}
	if e.State == EventCancelled {
		out["eventStatus"] = "https://schema.org/EventCancelled"
	}
	if e.Venue != "" {
		out["location"] = map[string]any{"@type": "Place", "name": e.Venue, "address": e.Venue}
	}
	if text.Summary != "" {
		out["description"] = text.Summary
	}
	for name, at := range map[string]*time.Time{"endDate": e.EndsAt, "doorTime": e.DoorsAt} {
		if at != nil {
			out[name] = e.on(at).local().Format(time.RFC3339)
		}
	}
	var offers []map[string]any
	for _, r := range e.rows(t, nil, nil, now) {
		o := map[string]any{"@type": "Offer", "name": r.Title, "price": priceText(r.Unit, e.Currency), "priceCurrency": e.Currency, "url": url,
			"availability": "https://schema.org/SoldOut", "validThrough": e.SaleEnd().Format(time.RFC3339)}
		if r.Open {
			o["availability"] = "https://schema.org/InStock"
		}
		offers = append(offers, o)
	}
	out["offers"] = offers
	return out
}
