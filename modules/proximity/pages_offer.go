package proximity

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/qr"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/proximity/choice"
)

func (s *Service) offerPages() []web.Route {
	till := func(method string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: method, Path: "/till", Right: web.Scan, Handler: h}
	}
	return []web.Route{
		look("/offers", s.pageOffers),
		look("/offers/new", s.pageOfferNew), alter("/offers/new", s.pageOfferSaved),
		look("/offers/:offer", s.pageOffer), alter("/offers/:offer", s.pageOfferSaved),
		alter("/offers/:offer/state", s.pageOfferState),
		alter("/policies/:policy", s.pagePolicy),
		till("GET", s.pageTill), till("POST", s.pageTillTakes),
		{Method: "GET", Path: "/vouchers/:code", Right: web.Public, Handler: s.pageVoucher},
	}
}

// offersPage lists an event's offers.
type offersPage struct {
	Event  string // "": of all
	Events []Event
	Offers []offerLine
	Policy policyView
}

type offerLine struct {
	Offer
	When, What, Spent, Link string
}

func (s *Service) pageOffers(c echo.Context) error {
	ctx := c.Request().Context()
	p := offersPage{Event: c.QueryParam("event")}
	all, err := s.Offers(ctx, p.Event)
	if err != nil {
		return err
	}
	for _, o := range all {
		p.Offers = append(p.Offers, lineOf(o))
	}
	if p.Events, err = s.Events(ctx, id.Nil); err != nil {
		return err
	}
	if p.Policy, err = s.policyView(ctx); err != nil {
		return err
	}
	return c.Render(http.StatusOK, "proximity/offers", p)
}

func lineOf(o Offer) offerLine {
	l := offerLine{Offer: o, When: o.Trigger.words(), What: o.Grant.words(), Spent: strconv.FormatInt(o.Issued, 10), Link: "/offers/" + o.ID.String()}
	if o.Limits.Total > 0 {
		l.Spent += fmt.Sprintf(" of %d", o.Limits.Total)
	}
	if o.Limits.BudgetMinor > 0 {
		l.Spent += fmt.Sprintf(", %.2f of %.2f %s", float64(o.Committed)/100, float64(o.Limits.BudgetMinor)/100, o.Grant.Currency)
	}
	return l
}

// words say when an offer is given.
func (t Trigger) words() string {
	s := ""
	switch t.On {
	case OnQueueShort:
		s = fmt.Sprintf("at most %s wait at %s", short(t.People), t.Stall)
	case OnQueueLong:
		s = fmt.Sprintf("at least %s wait at %s", short(t.People), t.Stall)
	case OnZoneEntered:
		return "somebody enters " + t.Zone
	case OnDwelled:
		return fmt.Sprintf("somebody has been in %s for %s min", t.Zone, short(t.Minutes))
	case OnPhase:
		s = fmt.Sprintf("%s min after it opened", short(t.Minutes))
	case OnPriceChanged:
		s = "a price falls"
	case OnCartAbandoned:
		s = "a cart is left behind"
	}
	if t.Zone != "" {
		s += ", for people in " + t.Zone
	}
	return s
}

// offerPage is the form of an offer; an existing one has its figures beside it.
type offerPage struct {
	Offer     Offer
	New       bool
	Venue     Venue
	Events    []Event
	Form      url.Values
	Wrong     map[string][]fault.Field // by input
	Elsewhere []fault.Field
	On        []string
	Uplift    choice.Lift
	Words     string
	Measure   string // how coming is measured
	Status    map[string]int64
	Next      []string // states it may go to
}

