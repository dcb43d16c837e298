package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Registration is a handle with tags and at most one template, and nothing else:
// how apps register that talk to the notification hub's reference. A handle may
// have several. It is a view on a row of hub.installation.
//
// Installations are seen as registrations too: one that takes native messages, and one
// for each template. Their ids hold a ~ ("phone~", "phone~news"); no other id does. They
// change with their installation, not by themselves.
type Registration struct {
	App          string
	ID           string
	Installation string // id of the installation whose native or template row it is; "": registered by itself
	Kind         string // as Installation.Kind
	Handle       string
	P256dh, Auth string // Web Push only
	User         string
	Tags         []string // of an installation's template: the installation's and its own
	TemplateName string
	Template     *Template       // nil: it takes native messages; else only what is rendered by it
	Extra        json.RawMessage // what the caller's description says beyond this, kept as it is
	ExpiresAt    *time.Time
	UpdatedAt    time.Time
	Version      int64 // counts changes; the ETag

	no int64 // order of the fan-out
}

// RegistrationQuery selects registrations of an app in a stable order.
type RegistrationQuery struct {
	App    string
	Tag    string // "": any; $InstallationId:{…} and $UserId:{…} too
	Handle string // "": any
	Kind   string // "": any
	After  string // the Next of the page before; "": from the beginning
	Limit  int    // 1 to 1,000
}

const (
	registrationPage = 1000     // registrations a page, at most
	maxExtra         = 16 << 10 // bytes
	maxTemplateName  = 200      // bytes, of a registration's
)

// PutRegistration makes or replaces a registration. check, if not nil, sees the
// current one (nil: there is none) in the same transaction and may refuse. r gets its
// new UpdatedAt and Version. One that its push service had retired counts as not there.
// Errors: fault.Invalid naming each field, fault.NotFound (the app), fault.Conflict
// for one that belongs to an installation, what check says.
func (s *Service) PutRegistration(ctx context.Context, r *Registration, check func(current *Registration) error) (created bool, err error) {
	if err := s.admitRegistration(ctx, r); err != nil {
		return false, err
	}
	err = s.again(ctx, func(tx *db.Tx) error {
		current, err := lockRegistration(tx, r.App, r.ID)
		if err != nil {
			return err
		}
		if check != nil {
			if err := check(current); err != nil {
				return err
			}
		}
		created = current == nil
		_, err = putRegistrations(tx, []*Registration{r}, Upsert)
		return err
	})
	return created, err
}

// admitRegistration completes and checks one, and brings it into the form the store compares.
func (s *Service) admitRegistration(ctx context.Context, r *Registration) error {
	var err error
	if r.App, err = s.appOf(ctx, r.App); err != nil {
		return err
	}
	if strings.Contains(r.ID, "~") {
		return ofInstallation(r.ID)
	}
	return r.validate()
}

func ofInstallation(registration string) error {
	return fault.E("hub.PutRegistration", fault.Conflict, fmt.Sprintf("registration %q belongs to an installation", clip(registration)), nil).
		WithFix("change or delete the installation")
}

