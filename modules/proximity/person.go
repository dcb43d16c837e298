package proximity

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// Visit is a stay of an installation in a zone, as its owner may see it.
type Visit struct {
	Event      string     `json:"event"`
	Zone       string     `json:"zone"`
	Entered    time.Time  `json:"entered_at"`
	Left       *time.Time `json:"left_at,omitempty"` // nil: still there
	Confidence string     `json:"confidence"`
}

// Visits are those of an installation at events that are not forgotten yet, the latest
// first. Errors: fault.NotFound without a consent, fault.Forbidden.
func (s *Service) Visits(ctx context.Context, installation string) ([]Visit, error) {
	if _, err := s.Consent(ctx, installation); err != nil {
		return nil, err
	}
	return s.visitsOf(ctx, installation)
}

func (s *Service) visitsOf(ctx context.Context, installation string) (all []Visit, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		refs, err := s.refsOf(tx, installation)
		if err == nil {
			all, err = ownVisits(tx, refs)
		}
		return err
	})
	return all, err
}

// Vouchers are those of an installation, the latest first. Errors: as Visits.
func (s *Service) Vouchers(ctx context.Context, installation string) ([]Voucher, error) {
	if _, err := s.Consent(ctx, installation); err != nil {
		return nil, err
	}
	return s.vouchersOf(ctx, installation)
}

func (s *Service) vouchersOf(ctx context.Context, installation string) ([]Voucher, error) {
	return vouchers(ctx, s.db.Pool(), `v.installation = $1 ORDER BY v.issued_at DESC, v.id DESC LIMIT 500`, installation)
}

// ExportPerson adds what proximity keeps of a person: their consents, and what was seen
// and given under each. Part of identity.Keeper.
func (s *Service) ExportPerson(ctx context.Context, person string, add func(section string, v any) error) error {
	held, err := s.installationsOf(ctx, person)
	if err != nil {
		return err
	}
	for _, c := range held {
		if err := add("location consent", c); err != nil {
			return err
		}
		visits, err := s.visitsOf(ctx, c.Installation)
		if err != nil {
			return err
		}
		for _, v := range visits {
			if err := add("visit", v); err != nil {
				return err
			}
		}
		given, err := s.vouchersOf(ctx, c.Installation)
		if err != nil {
			return err
		}
		for _, v := range given {
			if err := add("voucher", v); err != nil {
				return err
			}
		}
	}
	return nil
}

// ErasePerson forgets the installations a person agreed for. What was redeemed stays as a
// number in the accounts of its offer. Safe to repeat. Part of identity.Keeper.
func (s *Service) ErasePerson(ctx context.Context, person string) error {
	held, err := s.installationsOf(ctx, person)
	if err != nil {
		return err
	}
	for _, c := range held {
		if err := s.forgetInstallation(ctx, c.Installation, true); err != nil {
			return err
		}
		if err := s.db.InTx(ctx, func(tx *db.Tx) error { return deleteConsent(tx, c.Installation) }); err != nil {
			return err
		}
		// What arrived between the two, while the consent was still there.
		if err := s.forgetInstallation(ctx, c.Installation, true); err != nil {
			return err
		}
	}
	return nil
}