// offerInputs are how the form calls what an offer consists of, in its units.
var offerInputs = web.Inputs{
	"name": {Label: "Name, for you"}, "title": {Label: "Title on the phone"}, "text": {Label: "Text below"}, "stall": {Label: "Good at"}, "minutes": {Label: "Good for minutes"},
	"grant.percent": {Label: "Percent", Fix: "1 to 100"}, "grant.amount_minor": {Label: "Amount", Fix: "such as 2.00, and EUR under Currency"}, "grant.item": {Label: "What is free"},
	"grant.worth_minor": {Label: "One voucher costs you at most", Fix: "such as 2.00"}, "earns_minor": {Label: "You earn when somebody comes, after the grant", Fix: "such as 2.00"},
	"holdout": {Label: "Held out to compare, percent", Fix: "between 1 and 90 %, or 0 for nobody"}, "event": {Label: "Event"}, "grant.kind": {Label: "Kind"}, "grant.currency": {Label: "Currency"},
	"trigger.on": {Label: "Occasion"}, "trigger.stall": {Label: "Whose queue"}, "trigger.people": {Label: "So many wait"}, "trigger.zone": {Label: "Zone"}, "trigger.minutes": {Label: "Minutes: stayed (1 or 5), or since it opened"},
	"limits.total": {Label: "Vouchers in all"}, "limits.budget_minor": {Label: "Budget", Fix: "such as 400.00, or empty for no limit"}, "limits.per_person": {Label: "For one person"},
	"quiet.gap_minutes": {Label: "Quiet minutes after a person’s last voucher"}, "quiet.last_minutes": {Label: "Not in the last minutes of the event"},
}

// V is what an input shows.
func (p offerPage) V(name string) string { return p.Form.Get(name) }

func (s *Service) pageOfferNew(c echo.Context) error {
	o := Offer{Event: c.QueryParam("event"), Holdout: 0}
	o.fillIn()
	o.Trigger = Trigger{On: OnQueueShort, People: 5}
	return s.showOffer(c, http.StatusOK, o, valuesOf(&o), nil)
}

func (s *Service) pageOffer(c echo.Context) error {
	o, err := s.offerOf(c)
	if err != nil {
		return err
	}
	return s.showOffer(c, http.StatusOK, o, valuesOf(&o), nil)
}

func (s *Service) offerOf(c echo.Context) (Offer, error) {
	offer, err := idOf(c, "offer")
	if err != nil {
		return Offer{}, err
	}
	return s.Offer(c.Request().Context(), offer)
}

func (s *Service) showOffer(c echo.Context, status int, o Offer, typed url.Values, wrong error) error {
	ctx := c.Request().Context()
	p := offerPage{Offer: o, New: o.ID == id.Nil, Form: typed, On: occasions, Next: nextStates[o.State]}
	p.Wrong, p.Elsewhere = offerInputs.Place(wrongs(wrong))
	var err error
	if p.Events, err = s.Events(ctx, id.Nil); err != nil {
		return err
	}
	for _, e := range p.Events {
		if e.Name == typed.Get("event") || typed.Get("event") == "" {
			if p.Venue, err = s.Venue(ctx, e.Venue); err != nil {
				return err
			}
			if p.Form.Get("event") == "" {
				p.Form.Set("event", e.Name)
			}
			break
		}
	}
	if !p.New {
		if err := s.fillOffer(ctx, &p); err != nil {
			return err
		}
	}
	return c.Render(status, "proximity/offer", p)
}

// nextStates are the buttons of an offer.
var nextStates = map[string][]string{OfferDraft: {OfferRunning}, OfferRunning: {OfferPaused, OfferEnded}, OfferPaused: {OfferRunning, OfferEnded}}

func (s *Service) fillOffer(ctx context.Context, p *offerPage) (err error) {
	if p.Uplift, err = s.UpliftOf(ctx, p.Offer.ID); err != nil {
		return err
	}
	p.Words = liftWords(p.Uplift)
	p.Measure = "Coming is redeeming: the offer names no stall with a zone, so those held out cannot be seen to come."
	if t := p.Venue.stall(p.Offer.Stall); t != nil && t.Zone != "" {
		p.Measure = "Coming is entering " + t.Zone + ", or redeeming."
	}
	p.Status, err = s.voucherCounts(ctx, p.Offer.ID)
	return err
}

