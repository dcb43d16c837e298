package identity

import (
	"context"
	"crypto/subtle"
	"slices"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Shown is what a request shows of who is asking; "" for what it does not.
type Shown struct {
	Bearer  string // of the header Authorization: a key or an access token
	Session string // of the cookie
}

// Asking is who is asking and what they may do.
type Asking struct {
	Caller web.Caller
	Rights []web.Right
}

// May reports whether the caller holds a right. Everybody holds Public.
func (a Asking) May(r web.Right) bool { return r == web.Public || slices.Contains(a.Rights, r) }

// Authenticate finds out who is asking. What a program states itself counts
// before what a browser adds by itself. Errors: fault.Unauthenticated.
func (s *Service) Authenticate(ctx context.Context, shown Shown) (Asking, error) {
	switch {
	case shown.Bearer != "":
		return s.bearer(ctx, shown.Bearer)
	case shown.Session != "":
		_, p, err := s.session(ctx, shown.Session)
		if err != nil {
			return Asking{}, err
		}
		return Asking{Caller: callerOf(p, personActor(p.ID)), Rights: rightsOfRole[p.Role]}, nil
	}
	return Asking{}, fault.E("identity.Authenticate", fault.Unauthenticated, "you have not said who you are", nil).
		WithFix("people sign in at /sign-in; programs send the header Authorization: Bearer <key or access token>")
}

func callerOf(p Person, name string) web.Caller {
	return web.Caller{Name: name, Person: p.ID, Role: string(p.Role), Label: orElse(p.Name, p.Email)}
}

func (s *Service) bearer(ctx context.Context, secret string) (Asking, error) {
	if a, ok := s.machine(secret); ok {
		return a, nil
	}
	if wellFormed(secret) {
		caller, rights, err := s.keyOf(ctx, secret)
		return Asking{Caller: caller, Rights: rights}, err
	}
	p, err := s.personOfToken(ctx, hashOf(secret), s.db.Now())
	if fault.Is(err, fault.NotFound) {
		return Asking{}, fault.E("identity.Authenticate", fault.Unauthenticated, "this key or token is not known here, or no longer", nil).
			WithFix("compare the key with the page Keys or access.keys; an app refreshes its token with POST /v1/auth/refresh")
	}
	return Asking{Caller: callerOf(p, "token:"+p.ID), Rights: rightsOfToken}, err
}

// machine is a key of the configuration, ready to be compared.
type machine struct {
	hash []byte
	Asking
}

func machinesOf(all []Machine) []machine {
	out := make([]machine, len(all))
	for i, m := range all {
		out[i] = machine{hashOf(m.Secret), Asking{Caller: web.Caller{Name: "key:" + m.Name}}}
		for _, r := range m.Rights {
			out[i].Rights = append(out[i].Rights, rightsOfKey[r]...)
		}
	}
	return out
}

// machine finds a key of the configuration. Hashes have one length and every key
// is compared, so the time it takes tells nothing.
func (s *Service) machine(secret string) (Asking, bool) {
	sum, found := hashOf(secret), -1
	for i := range s.machines {
		if subtle.ConstantTimeCompare(sum, s.machines[i].hash) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Asking{}, false
	}
	return s.machines[found].Asking, true
}
