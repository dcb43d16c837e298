package identity

import "testing"

// A history tells people by their names; whose account is gone, and machines, as they were called.
func TestAnActorIsToldByName(t *testing.T) {
	h := newHouse(t)
	ana := h.person(RoleOwner, "Ana")
	for actor, want := range map[string]string{
		ana.Name: "Ana", "key:till-2": "key:till-2", "pricing": "pricing", "": "",
		"person:0190b6a0-0000-7000-8000-000000000000": "person:0190b6a0-0000-7000-8000-000000000000", "person:nobody": "person:nobody",
	} {
		if got := h.NameOf(actor); got != want {
			t.Errorf("%q is told as %q, not %q", actor, got, want)
		}
	}
	h.behind(`UPDATE identity.person SET name = 'Anna'`)
	if got := h.NameOf(ana.Name); got != "Ana" {
		t.Errorf("a moment later she is %q: a page asks again for each row", got)
	}
	h.clock.Advance(nameAge)
	if got := h.NameOf(ana.Name); got != "Anna" {
		t.Errorf("a minute later she is still %q", got)
	}
}