func valuesOf(o *Offer) url.Values {
	v := url.Values{}
	set := func(name, value string) { v.Set(name, value) }
	set("event", o.Event)
	set("name", o.Name)
	set("title", o.Title)
	set("text", o.Text)
	set("trigger.on", o.Trigger.On)
	set("trigger.stall", o.Trigger.Stall)
	set("trigger.people", orEmptyNumber(o.Trigger.People))
	set("trigger.zone", o.Trigger.Zone)
	set("trigger.minutes", orEmptyNumber(o.Trigger.Minutes))
	set("grant.kind", o.Grant.Kind)
	set("grant.percent", orEmptyNumber(float64(o.Grant.Percent)))
	set("grant.amount_minor", orEmptyNumber(float64(o.Grant.AmountMinor)/100))
	set("grant.currency", o.Grant.Currency)
	set("grant.item", o.Grant.Item)
	set("grant.worth_minor", orEmptyNumber(float64(o.Grant.WorthMinor)/100))
	set("stall", o.Stall)
	set("minutes", short(o.Minutes))
	set("earns_minor", orEmptyNumber(float64(o.EarnsMinor)/100))
	set("limits.total", orEmptyNumber(float64(o.Limits.Total)))
	set("limits.per_person", strconv.Itoa(o.Limits.PerPerson))
	set("limits.budget_minor", orEmptyNumber(float64(o.Limits.BudgetMinor)/100))
	set("quiet.gap_minutes", short(o.Quiet.GapMinutes))
	set("quiet.last_minutes", orEmptyNumber(o.Quiet.LastMinutes))
	set("holdout", short(100*o.Holdout))
	set("version", strconv.FormatInt(o.Version, 10))
	return v
}

// readOffer reads the form over an offer.
func readOffer(f *formReader, o *Offer) error {
	minor := func(name string) int64 { return int64(f.number(name)*100 + .5) }
	o.Name, o.Title, o.Text, o.Stall = f.Get("name"), strings.TrimSpace(f.Get("title")), strings.TrimSpace(f.Get("text")), f.Get("stall")
	o.Trigger = Trigger{On: f.Get("trigger.on"), Stall: f.Get("trigger.stall"), People: f.number("trigger.people"), Zone: f.Get("trigger.zone"), Minutes: f.number("trigger.minutes")}
	o.Grant = Grant{Kind: f.Get("grant.kind"), Currency: strings.ToUpper(strings.TrimSpace(f.Get("grant.currency"))), WorthMinor: minor("grant.worth_minor")}
	switch o.Grant.Kind {
	case GrantPercent:
		o.Grant.Percent = f.whole("grant.percent")
	case GrantAmount:
		o.Grant.AmountMinor = minor("grant.amount_minor")
	case GrantItem:
		o.Grant.Item = f.Get("grant.item")
	}
	o.Minutes, o.EarnsMinor = f.number("minutes"), minor("earns_minor")
	o.Limits = Limits{Total: f.whole("limits.total"), PerPerson: f.whole("limits.per_person"), BudgetMinor: minor("limits.budget_minor")}
	o.Quiet = Quiet{GapMinutes: f.number("quiet.gap_minutes"), LastMinutes: f.number("quiet.last_minutes")}
	if o.Holdout = f.number("holdout") / 100; o.Holdout == 0 {
		o.Holdout = -1
	}
	return f.err()
}

