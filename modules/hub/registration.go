package hub

import (
	"context"
	"encoding/json"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Registration is a handle with tags and at most one template, and nothing else:
// how apps register that talk to the notification hub's reference. A handle may
// have several. It is a view on a row of hub.installation.
type Registration struct {
	App          string
	ID           string
	Installation string // id of the installation whose template it is; "": registered by itself
	Kind         string // as Installation.Kind, or a platform that is stored but not delivered to: wns, mpns, adm, baidu
	Handle       string
	P256dh, Auth string // Web Push only
	User         string
	Tags         []string
	TemplateName string
	Template     *Template       // nil: it takes native messages; else only what is rendered by it
	Extra        json.RawMessage // what the caller's description says beyond this, kept as it is
	ExpiresAt    *time.Time
	UpdatedAt    time.Time
	Version      int64 // counts changes; the ETag
}

// RegistrationQuery selects registrations of an app in a stable order.
type RegistrationQuery struct {
	App    string
	Tag    string // "": any
	Handle string // "": any
	Kind   string // "": any
	After  string // the Next of the page before; "": from the beginning
	Limit  int    // 1 to 1,000
}

// PutRegistration makes or replaces a registration. check, if not nil, sees the
// current one (nil: there is none) in the same transaction and may refuse.
// Errors: fault.Invalid naming each field, what check says.
func (s *Service) PutRegistration(ctx context.Context, r *Registration, check func(current *Registration) error) (created bool, err error) {
	return false, fault.E("hub.PutRegistration", fault.Internal, "not built yet", nil)
}

// Registration finds one. Errors: fault.NotFound.
func (s *Service) Registration(ctx context.Context, app, id string) (Registration, error) {
	return Registration{}, fault.E("hub.Registration", fault.Internal, "not built yet", nil)
}

// DeleteRegistration forgets one; check as in PutRegistration.
// Errors: fault.NotFound, what check says.
func (s *Service) DeleteRegistration(ctx context.Context, app, id string, check func(current *Registration) error) error {
	return fault.E("hub.DeleteRegistration", fault.Internal, "not built yet", nil)
}

// Registrations lists a page; next is "" on the last one. Errors: fault.Invalid.
func (s *Service) Registrations(ctx context.Context, q RegistrationQuery) (page []Registration, next string, err error) {
	return nil, "", fault.E("hub.Registrations", fault.Internal, "not built yet", nil)
}
