package stream

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestBrowseFiltersAndPages(t *testing.T) {
	at := time.Date(2026, 6, 1, 23, 59, 0, 0, time.UTC)
	clk := clock.At(at)
	h := newHouse(t, withClock(clk))
	for n := range 9 { // one a minute, over midnight
		h.emit(noted{[]string{"a", "b", "c"}[n%3], fmt.Sprint("k", n%2), n})
		clk.Advance(time.Minute)
	}
	s := h.stream()
	browse := func(w Wanted, limit int) string {
		t.Helper()
		var pages []string
		for at := (&Spot{}); at != nil; {
			facts, next, err := s.Browse(t.Context(), w, *at, limit)
			if err != nil {
				t.Fatal(err)
			}
			var page strings.Builder
			for _, f := range facts {
				n, _ := Decode[noted](f)
				fmt.Fprint(&page, n.N)
			}
			pages, at = append(pages, page.String()), next
		}
		return strings.Join(pages, " ")
	}
	for _, tc := range []struct {
		name  string
		w     Wanted
		limit int
		want  string
	}{
		{"everything", Wanted{}, 4, "8765 4321 0"},
		{"exactly full", Wanted{}, 9, "876543210"},
		{"a type", Wanted{Type: "test.b"}, 2, "74 1"},
		{"a key", Wanted{Key: "k1"}, 10, "7531"},
		{"a source", Wanted{Source: "usher", Type: "test.c"}, 10, "852"},
		{"another source", Wanted{Source: "/shop"}, 10, ""},
		{"a time", Wanted{From: at.Add(2 * time.Minute), To: at.Add(4 * time.Minute)}, 10, "32"},
		{"no such type", Wanted{Type: "' OR 1=1"}, 10, ""},
	} {
		if got := browse(tc.w, tc.limit); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	facts, _, err := s.Browse(t.Context(), Wanted{}, Spot{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	one, err := s.FactAt(t.Context(), Spot{facts[0].XID, facts[0].ID})
	if err != nil || one.SourceID != facts[0].SourceID || string(one.Data) != string(facts[0].Data) {
		t.Errorf("%+v, %v", one, err)
	}
	if _, err := s.FactAt(t.Context(), Spot{1, 1}); !fault.Is(err, fault.NotFound) {
		t.Errorf("nothing: %v", err)
	}
}