func (s *Service) pageOfferSaved(c echo.Context) error {
	ctx := c.Request().Context()
	values, err := formOf(c)
	if err != nil {
		return err
	}
	f := &formReader{Values: values}
	o := Offer{Event: values.Get("event"), State: OfferDraft}
	if c.Param("offer") == "" {
		if err = readOffer(f, &o); err == nil {
			o, err = s.CreateOffer(ctx, o)
		}
	} else {
		var was Offer
		if was, err = s.offerOf(c); err != nil {
			return err
		}
		o = was
		o, err = s.ChangeOffer(ctx, was.ID, func(o *Offer) error {
			if v := values.Get("version"); v != "" && v != strconv.FormatInt(o.Version, 10) {
				return fault.E("proximity.form", fault.Conflict, "somebody has changed the offer since you opened this form", nil).WithFix("look at what is there now, then save again")
			}
			return readOffer(f, o)
		})
		if err != nil {
			o = was
		}
	}
	if err != nil {
		if mended(err) {
			if c.Param("offer") == "" {
				o.ID = id.Nil
			}
			return s.showOffer(c, http.StatusUnprocessableEntity, o, values, err)
		}
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/offers/"+o.ID.String())
}

func (s *Service) pageOfferState(c echo.Context) error {
	values, err := formOf(c)
	if err != nil {
		return err
	}
	was, err := s.offerOf(c)
	if err != nil {
		return err
	}
	_, err = s.ChangeOffer(c.Request().Context(), was.ID, func(o *Offer) error { o.State = values.Get("state"); return nil })
	if err != nil {
		if mended(err) {
			return s.showOffer(c, http.StatusUnprocessableEntity, was, valuesOf(&was), err)
		}
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/offers/"+was.ID.String())
}

// tillPage is where somebody takes vouchers.
type tillPage struct {
	Till, Code string
	Voucher    *Voucher
	What       string
	Done       bool // redeemed just now
	Left       int  // seconds of the lock
	Wrong      []fault.Field
}

func (s *Service) pageTill(c echo.Context) error {
	return c.Render(http.StatusOK, "proximity/till", tillPage{Till: c.QueryParam("till"), Code: c.QueryParam("code")})
}

// pageTillTakes looks a voucher up and locks it, or redeems it.
func (s *Service) pageTillTakes(c echo.Context) error {
	values, err := formOf(c)
	if err != nil {
		return err
	}
	p := tillPage{Till: values.Get("till"), Code: values.Get("code"), Done: values.Get("do") == "redeem"}
	status := http.StatusOK
	err = s.db.InTx(c.Request().Context(), func(tx *db.Tx) error {
		if err := s.tillInScope(tx, redemption{p.Code, p.Till}); err != nil {
			return err
		}
		take := s.Lock
		if p.Done {
			take = s.Redeem
		}
		v, err := take(tx, p.Code, p.Till)
		if err == nil {
			p.Voucher, p.What, p.Left = &v, v.Grant.words(), int(lockFor.Seconds())
		}
		return err
	})
	if err != nil {
		if !mended(err) {
			return err
		}
		status, p.Done, p.Voucher, p.Wrong = http.StatusUnprocessableEntity, false, nil, wrongs(err)
	}
	return c.Render(status, "proximity/till", p)
}

// voucherPage shows a voucher on the phone of who holds it: whoever knows the code.
type voucherPage struct {
	Voucher Voucher
	What    string
	Good    bool
	Until   moment
	Picture qr.Picture
	Code    string
}

func (s *Service) pageVoucher(c echo.Context) error {
	v, err := voucherOf(c.Request().Context(), s.db.Pool(), normalVoucher(c.Param("code")))
	if err != nil {
		return err
	}
	p := voucherPage{Voucher: v, What: v.Grant.words(), Good: v.Status == VoucherIssued && v.ValidUntil.After(s.db.Now()), Until: moment{v.ValidUntil}, Code: spaced(v.Code)}
	if p.Picture, err = qr.Draw(v.Code); err != nil {
		return err
	}
	return c.Render(http.StatusOK, "proximity/voucher", p)
}

// spaced is a code in groups of four, to be read out.
func spaced(code string) string {
	var b strings.Builder
	for i, r := range code {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// pagePolicy puts another policy in charge, if the log shows that it is better.
func (s *Service) pagePolicy(c echo.Context) error {
	if err := s.ChoosePolicy(c.Request().Context(), c.Param("policy"), false); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/offers")
}
