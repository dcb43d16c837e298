package proximity

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Consent says that the person who holds an installation agreed that a venue may know
// where it is. Without one, readings are not used.
type Consent struct {
	Installation string    `json:"installation"`
	App          string    `json:"app,omitempty"`      // of the hub; "": its only one
	Notice       string    `json:"notice"`             // which text they agreed to, such as "2027-05"
	Customer     string    `json:"customer,omitempty"` // as the shop's events name the same person
	Segment      string    `json:"segment,omitempty"`  // as the promoter's analysis names the group
	GivenAt      time.Time `json:"given_at,omitzero"`

	person string // of identity, when somebody was signed in
}

func (c *Consent) check() error {
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	if c.Installation == "" || len(c.Installation) > 200 {
		bad("installation", "is missing or too long", "the id under which the app is registered at the hub")
	}
	if c.Notice == "" || len(c.Notice) > 200 {
		bad("notice", "is missing or too long", "which text the person agreed to, such as its date")
	}
	if len(c.Customer) > 200 || len(c.Segment) > 200 || len(c.App) > 200 {
		bad("customer", "is too long", "at most 200 bytes, as app and segment")
	}
	return fault.BadFields("proximity.Consent", f)
}

// PutConsent records a consent, or renews it. Errors: fault.Invalid; fault.Forbidden when
// the installation is another person's.
func (s *Service) PutConsent(ctx context.Context, c Consent) (Consent, error) {
	if err := c.check(); err != nil {
		return Consent{}, err
	}
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		was, err := lockConsent(tx, c.Installation)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if err == nil {
			if err := mayTouch(ctx, was); err != nil {
				return err
			}
			c.person = was.person
		}
		who := web.CallerOf(ctx)
		if err := inApp(who, c.App); err != nil {
			return err
		}
		if own := who.Person; own != "" && selfOnly(who) {
			c.person = own
		}
		c.GivenAt = tx.Now()
		return writeConsent(tx, c)
	})
	return c, err
}

// Consent is what an installation agreed to. Errors: fault.NotFound, fault.Forbidden.
func (s *Service) Consent(ctx context.Context, installation string) (Consent, error) {
	c, err := oneConsent(consents(ctx, s.db.Pool(), `installation = $1`, installation))
	if err != nil {
		return c, err
	}
	return c, mayTouch(ctx, c)
}

// Withdraw ends a consent: what is known of where the installation was is deleted, by its
// pseudonym at every event that is not forgotten yet. Aggregates stay; they name nobody.
// It is safe to repeat. Errors: fault.Forbidden.
func (s *Service) Withdraw(ctx context.Context, installation string) error {
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		c, err := lockConsent(tx, installation)
		if err != nil {
			return err
		}
		if err := mayTouch(ctx, c); err != nil {
			return err
		}
		return deleteConsent(tx, installation)
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return s.forgetInstallation(ctx, installation, false)
}

// Forget removes all that proximity keeps of an installation: as Withdraw, and its vouchers
// lose the link to it.
func (s *Service) Forget(ctx context.Context, installation string) error {
	if err := s.Withdraw(ctx, installation); err != nil {
		return err
	}
	return s.forgetInstallation(ctx, installation, true)
}

// readings are the types of facts that say where somebody was.
var readings = []string{"beacon.sighting", "location.fix"}

func (s *Service) forgetInstallation(ctx context.Context, installation string, vouchers bool) error {
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		refs, err := s.refsOf(tx, installation)
		if err != nil {
			return err
		}
		return deleteTraces(tx, installation, refs, vouchers)
	})
	if err != nil {
		return err
	}
	_, err = s.raw.Erase(ctx, readings, "installation", installation, s.db.Now().Add(24*time.Hour))
	return err
}

// refsOf are the pseudonyms of an installation at the events whose key is still there.
func (s *Service) refsOf(tx *db.Tx, installation string) ([]pseudonym, error) {
	known, err := events(tx.Ctx(), tx.Conn(), `ref_key IS NOT NULL ORDER BY id`)
	if err != nil {
		return nil, err
	}
	out := make([]pseudonym, len(known))
	for i, e := range known {
		key, err := s.keyFor(e)
		if err != nil {
			return nil, err
		}
		out[i] = pseudonym{e.ID, key.of(installation)}
	}
	return out, nil
}

// selfOnly reports whether the caller may touch only what is their own: an attendee.
func selfOnly(who web.Caller) bool {
	return who.Person != "" && (who.Role == "" || who.Role == "customer")
}

// mayTouch keeps attendees to their own installations, and keys to their app.
func mayTouch(ctx context.Context, c Consent) error {
	who := web.CallerOf(ctx)
	if selfOnly(who) && c.person != "" && c.person != who.Person {
		return fault.E("proximity.Consent", fault.Forbidden, "the installation is another person's", nil)
	}
	return inApp(who, c.App)
}

func inApp(who web.Caller, app string) error {
	if who.App != "" && app != who.App {
		return fault.E("proximity.Consent", fault.Forbidden, "this key is for another app", nil).WithFix(`state "app": "` + who.App + `", or use a key for all apps`)
	}
	return nil
}
