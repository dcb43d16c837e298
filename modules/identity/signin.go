package identity

import (
	"context"
	"crypto/subtle"
	"time"

	"golang.org/x/oauth2"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Purpose is why somebody signs in with a provider.
type Purpose string

// Purposes. A claim and an invite are sign-ins that a link has made worth more.
const (
	PurposeSignIn Purpose = "sign-in"
	PurposeLink   Purpose = "link"
	PurposeClaim  Purpose = "claim"
	PurposeInvite Purpose = "invite"
)

// signInLimit is how long a sign-in may take.
const signInLimit = 10 * time.Minute

// signIn is a sign-in on its way to a provider and back.
type signIn struct {
	Provider string
	Nonce    string
	Verifier string
	Return   string // a path of ours
	Purpose  Purpose
	Session  string // that asks to link
	Grant    []byte // hash of the claim's or invite's secret
}

// beginning is what a browser asks for.
type beginning struct {
	provider string
	origin   string // ours, as the browser sees it
	back     string // where to go afterwards
	purpose  Purpose
	session  string // purpose link
	grant    []byte // purposes claim and invite
}

// begun is a sign-in to send the browser on.
type begun struct {
	address  string // the provider's
	browser  string // secret that binds the sign-in to this browser, for a cookie
	formPost bool   // the provider answers from a page of its own
}

// callbackPath is where a provider sends browsers back to: one path for each, so
// that nobody's answer is taken for another's.
func callbackPath(provider string) string { return "/auth/" + provider + "/callback" }

// beginSignIn keeps what the answer must fit to, and says where the browser goes.
// Errors: fault.NotFound for an unknown provider, fault.Transient when it is away.
func (s *Service) beginSignIn(ctx context.Context, b beginning) (begun, error) {
	cfg, asked, err := s.providers.named(b.provider)
	if err != nil {
		return begun{}, err
	}
	state, browser := newToken(), newToken()
	kept := signIn{Provider: b.provider, Nonce: newToken(), Verifier: oauth2.GenerateVerifier(), Return: localPath(b.back),
		Purpose: b.purpose, Session: b.session, Grant: b.grant}
	address, err := asked.address(ctx, signInRequest{redirect: b.origin + callbackPath(b.provider), state: state,
		nonce: kept.Nonce, verifier: kept.Verifier, again: b.purpose == PurposeLink})
	if err != nil {
		return begun{}, err
	}
	err = s.db.InTx(ctx, func(tx *db.Tx) error { return insertSignIn(tx, hashOf(state), hashOf(browser), kept) })
	return begun{address: address, browser: browser, formPost: catalogue[cfg.Kind].formPost}, err
}

// callback is what a browser brings back from a provider.
type callback struct {
	provider string // of the path
	origin   string
	state    string
	browser  string // of the cookie
	refused  bool   // the provider says no, or the person did
	answer
	agent    string
	previous string // secret of the session that the browser had
}

// finished is a sign-in that is complete.
type finished struct {
	session string // secret of the new session; "" after linking
	back    string // path to go to
}

// finishSignIn takes a provider's answer. Errors: fault.Unauthenticated for
// whatever does not fit together, fault.Transient when the provider is away.
func (s *Service) finishSignIn(ctx context.Context, c callback) (finished, error) {
	kept, err := s.takeUp(ctx, c)
	if err != nil {
		return finished{}, err
	}
	if c.refused || c.code == "" {
		return finished{}, notVouched("nobody was signed in at "+kept.Provider, nil)
	}
	_, asked, err := s.providers.named(kept.Provider)
	if err != nil {
		return finished{}, err
	}
	v, err := asked.vouch(ctx, signInRequest{redirect: c.origin + callbackPath(kept.Provider), state: c.state,
		nonce: kept.Nonce, verifier: kept.Verifier}, c.answer)
	if err != nil {
		s.log.WarnContext(ctx, "a sign-in was refused", "provider", kept.Provider, "error", err)
		return finished{}, err
	}
	done := finished{back: kept.Return}
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if kept.Purpose == PurposeLink {
			return s.link(tx, kept.Session, v)
		}
		p, err := s.welcome(tx, v)
		if err != nil {
			return err
		}
		if err := s.redeem(tx, kept, p.ID); err != nil {
			return err
		}
		done.session, err = s.OpenSession(tx, Opening{Person: p.ID, Provider: v.Provider, Agent: c.agent, Previous: c.previous})
		return err
	})
	return done, err
}

// takeUp finds the sign-in that an answer belongs to and ends it, whatever comes
// of it: a state is good for one answer, in the browser that began.
func (s *Service) takeUp(ctx context.Context, c callback) (signIn, error) {
	var kept signIn
	var browser []byte
	err := s.db.InTx(ctx, func(tx *db.Tx) (err error) {
		kept, browser, err = takeSignIn(tx, hashOf(c.state), tx.Now().Add(-signInLimit))
		return err
	})
	again := fault.E("identity.SignIn", fault.Unauthenticated, "this sign-in has ended, or began in another browser", err).WithFix("sign in again")
	switch {
	case fault.Is(err, fault.NotFound):
		return signIn{}, again
	case err != nil:
		return signIn{}, err
	case subtle.ConstantTimeCompare(browser, hashOf(c.browser)) != 1, kept.Provider != c.provider:
		return signIn{}, again
	}
	return kept, nil
}

// welcome finds the person that a provider vouches for, or takes in a new one as
// a customer. Only issuer and subject count: two people whose providers tell the
// same e-mail address stay two.
func (s *Service) welcome(tx *db.Tx, v Vouched) (Person, error) {
	if err := lockLogin(tx, v.Issuer, v.Subject); err != nil {
		return Person{}, err
	}
	p, err := personOfLogin(tx, v.Issuer, v.Subject)
	if fault.Is(err, fault.NotFound) {
		p = Person{Role: RoleCustomer}
		err = insertPerson(tx, &p)
	}
	if err != nil {
		return Person{}, err
	}
	if err := describePerson(tx, &p, v); err != nil {
		return Person{}, err
	}
	return p, putLogin(tx, p.ID, v)
}

// redeem gives the person what the link promised that the sign-in began with.
func (s *Service) redeem(tx *db.Tx, k signIn, person string) error {
	switch k.Purpose {
	case PurposeClaim:
		return s.acceptClaim(tx, k.Grant, person)
	case PurposeInvite:
		return s.acceptInvite(tx, k.Grant, person)
	}
	return nil
}
