package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/seal"
)

// Invite gives a role to the person who accepts it first.
type Invite struct {
	ID        id.ID      `json:"id"`
	Role      Role       `json:"role"`
	MadeBy    string     `json:"made_by"` // a caller's name, or "command line"
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	SpentAt   *time.Time `json:"spent_at,omitempty"`
	SpentBy   string     `json:"spent_by,omitempty"` // a person's id
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
}

// InviteAge is how long an invite works unless its maker says otherwise; inviteMost is the longest.
const (
	InviteAge  = 48 * time.Hour
	inviteMost = 30 * 24 * time.Hour
)

// invited are the roles that an invite can give, the mightiest first.
var invited = []Role{RoleOwner, RoleAdmin, RoleStaff, RoleScanner}

var inviteContext = []byte("identity.invite")

// MakeInvite writes an invite that needs no database: it is sealed with the key of
// the installation, so only Usher and whoever may read that key can make one. Its
// id is spent in the database when somebody accepts it.
// Errors: fault.Invalid for a role that nobody is invited to, or a lifetime out of bounds.
func MakeInvite(key *seal.Key, role Role, by string, now time.Time, lasts time.Duration) (token string, v Invite, err error) {
	const op = "identity.Invite"
	if !slices.Contains(invited, role) {
		return "", v, fault.BadField(op, "role", "is not a role to invite to", "owner, admin, staff or scanner")
	}
	if lasts < time.Minute || lasts > inviteMost {
		return "", v, fault.BadField(op, "for", "must be from a minute to 30 days", "such as 48h")
	}
	v = Invite{ID: id.New(), Role: role, MadeBy: by, CreatedAt: now, ExpiresAt: now.Add(lasts)}
	plain, err := json.Marshal(v)
	if err != nil {
		return "", v, fault.E(op, fault.Internal, "cannot write the invite", err)
	}
	sealed, err := key.Seal(plain, inviteContext)
	return base64.RawURLEncoding.EncodeToString(sealed), v, err
}

// InviteLink is where an invite is accepted; site is the origin people reach us by.
func InviteLink(site, token string) string { return site + "/invite#" + token }

// maxInvite bounds what openInvite looks at, in characters.
const maxInvite = 1024

func (s *Service) openInvite(token string) (v Invite, err error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(token) > maxInvite {
		return v, badInvite()
	}
	plain, err := s.seal.Open(sealed, inviteContext)
	if err != nil || json.Unmarshal(plain, &v) != nil || !slices.Contains(invited, v.Role) {
		return Invite{}, badInvite()
	}
	return v, nil
}

func badInvite() error {
	return fault.E("identity.Invite", fault.Forbidden, "this invite does not work, or no longer", nil).
		WithFix("ask for a new one")
}

// open reports whether the invite may still be accepted.
func (v *Invite) open(now time.Time) bool {
	return v.SpentAt == nil && v.RevokedAt == nil && now.Before(v.ExpiresAt)
}

// CreateInvite makes an invite and keeps its row, so that it can be seen and
// revoked. The token is told this once.
func (s *Service) CreateInvite(tx *db.Tx, role Role, lasts time.Duration) (token string, v Invite, err error) {
	if token, v, err = MakeInvite(s.seal, role, actorOf(tx.Ctx()), tx.Now(), lasts); err != nil {
		return "", v, err
	}
	if err := putInvite(tx, hashOf(token), v); err != nil {
		return "", v, err
	}
	return token, v, s.audit(tx, Entry{Actor: v.MadeBy, Action: "invite.created", Object: "invite:" + v.ID.String(), Detail: map[string]any{"role": string(role)}})
}

// RevokeInvite ends an open invite. Errors: fault.NotFound.
func (s *Service) RevokeInvite(tx *db.Tx, invite id.ID) error {
	role, err := revokeInvite(tx, invite)
	if err != nil {
		return err
	}
	return s.audit(tx, Entry{Actor: actorOf(tx.Ctx()), Action: "invite.revoked", Object: "invite:" + invite.String(), Detail: map[string]any{"role": string(role)}})
}

// checkInvite tries an invite before its holder is sent to a provider, and returns
// what acceptInvite wants. It spends nothing. Errors: fault.Forbidden.
func (s *Service) checkInvite(ctx context.Context, token string) (hash []byte, role Role, err error) {
	v, err := s.openInvite(token)
	if err != nil {
		return nil, "", err
	}
	hash = hashOf(token)
	return hash, v.Role, s.db.InTx(ctx, func(tx *db.Tx) error {
		// From here on the row alone counts; the command line's invites get theirs now.
		if v.open(tx.Now()) {
			if err := putInvite(tx, hash, v); err != nil {
				return err
			}
		}
		kept, err := lockInvite(tx, hash)
		if fault.Is(err, fault.NotFound) {
			return badInvite()
		}
		if err == nil && !kept.open(tx.Now()) {
			return badInvite()
		}
		return err
	})
}

// acceptInvite spends an invite and gives its role to person, unless they have as
// much already: an invite never takes a role away. Of two that come at once, one
// wins. Errors: fault.Forbidden.
func (s *Service) acceptInvite(tx *db.Tx, hash []byte, person string) error {
	v, err := lockInvite(tx, hash)
	if fault.Is(err, fault.NotFound) {
		return badInvite()
	}
	if err != nil {
		return err
	}
	if !v.open(tx.Now()) {
		return badInvite()
	}
	p, err := lockPerson(tx, person)
	if err != nil {
		return err
	}
	if err := spendInvite(tx, v.ID, person); err != nil {
		return err
	}
	if v.Role.above(p.Role) {
		if err := updateRole(tx, person, v.Role); err != nil {
			return err
		}
	}
	return s.audit(tx, Entry{Actor: personActor(person), Action: "invite.accepted", Object: "invite:" + v.ID.String(),
		Detail: map[string]any{"role": string(v.Role), "was": string(p.Role), "made_by": v.MadeBy}})
}
