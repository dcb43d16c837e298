package identity

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

func TestKeyIsKnownByItsSecretAlone(t *testing.T) {
	h := newHouse(t)
	k := h.newKey(KeyDraft{Name: "till-2", Right: web.Send, App: "festival", Event: "summer"})
	caller, rights, err := h.keyOf(t.Context(), k.Secret)
	if err != nil || caller != (web.Caller{Name: "key:till-2", App: "festival", Event: "summer"}) || !slices.Equal(rights, rightsOfKey[web.Send]) {
		t.Errorf("%+v %v %v", caller, rights, err)
	}
	for what, secret := range map[string]string{"none": "", "its id": k.ID.String(), "a well-formed guess": NewKeySecret(),
		"another checksum": k.Secret[:len(k.Secret)-1] + "Z", "lower case": strings.ToLower(k.Secret)} {
		_, _, err := h.keyOf(t.Context(), secret)
		wantCode(t, what, err, fault.Unauthenticated)
	}
	var rows []byte
	err = h.db.Pool().QueryRow(t.Context(), `SELECT coalesce(string_agg(k::text || x::text, ''), '')::bytea FROM identity.key k, identity.key_secret x`).Scan(&rows)
	if err != nil || bytes.Contains(rows, []byte(k.Secret)) || bytes.Contains(rows, []byte(k.Secret[6:20])) {
		t.Errorf("the secret lies readable in the database: %v", err)
	}
}

func TestKeyEndsByExpiryAndRevocation(t *testing.T) {
	h := newHouse(t)
	ends := h.clock.Now().Add(day)
	k, other := h.newKey(KeyDraft{Name: "a", Right: web.Listen, ExpiresAt: &ends}), h.newKey(KeyDraft{Name: "b", Right: web.Listen})
	if err := h.as(web.Caller{}, func(tx *db.Tx) error {
		_, err := h.CreateKey(tx, KeyDraft{Name: "a", Right: web.Send})
		return err
	}); !fault.Is(err, fault.Conflict) {
		t.Errorf("two living keys of one name: %v", err)
	}
	h.clock.Advance(day - time.Second)
	if !knows(h, k.Secret) {
		t.Error("it ended early")
	}
	h.clock.Advance(time.Second)
	if knows(h, k.Secret) {
		t.Error("it works past its end")
	}
	for range 2 {
		h.must(func(tx *db.Tx) error { return h.RevokeKey(tx, other.ID, machineRights...) })
	}
	if knows(h, other.Secret) {
		t.Error("it works although it is revoked")
	}
	var left int
	if err := h.db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM identity.key_secret WHERE key_id = $1`, other.ID).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d secrets of a revoked key are kept, %v", left, err)
	}
	again := h.newKey(KeyDraft{Name: "b", Right: web.Listen}) // the name is free again
	h.behind(`UPDATE identity.key SET revoked_at = created_at WHERE id = $1`, again.ID)
	if knows(h, again.Secret) {
		t.Error("it is revoked and works, because its secret was left")
	}
	wantCode(t, "rotating a revoked key", h.as(web.Caller{}, func(tx *db.Tx) error { _, err := h.RotateKey(tx, other.ID, 0); return err }), fault.Conflict)
	wantCode(t, "an unknown key", h.as(web.Caller{}, func(tx *db.Tx) error { return h.RevokeKey(tx, id.New(), machineRights...) }), fault.NotFound)
}

func TestRotationKeepsTwoSecretsAtMost(t *testing.T) {
	h := newHouse(t)
	k := h.newKey(KeyDraft{Name: "a", Right: web.Listen})
	rotate := func(overlap time.Duration) (n NewKey) {
		h.must(func(tx *db.Tx) (err error) { n, err = h.RotateKey(tx, k.ID, overlap); return err })
		return n
	}
	second := rotate(day)
	if !knows(h, k.Secret) || !knows(h, second.Secret) || len(second.Secrets) != 2 {
		t.Error("both must work while they overlap")
	}
	third := rotate(day)
	if knows(h, k.Secret) || !knows(h, second.Secret) || !knows(h, third.Secret) {
		t.Error("the last two must work, and no third")
	}
	h.clock.Advance(day)
	if knows(h, second.Secret) || !knows(h, third.Secret) {
		t.Error("the old one must end with its overlap")
	}
	fourth := rotate(0)
	if knows(h, third.Secret) || !knows(h, fourth.Secret) {
		t.Error("without overlap the old one ends at once")
	}
	list, err := h.Keys(t.Context())
	if err != nil || len(list) != 1 || len(list[0].Secrets) != 1 || list[0].Secrets[0].Hint != hintOf(fourth.Secret) {
		t.Errorf("%+v %v", list, err)
	}
}

func TestLastUseIsWrittenOnceAMinute(t *testing.T) {
	h := newHouse(t)
	k := h.newKey(KeyDraft{Name: "a", Right: web.Listen})
	used := func() time.Time {
		list, err := h.Keys(t.Context())
		if err != nil || list[0].UsedAt == nil {
			t.Fatalf("%+v %v", list, err)
		}
		return list[0].UsedAt.UTC()
	}
	first := h.clock.Now()
	knows(h, k.Secret)
	h.clock.Advance(59 * time.Second)
	knows(h, k.Secret)
	if !used().Equal(first) {
		t.Errorf("written at %v, within a minute of %v", used(), first)
	}
	h.clock.Advance(time.Second)
	knows(h, k.Secret)
	if !used().Equal(h.clock.Now()) {
		t.Error("not written after a minute")
	}
}

func TestDraftsOfKeysAreChecked(t *testing.T) {
	h := newHouse(t)
	past := h.clock.Now()
	for _, d := range []KeyDraft{{Right: web.Send}, {Name: " ", Right: web.Send}, {Name: "a"}, {Name: "a", Right: web.Owner}, {Name: "a", Right: web.Scan},
		{Name: strings.Repeat("x", 61), Right: web.Send}, {Name: "a", Right: web.Send, ExpiresAt: &past}} {
		wantCode(t, d.Name, h.as(web.Caller{}, func(tx *db.Tx) error { _, err := h.CreateKey(tx, d); return err }), fault.Invalid)
	}
}

// A slip of one character is caught without asking the database.
func TestSecretsTellSlips(t *testing.T) {
	const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	rapid.Check(t, func(t *rapid.T) {
		secret := []byte(NewKeySecret())
		if !wellFormed(string(secret)) {
			t.Fatalf("%s is not well formed", secret)
		}
		at := rapid.IntRange(0, len(secret)-1).Draw(t, "at")
		letter := letters[rapid.IntRange(0, len(letters)-1).Draw(t, "letter")]
		if secret[at] == letter {
			return
		}
		secret[at] = letter
		if wellFormed(string(secret)) {
			t.Fatalf("a slip at %d was not seen", at)
		}
	})
}
