package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Key lets one machine in, with one right, perhaps for one app or event only.
type Key struct {
	ID        id.ID       `json:"id"`
	Name      string      `json:"name"`
	Right     web.Right   `json:"right"` // listen, send, manage, or scan for a scanner
	App       string      `json:"app,omitempty"`
	Event     string      `json:"event,omitempty"`
	CreatedBy string      `json:"created_by"`
	CreatedAt time.Time   `json:"created_at"`
	ExpiresAt *time.Time  `json:"expires_at,omitempty"`
	RevokedAt *time.Time  `json:"revoked_at,omitempty"`
	UsedAt    *time.Time  `json:"used_at,omitempty"` // to the minute
	Secrets   []KeySecret `json:"secrets"`           // the newest first; at most two live
}

// KeySecret is what is known of one secret of a key.
type KeySecret struct {
	Hint      string     `json:"hint"` // its last characters
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"` // of the one that was rotated out
}

// KeyDraft is what somebody says of a new key.
type KeyDraft struct {
	Name      string     `json:"name" validate:"required,max=60"`
	Right     web.Right  `json:"right" validate:"required,oneof=listen send manage"`
	App       string     `json:"app" validate:"max=63"`
	Event     string     `json:"event" validate:"max=64"`
	ExpiresAt *time.Time `json:"expires_at"`
}

// NewKey is a key and its secret, which is told this once.
type NewKey struct {
	Key
	Secret string `json:"secret"`
}

// KeyOverlap is how long the old secret of a rotated key works unless the caller says otherwise.
const KeyOverlap = 7 * 24 * time.Hour

// usedEvery bounds how often a key's last use is written.
const usedEvery = time.Minute

func actorOf(ctx context.Context) string { return web.Actor(ctx) }

// CreateKey makes a key. Errors: fault.Invalid, fault.Conflict when the name is taken.
func (s *Service) CreateKey(tx *db.Tx, d KeyDraft) (NewKey, error) {
	const op = "identity.CreateKey"
	d.Name = strings.TrimSpace(d.Name)
	if err := web.Check(op, d, "json"); err != nil {
		return NewKey{}, err
	}
	if d.ExpiresAt != nil && !d.ExpiresAt.After(tx.Now()) {
		return NewKey{}, fault.BadField(op, "expires_at", "is not in the future", "leave it out for a key without end")
	}
	return s.makeKey(tx, d, actorOf(tx.Ctx()))
}

// makeKey is CreateKey after its checks; scanners come here too.
func (s *Service) makeKey(tx *db.Tx, d KeyDraft, by string) (NewKey, error) {
	k := Key{ID: id.New(), Name: d.Name, Right: d.Right, App: d.App, Event: d.Event,
		CreatedBy: by, CreatedAt: tx.Now(), ExpiresAt: d.ExpiresAt}
	if err := insertKey(tx, k); err != nil {
		return NewKey{}, err
	}
	secret := NewKeySecret()
	k.Secrets = []KeySecret{{Hint: hintOf(secret), CreatedAt: tx.Now()}}
	if err := insertSecret(tx, k.ID, secret); err != nil {
		return NewKey{}, err
	}
	return NewKey{k, secret}, s.audit(tx, Entry{Actor: k.CreatedBy, Action: "key.created", Object: "key:" + k.ID.String(),
		Detail: map[string]any{"name": k.Name, "right": string(k.Right), "app": k.App, "event": k.Event}})
}

// RotateKey gives a key a second secret. The first goes on working for overlap,
// so that machines can be told the new one in their own time.
//
// overlap 0 ends the old secret at once. A key that has two living secrets loses
// the older one. Errors: fault.NotFound, fault.Conflict for a revoked key.
func (s *Service) RotateKey(tx *db.Tx, key id.ID, overlap time.Duration) (NewKey, error) {
	const op = "identity.RotateKey"
	if overlap < 0 || overlap > 90*24*time.Hour {
		return NewKey{}, fault.BadField(op, "overlap", "must be from 0 to 90 days", "such as 168h")
	}
	k, err := lockKey(tx, key)
	if err != nil {
		return NewKey{}, err
	}
	if k.RevokedAt != nil {
		return NewKey{}, fault.E(op, fault.Conflict, "this key is revoked", nil).WithFix("make a new key")
	}
	if err := retireSecrets(tx, key, tx.Now().Add(overlap)); err != nil {
		return NewKey{}, err
	}
	secret := NewKeySecret()
	if err := insertSecret(tx, key, secret); err != nil {
		return NewKey{}, err
	}
	if k.Secrets, err = secretsOf(tx, key); err != nil {
		return NewKey{}, err
	}
	return NewKey{k, secret}, s.audit(tx, Entry{Actor: actorOf(tx.Ctx()), Action: "key.rotated", Object: "key:" + key.String(),
		Detail: map[string]any{"name": k.Name, "overlap": overlap.String()}})
}

// RevokeKey ends a key and all its secrets, at once. Revoking twice is fine.
// rights says which keys the caller may revoke: those of scanners, or of machines.
// Errors: fault.NotFound.
func (s *Service) RevokeKey(tx *db.Tx, key id.ID, rights ...web.Right) error {
	k, err := lockKey(tx, key)
	if err != nil {
		return err
	}
	if !slices.Contains(rights, k.Right) {
		return noKey(nil)
	}
	if k.RevokedAt != nil {
		return nil
	}
	if err := revokeKey(tx, key); err != nil {
		return err
	}
	return s.audit(tx, Entry{Actor: actorOf(tx.Ctx()), Action: "key.revoked", Object: "key:" + key.String(), Detail: map[string]any{"name": k.Name}})
}

// machineRights are those of the keys that the page of keys shows; scanners have their own.
var machineRights = []web.Right{web.Listen, web.Send, web.Manage}

// Keys lists the keys of machines that are not revoked, by name.
func (s *Service) Keys(ctx context.Context) ([]Key, error) { return s.listKeys(ctx, machineRights) }

// keyOf names the machine that shows secret, and what it may do.
// Errors: fault.Unauthenticated when the secret is unknown, expired or revoked.
func (s *Service) keyOf(ctx context.Context, secret string) (web.Caller, []web.Right, error) {
	const op = "identity.Key"
	unknown := fault.E(op, fault.Unauthenticated, "this key is not known here", nil).
		WithFix("compare it with the page Keys; it may be revoked, expired or rotated out")
	if !wellFormed(secret) {
		return web.Caller{}, nil, unknown
	}
	k, err := s.findKey(ctx, hashOf(secret))
	if fault.Is(err, fault.NotFound) {
		return web.Caller{}, nil, unknown
	}
	if err != nil {
		return web.Caller{}, nil, err
	}
	now := s.db.Now()
	if k.UsedAt == nil || now.Sub(*k.UsedAt) >= usedEvery {
		if err := s.noteUse(ctx, k.ID, now); err != nil {
			s.log.WarnContext(ctx, "a key's last use was not written", "key", k.Name, "error", err)
		}
	}
	return web.Caller{Name: "key:" + k.Name, App: k.App, Event: k.Event}, rightsOfKey[k.Right], nil
}
