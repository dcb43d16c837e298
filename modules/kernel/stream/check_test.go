package stream

import (
	"slices"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
)

// A fact has its id long before its transaction commits: a check in between must
// not take the unchanged id for silence. Nobody signals this commit.
func TestCheckFindsWhatCommitsLate(t *testing.T) {
	h := newHouse(t)
	elsewhere, err := db.Open(t.Context(), db.Config{URL: h.db.Pool().Config().ConnString(), MaxConns: 4}, clockOf(h))
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	s := h.stream(Listener{Name: "all", Handle: note("all")})
	seen, err := s.store.horizon(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := newChecker(s, seen)
	announced := func() bool {
		t.Helper()
		if _, err := c.check(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer s.readers[0].take()
		return slices.Contains(s.readers[0].fresh[:], true)
	}
	err = elsewhere.InTx(t.Context(), func(tx *db.Tx) error {
		if err := emit(tx, noted{"odd", "k", 1}); err != nil {
			return err
		}
		if announced() {
			t.Error("an uncommitted fact was announced")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !announced() {
		t.Error("the fact was not announced after its commit")
	}
	if announced() || !c.quiet {
		t.Error("the check does not rest")
	}
}

// A check of a log that is empty rests. It must not take the first fact for what it saw then.
func TestCheckFindsTheFirstFact(t *testing.T) {
	h := newHouse(t)
	s := h.stream(Listener{Name: "all", Handle: note("all")})
	seen, err := s.store.horizon(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := newChecker(s, seen)
	h.await("a check that rests", func() bool { // no transaction of the server's own is open
		if _, err := c.check(t.Context()); err != nil {
			t.Fatal(err)
		}
		return c.quiet
	})
	h.emit(noted{"odd", "k", 1})
	if _, err := c.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(s.readers[0].fresh[:], true) {
		t.Error("the first fact was not announced")
	}
}