// validate reports every fault at once.
func (r *Registration) validate() error {
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	if tagexpr.ValidTag("$InstallationId:{"+r.ID+"}") != nil {
		bad("id", fmt.Sprintf("%q is no registration id", clip(r.ID)), "1 to 102 letters, digits or _-@#.:=")
	}
	in := Installation{Kind: r.Kind, Handle: r.Handle, P256dh: r.P256dh, Auth: r.Auth, User: r.User, ExpiresAt: r.ExpiresAt}
	in.checkAddress(bad)
	in.checkReader(bad, validZone)
	r.Handle, r.ExpiresAt = in.Handle, in.ExpiresAt
	r.Tags = checkTags(bad, "tags", r.Tags)
	if r.Template != nil {
		checked := *r.Template
		checkTemplate(bad, "template", &checked)
		if len(checked.Tags) > 0 {
			bad("template.tags", "belong to the templates of installations", "write them into the registration's own tags")
		}
		r.Template = &checked
	}
	switch {
	case r.Template == nil && r.TemplateName != "":
		bad("template", "is missing, and it has a name", "write its body, or leave the name out")
	case len(r.TemplateName) > maxTemplateName || strings.ContainsRune(r.TemplateName, 0) || !utf8.ValidString(r.TemplateName):
		bad("template_name", "is no template name", fmt.Sprintf("at most %d bytes of UTF-8", maxTemplateName))
	}
	switch {
	case len(r.Extra) > maxExtra:
		bad("extra", fmt.Sprintf("has %d bytes", len(r.Extra)), fmt.Sprintf("at most %d", maxExtra))
	case len(r.Extra) > 0 && (!json.Valid(r.Extra) || strings.Contains(string(r.Extra), `\u0000`)):
		bad("extra", "is no JSON that can be kept", "a JSON value without NUL characters")
	}
	return fault.BadFields("hub.PutRegistration", f)
}

// Registration finds one. Errors: fault.NotFound, also for one that is retired.
func (s *Service) Registration(ctx context.Context, app, id string) (Registration, error) {
	app, err := s.appOf(ctx, app)
	if err != nil {
		return Registration{}, err
	}
	return s.findRegistration(ctx, app, id)
}

// DeleteRegistration forgets one; check as in PutRegistration.
// Errors: fault.NotFound, fault.Conflict for one that belongs to an installation, what
// check says.
func (s *Service) DeleteRegistration(ctx context.Context, app, id string, check func(current *Registration) error) error {
	app, err := s.appOf(ctx, app)
	if err != nil {
		return err
	}
	if strings.Contains(id, "~") {
		return ofInstallation(id)
	}
	return s.again(ctx, func(tx *db.Tx) error {
		current, err := lockRegistration(tx, app, id)
		if err != nil {
			return err
		}
		if current == nil {
			return noRegistration(app, id, nil)
		}
		if check != nil {
			if err := check(current); err != nil {
				return err
			}
		}
		_, err = deleteRegistrations(tx, app, []string{id})
		return err
	})
}

func noRegistration(app, id string, err error) *fault.Error {
	return fault.E("hub.Registration", fault.NotFound, fmt.Sprintf("app %q has no registration %q", app, clip(id)), err)
}

// Registrations lists a page in the order they came, without retired ones; next is "" on
// the last one. Errors: fault.Invalid.
func (s *Service) Registrations(ctx context.Context, q RegistrationQuery) (page []Registration, next string, err error) {
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	if q.App, err = s.appOf(ctx, q.App); err != nil {
		return nil, "", err
	}
	expr := &tagexpr.Expr{}
	if q.Tag != "" {
		if err := tagexpr.ValidTag(q.Tag); err != nil {
			addFault(bad, "tag", err)
		} else if expr, err = tagexpr.Parse(q.Tag); err != nil {
			return nil, "", err
		}
	}
	if q.Kind != "" && serviceOfKind(q.Kind) == "" {
		bad("kind", fmt.Sprintf("%q is unknown", clip(q.Kind)), "as an installation's kind")
	}
	var after int64
	if q.After != "" {
		if after, err = strconv.ParseInt(q.After, 10, 64); err != nil || after < 0 {
			bad("after", "is no place in the list", "the next of the page before")
		}
	}
	if q.Limit < 1 || q.Limit > registrationPage {
		bad("limit", fmt.Sprintf("is %d", q.Limit), fmt.Sprintf("1 to %d", registrationPage))
	}
	if err := fault.BadFields("hub.Registrations", f); err != nil {
		return nil, "", err
	}
	page, err = s.pageOfRegistrations(ctx, q, expr, after)
	if err != nil || len(page) <= q.Limit {
		return page, "", err
	}
	page = page[:q.Limit]
	return page, strconv.FormatInt(page[q.Limit-1].no, 10), nil
}

// service is the push service of its handle.
func (r *Registration) service() push.Service { return serviceOfKind(r.Kind) }
