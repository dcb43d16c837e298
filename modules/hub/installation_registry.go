package hub

import (
	"context"
	"fmt"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Put makes or replaces an installation: the device states all it has and confirms
// its handle. It is idempotent: the same content changes nothing (but HandleAt, once a
// day), and a retired or quarantined installation becomes active again. A handle
// known under another id moves: the other installation is gone.
//
// Errors: fault.Invalid with every fault, fault.NotFound (the app), fault.Limited.
func (s *Service) Put(ctx context.Context, in *Installation) (Put, error) {
	if err := s.admit(ctx, in); err != nil {
		return Put{}, err
	}
	return s.inlet.submit(ctx, in)
}

// PutIf is Put under a condition on the installation as it is now; check gets nil
// when there is none. It goes past the inlet, in a transaction of its own.
// Errors: Put's, and check's.
func (s *Service) PutIf(ctx context.Context, in *Installation, check func(current *Installation) error) (Put, error) {
	if err := s.admit(ctx, in); err != nil {
		return Put{}, err
	}
	return s.change(ctx, in.App, in.ID, func(current *Installation) (*Installation, bool, error) {
		return in, true, check(current)
	})
}

// admit completes and checks what a device states of itself; that it does so shows
// that it is alive.
func (s *Service) admit(ctx context.Context, in *Installation) error {
	var err error
	if in.App, err = s.appOf(ctx, in.App); err != nil {
		return err
	}
	if err := in.validate(s.inlet.knownZone); err != nil {
		return err
	}
	in.Status, in.StatusReason = StatusActive, ""
	return nil
}

// Patch applies a JSON Patch (RFC 6902) to an installation's content. It does not
// confirm the handle, unless it changes it. check is as for PutIf and may be nil.
//
// Errors: fault.NotFound, fault.Invalid for a patch that does not fit and for its
// result, check's.
func (s *Service) Patch(ctx context.Context, app, installation string, ops []PatchOp, check func(current *Installation) error) (Put, error) {
	app, err := s.appOf(ctx, app)
	if err != nil {
		return Put{}, err
	}
	return s.change(ctx, app, installation, func(current *Installation) (*Installation, bool, error) {
		if current == nil {
			return nil, false, noInstallation(app, installation, nil)
		}
		if check != nil {
			if err := check(current); err != nil {
				return nil, false, err
			}
		}
		next, err := patched(*current, ops)
		if err != nil {
			return nil, false, err
		}
		if err := next.validate(s.inlet.knownZone); err != nil {
			return nil, false, err
		}
		confirm := next.Handle != current.Handle
		if confirm {
			next.Status, next.StatusReason = StatusActive, ""
		}
		return &next, confirm, nil
	})
}

// change rewrites one installation under its row lock.
func (s *Service) change(ctx context.Context, app, installation string,
	next func(current *Installation) (in *Installation, confirm bool, err error)) (p Put, err error) {
	err = s.again(ctx, func(tx *db.Tx) error {
		current, err := lockInstallation(tx, app, installation)
		if err != nil {
			return err
		}
		in, confirm, err := next(current)
		if err != nil {
			return err
		}
		puts, err := putInstallations(tx, []*Installation{in}, confirm, true)
		if err == nil {
			p = puts[0]
		}
		return err
	})
	return p, err
}

// again is a transaction that is made once more when it met another one on a handle.
func (s *Service) again(ctx context.Context, fn func(tx *db.Tx) error) (err error) {
	for range collisions {
		if err = s.db.InTx(ctx, fn); !collided(err) {
			break
		}
	}
	return err
}

// Installation finds one. Errors: fault.NotFound.
func (s *Service) Installation(ctx context.Context, app, installation string) (Installation, error) {
	app, err := s.appOf(ctx, app)
	if err != nil {
		return Installation{}, err
	}
	return s.findInstallation(ctx, app, installation)
}

// DeleteInstallation forgets one. Errors: fault.NotFound.
func (s *Service) DeleteInstallation(ctx context.Context, app, installation string) error {
	app, err := s.appOf(ctx, app)
	if err != nil {
		return err
	}
	return s.removeInstallation(ctx, app, installation)
}

// Selection says which installations of an app a list or an export holds. Empty
// fields select all.
type Selection struct {
	App     string
	Tags    string // a tag expression
	Status  string
	Service push.Service
}

// selection is a Selection that was checked.
type selection struct {
	Selection
	expr  *tagexpr.Expr
	whole bool // every installation, and no registration: what an import can give back
}

func (s *Service) resolve(ctx context.Context, sel Selection) (selection, error) {
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	app, err := s.appOf(ctx, sel.App)
	if err != nil {
		return selection{}, err
	}
	sel.App = app
	expr, err := tagexpr.Parse(sel.Tags)
	if err != nil {
		addFault(bad, "tags", err)
	}
	if sel.Service != "" && serviceIndex(sel.Service) < 0 {
		bad("service", fmt.Sprintf("%q is unknown", clip(string(sel.Service))), serviceFix)
	}
	switch sel.Status {
	case "", StatusActive, StatusRetired, StatusQuarantined:
	default:
		bad("status", fmt.Sprintf("%q is unknown", clip(sel.Status)), `"active", "retired" or "quarantined"`)
	}
	return selection{Selection: sel, expr: expr}, fault.BadFields("hub.Installations", f)
}

// installationPlace is where a page of installations ended.
type installationPlace struct {
	No int64 `json:"no"`
}

// installations lists those of sel after a place, in the order they came.
// next is where the following page begins; nil at the end.
func (s *Service) installations(ctx context.Context, sel selection, after installationPlace, limit int) (page []Installation, next *installationPlace, err error) {
	page, err = s.pageOfInstallations(ctx, sel, after.No, limit+1)
	if err != nil || len(page) <= limit {
		return page, nil, err
	}
	page = page[:limit]
	return page, &installationPlace{No: page[limit-1].no}, nil
}
