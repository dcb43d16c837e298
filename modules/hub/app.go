package hub

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// App is one app (or web site) of the promoter. Its locale, zone, currency and
// quiet hours hold for installations that state none.
type App struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Locale    string    `json:"locale"`
	Zone      string    `json:"zone"`
	Currency  string    `json:"currency"`
	Quiet     *Quiet    `json:"quiet,omitempty"`
	Cap       *Cap      `json:"cap,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"` // told by the hub, as is the next
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// Quiet is a daily span without messages, on the recipient's clock: "22:00" to
// "07:00". It may pass midnight.
type Quiet struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Cap is at most Count notifications in Hours hours for one installation.
type Cap struct {
	Count int `json:"count"`
	Hours int `json:"hours"`
}

var appID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// validate reports every fault at once, and fills in and tidies what may be left out.
func (a *App) validate() error {
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	if !appID.MatchString(a.ID) {
		bad("id", fmt.Sprintf("%q is no app id", a.ID), `1 to 63 of a-z, 0-9 and -, such as "festival"`)
	}
	a.Name = strings.TrimSpace(a.Name)
	if a.Name == "" || len(a.Name) > 200 || strings.ContainsRune(a.Name, 0) {
		bad("name", "must have 1 to 200 bytes", `what people call the app, such as "Summer Festival"`)
	}
	a.Locale = checkLocale(bad, orElse(a.Locale, "en"))
	a.Zone = orElse(a.Zone, "UTC")
	if !validZone(a.Zone) {
		bad("zone", fmt.Sprintf("%q is no time zone", a.Zone), zoneFix)
	}
	a.Currency = checkCurrency(bad, orElse(a.Currency, "EUR"))
	checkQuiet(bad, a.Quiet)
	if c := a.Cap; c != nil && (c.Count < 1 || c.Count > 1000) {
		bad("cap.count", fmt.Sprintf("is %d", c.Count), "1 to 1000 notifications")
	}
	if c := a.Cap; c != nil && (c.Hours < 1 || c.Hours > 720) {
		bad("cap.hours", fmt.Sprintf("is %d", c.Hours), "1 to 720 hours")
	}
	return fault.BadFields("hub.PutApp", f)
}

// quietSpan is the app's quiet hours; the zero span when it has none.
func (a *App) quietSpan() quietSpan { return a.Quiet.span() }

// span is q in minutes of the day; nil and a q that was not validated give the
// zero span, which is never quiet.
func (q *Quiet) span() quietSpan {
	if q == nil {
		return quietSpan{}
	}
	from, okFrom := minuteOfDay(q.From)
	to, okTo := minuteOfDay(q.To)
	if !okFrom || !okTo {
		return quietSpan{}
	}
	return quietSpan{From: from, To: to}
}

// quiet is the other way: minutes from the store, both null or neither.
func quiet(from, to *int16) *Quiet {
	if from == nil || to == nil {
		return nil
	}
	clock := func(m int16) string { return fmt.Sprintf("%02d:%02d", m/60, m%60) }
	return &Quiet{From: clock(*from), To: clock(*to)}
}

// minutes is q as the store keeps it.
func (q *Quiet) minutes() (from, to *int16) {
	if q == nil {
		return nil, nil
	}
	s := q.span()
	return &s.From, &s.To
}

// minuteOfDay reads "HH:MM", 00:00 to 23:59.
func minuteOfDay(s string) (int16, bool) {
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, false
	}
	return int16(t.Hour()*60 + t.Minute()), true
}

const zoneFix = `a name of the IANA time zone database, such as "Europe/Berlin"`

// validZone reports whether name is a zone of the database. "" and "Local", which
// Go takes too, are not.
func validZone(name string) bool {
	if name == "" || name == "Local" || len(name) > 64 {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

// checkLocale gives the canonical form of a BCP 47 tag.
func checkLocale(bad complaint, s string) string {
	tag, err := language.Parse(s)
	if err != nil || len(s) > 35 || tag == language.Und {
		bad("locale", fmt.Sprintf("%q is no language tag", s), `BCP 47, such as "de" or "de-CH"`)
		return s
	}
	return tag.String()
}

// checkCurrency gives the canonical form of an ISO 4217 code.
func checkCurrency(bad complaint, s string) string {
	unit, err := currency.ParseISO(s)
	if err != nil {
		bad("currency", fmt.Sprintf("%q is no currency", s), `ISO 4217, such as "EUR"`)
		return s
	}
	return unit.String()
}

func checkQuiet(bad complaint, q *Quiet) {
	if q == nil {
		return
	}
	from, ok := minuteOfDay(q.From)
	if !ok {
		bad("quiet.from", fmt.Sprintf("%q is no time of day", q.From), `such as "22:00"`)
	}
	to, okTo := minuteOfDay(q.To)
	if !okTo {
		bad("quiet.to", fmt.Sprintf("%q is no time of day", q.To), `such as "07:00"`)
	}
	if ok && okTo && from == to {
		bad("quiet", "begins when it ends", "two different times, or leave it out")
	}
}

// Apps lists the apps by id.
func (s *Service) Apps(ctx context.Context) ([]App, error) { return s.listApps(ctx) }

// App finds one app. Errors: fault.NotFound.
func (s *Service) App(ctx context.Context, app string) (App, error) { return s.findApp(ctx, app) }

// CreateApp makes an app. Errors: fault.Invalid with every fault, fault.Conflict
// when the id is taken.
func (s *Service) CreateApp(ctx context.Context, a App) (App, error) {
	if err := a.validate(); err != nil {
		return App{}, err
	}
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		a.CreatedAt, a.UpdatedAt = tx.Now(), tx.Now()
		return insertApp(tx, a)
	})
	if fault.Is(err, fault.Conflict) {
		return App{}, fault.E("hub.CreateApp", fault.Conflict, fmt.Sprintf("an app %q exists already", a.ID), err).
			WithFix("choose another id, or change the app with PUT /v1/apps/" + a.ID)
	}
	s.inlet.apps.forget()
	return a, err
}

// PutApp makes or replaces an app and reports whether it is new. Errors: fault.Invalid.
func (s *Service) PutApp(ctx context.Context, a App) (App, bool, error) {
	if err := a.validate(); err != nil {
		return App{}, false, err
	}
	var created bool
	err := s.db.InTx(ctx, func(tx *db.Tx) (err error) {
		a.CreatedAt, a.UpdatedAt = tx.Now(), tx.Now()
		created, err = upsertApp(tx, &a)
		return err
	})
	s.inlet.apps.forget()
	return a, created, err
}

// DeleteApp removes an app with its credentials and templates. One that has
// installations or notifications goes only by force, and takes them along.
// Errors: fault.NotFound, fault.Conflict.
func (s *Service) DeleteApp(ctx context.Context, app string, force bool) error {
	const op = "hub.DeleteApp"
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		if err := lockApp(tx, app); err != nil {
			return err
		}
		installations, notifications, err := countOfApp(tx, app)
		if err != nil {
			return err
		}
		if !force && installations+notifications > 0 {
			return fault.E(op, fault.Conflict, fmt.Sprintf("app %q has %d installations and %d notifications", app, installations, notifications), nil).
				WithFix("export what you need, then add ?force=true to delete them with the app")
		}
		return deleteApp(tx, app)
	})
	s.inlet.apps.forget()
	return err
}
