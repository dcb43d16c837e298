package identity

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// How long an app's nonce, access token and tokens altogether live. A refresh
// token that is used is replaced; one that is not used dies after refreshLife.
const (
	nonceLife   = 10 * time.Minute
	accessLife  = 15 * time.Minute
	refreshLife = 60 * 24 * time.Hour
	familyLife  = 365 * 24 * time.Hour
)

// Tokens are what an app gets for an ID token, or for its refresh token.
type Tokens struct {
	Access    string `json:"access_token"`
	Type      string `json:"token_type"` // "Bearer"
	ExpiresIn int    `json:"expires_in"` // seconds
	Refresh   string `json:"refresh_token"`
	Person    string `json:"person"`
}

// Nonce is what an app asks its provider to put into the ID token.
type Nonce struct {
	Nonce     string `json:"nonce"`
	ExpiresIn int    `json:"expires_in"` // seconds
}

var nonceContext = []byte("identity.nonce")

// NewNonce makes a nonce for one token exchange. Nothing is kept of it until it is
// used: its end is sealed into it, so that strangers cannot fill the database.
func (s *Service) NewNonce() (Nonce, error) {
	end := binary.BigEndian.AppendUint64(nil, uint64(s.db.Now().Add(nonceLife).Unix()))
	sealed, err := s.seal.Seal(end, nonceContext)
	return Nonce{Nonce: base64.RawURLEncoding.EncodeToString(sealed), ExpiresIn: int(nonceLife.Seconds())}, err
}

// maxNonce bounds what checkNonce looks at, in characters.
const maxNonce = 200

// checkNonce tells when a nonce of ours ends. Errors: fault.Unauthenticated for one
// that is not ours or has ended.
func (s *Service) checkNonce(nonce string, now time.Time) (end time.Time, err error) {
	bad := notVouched("the nonce is not one of ours, or has ended", nil)
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(nonce) > maxNonce {
		return time.Time{}, bad
	}
	plain, err := s.seal.Open(sealed, nonceContext)
	if err != nil || len(plain) != 8 {
		return time.Time{}, bad
	}
	end = time.Unix(int64(binary.BigEndian.Uint64(plain)), 0).UTC() // we wrote it
	if !now.Before(end) {
		return time.Time{}, bad
	}
	return end, nil
}

// exchange is an app's ID token, to be exchanged for tokens of ours.
type exchange struct {
	provider string
	idToken  string
	nonce    string
	agent    string
}

// exchange takes an ID token that the provider gave to an app, with our nonce in
// it, and opens a family of tokens for whom it names. Each nonce is good once.
// Errors: fault.Unauthenticated, fault.NotFound for an unknown provider,
// fault.Invalid for one without ID tokens, fault.Transient.
func (s *Service) exchange(ctx context.Context, e exchange) (Tokens, error) {
	const op = "identity.Exchange"
	cfg, asked, err := s.providers.named(e.provider)
	if err != nil {
		return Tokens{}, err
	}
	o, ok := asked.(*openID)
	if !ok {
		return Tokens{}, fault.BadField(op, "provider", cfg.Name+" gives no ID tokens", "let people sign in with it in a browser")
	}
	end, err := s.checkNonce(e.nonce, s.db.Now())
	if err != nil {
		return Tokens{}, err
	}
	d, err := o.discover(ctx)
	if err != nil {
		return Tokens{}, err
	}
	// An app's token may name the app as authorized party and us as audience.
	c, err := o.verify(ctx, d, e.idToken, e.nonce, append([]string{cfg.ClientID}, cfg.AppIDs...)...)
	if err != nil {
		s.log.WarnContext(ctx, "an ID token was refused", "provider", cfg.Name, "error", err)
		return Tokens{}, err
	}
	return s.openFamily(ctx, c.vouched(cfg.Name), e, end)
}

// openFamily spends the nonce, which ends at end, and makes the first tokens.
func (s *Service) openFamily(ctx context.Context, v Vouched, e exchange, end time.Time) (t Tokens, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if fresh, err := spendNonce(tx, hashOf(e.nonce), end); err != nil || !fresh {
			return orError(err, func() error { return notVouched("this nonce was used already", nil) })
		}
		p, err := s.welcome(tx, v)
		if err != nil {
			return err
		}
		f := family{ID: id.New().String(), Person: p.ID, Provider: v.Provider, Agent: shortened(e.agent), ExpiresAt: tx.Now().Add(familyLife)}
		if err := insertFamily(tx, f); err != nil {
			return err
		}
		t, err = issue(tx, f)
		return err
	})
	return t, err
}

// family is all tokens that descend from one exchange.
type family struct {
	ID, Person, Provider, Agent string
	ExpiresAt                   time.Time
	RevokedAt                   *time.Time
}

// issue makes the next pair of tokens of a family.
func issue(tx *db.Tx, f family) (Tokens, error) {
	t := Tokens{Access: newToken(), Type: "Bearer", ExpiresIn: int(accessLife.Seconds()), Refresh: newToken(), Person: f.Person}
	now := tx.Now()
	if err := insertToken(tx, hashOf(t.Access), f.ID, kindAccess, earliest(now.Add(accessLife), f.ExpiresAt)); err != nil {
		return Tokens{}, err
	}
	return t, insertToken(tx, hashOf(t.Refresh), f.ID, kindRefresh, earliest(now.Add(refreshLife), f.ExpiresAt))
}

func earliest(t ...time.Time) time.Time { return slices.MinFunc(t, time.Time.Compare) }

// Refresh gives new tokens for a refresh token, which is spent. One that was spent
// before is in two hands: its family ends, and whoever is honest signs in again.
// Errors: fault.Unauthenticated.
// Source: RFC 9700, section 4.14.2 (refresh token rotation).
func (s *Service) Refresh(ctx context.Context, refresh string) (Tokens, error) {
	var t Tokens
	stolen := false
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		f, spent, err := lockRefresh(tx, hashOf(refresh), tx.Now())
		if err != nil {
			return err
		}
		if stolen = spent; stolen {
			return s.endFamily(tx, f, "a refresh token was used twice") // must be kept: no error
		}
		if err := spendToken(tx, hashOf(refresh)); err != nil {
			return err
		}
		if err := endAccessTokens(tx, f.ID); err != nil {
			return err
		}
		t, err = issue(tx, f)
		return err
	})
	if stolen && err == nil || fault.Is(err, fault.NotFound) {
		return Tokens{}, fault.E("identity.Refresh", fault.Unauthenticated, "this refresh token is not valid, or no longer", err).WithFix("sign in again")
	}
	return t, err
}

// Revoke ends the family that a token, of either kind, belongs to. A token that
// is none is fine. Source: RFC 7009, section 2.2.
func (s *Service) Revoke(ctx context.Context, token string) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		f, err := lockFamilyOf(tx, hashOf(token))
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil || f.RevokedAt != nil {
			return err
		}
		return s.endFamily(tx, f, "revoked by its holder")
	})
}

func (s *Service) endFamily(tx *db.Tx, f family, why string) error {
	if err := revokeFamily(tx, f.ID); err != nil {
		return err
	}
	return s.audit(tx, Entry{Actor: personActor(f.Person), Action: "tokens.revoked", Object: "tokens:" + f.ID, Detail: map[string]any{"why": why}})
}
