package stream

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
)

// walked are the source ids that a walk gives, and the sizes of its chunks.
func walked(ctx context.Context, s *Stream, w Wanted) (ids []string, sizes []int, err error) {
	err = s.Walk(ctx, w, func(facts []Fact) error {
		sizes = append(sizes, len(facts))
		for _, f := range facts {
			ids = append(ids, f.SourceID)
		}
		return nil
	})
	return ids, sizes, err
}

// Chunks end within a transaction's facts and at its end; nothing is left out,
// doubled, or out of order.
func TestWalkGivesEverythingOnceInOrder(t *testing.T) {
	h := newHouse(t, dbtest.WithClock(clock.At(noon)))
	s := h.stream()
	var want []string
	for _, n := range []int{300, 700, 1, 499} {
		batch := make([]Fact, n)
		for i := range batch {
			batch[i] = told("/walk", fmt.Sprint(len(want)), noon.Add(-time.Duration(len(want)%3)*24*time.Hour))
			want = append(want, batch[i].SourceID)
		}
		if _, err := s.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	ids, sizes, err := walked(t.Context(), s, Wanted{})
	if err != nil || fmt.Sprint(ids) != fmt.Sprint(want) || fmt.Sprint(sizes) != "[500 500 500]" {
		t.Errorf("%d facts in %v, %v", len(ids), sizes, err)
	}
}

// Whatever is wanted: a walk gives what a scan of all facts would choose.
func TestWalkEqualsAFilter(t *testing.T) {
	h := newHouse(t, dbtest.WithClock(clock.At(noon)))
	s := h.stream()
	var all []Fact
	for n := range 600 {
		f := told([]string{"/a", "/b"}[n%2], fmt.Sprint(n), noon.Add(-time.Duration(n)*17*time.Minute))
		f.Type, f.Key = []string{"x.a", "x.b", "x.c"}[n%3], fmt.Sprint("k", n%5)
		all = append(all, f)
	}
	if _, err := s.Append(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		at := rapid.Custom(func(r *rapid.T) time.Time {
			if rapid.Bool().Draw(r, "open") {
				return time.Time{}
			}
			return noon.Add(-time.Duration(rapid.IntRange(-10, 610).Draw(r, "fact")) * 17 * time.Minute)
		})
		w := Wanted{Type: rapid.SampledFrom([]string{"", "x.a", "x.d"}).Draw(r, "type"), Source: rapid.SampledFrom([]string{"", "/a"}).Draw(r, "source"),
			Key: rapid.SampledFrom([]string{"", "k3"}).Draw(r, "key"), From: at.Draw(r, "from"), To: at.Draw(r, "to")}
		var want []string
		for _, f := range all {
			if (w.Type == "" || f.Type == w.Type) && (w.Source == "" || f.Source == w.Source) && (w.Key == "" || f.Key == w.Key) &&
				(w.From.IsZero() || !f.Time.Before(w.From)) && (w.To.IsZero() || f.Time.Before(w.To)) {
				want = append(want, f.SourceID)
			}
		}
		if ids, _, err := walked(t.Context(), s, w); err != nil || fmt.Sprint(ids) != fmt.Sprint(want) {
			r.Errorf("%d facts, want %d: %v", len(ids), len(want), err)
		}
	})
}

// A walk ends though facts never stop coming, and an open transaction neither
// holds it up nor hides what others have committed.
func TestWalkEndsWhereItBegan(t *testing.T) {
	h := newHouse(t)
	s := h.stream()
	batch := make([]Fact, walkChunk)
	fill := func(source string) {
		for i := range batch {
			batch[i] = told(source, fmt.Sprint(i), h.db.Now())
		}
		if _, err := s.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	err := h.db.InTx(t.Context(), func(tx *db.Tx) error {
		if err := emit(tx, noted{"open", "k", 1}); err != nil {
			return err
		}
		fill("/before")
		seen := 0
		err := s.Walk(t.Context(), Wanted{}, func(facts []Fact) error {
			seen += len(facts)
			fill(fmt.Sprint("/meanwhile", seen))
			return nil
		})
		if seen != walkChunk {
			t.Errorf("%d facts, want %d", seen, walkChunk)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWalkStopsWhenItsReaderDoes(t *testing.T) {
	h := newHouse(t)
	s := h.stream()
	batch := make([]Fact, 2*walkChunk)
	for i := range batch {
		batch[i] = told("/stop", fmt.Sprint(i), h.db.Now())
	}
	if _, err := s.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	chunks := 0
	if err := s.Walk(t.Context(), Wanted{}, func([]Fact) error { chunks++; return enough }); !errors.Is(err, enough) || chunks != 1 {
		t.Errorf("%d chunks, %v", chunks, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	chunks = 0
	if err := s.Walk(ctx, Wanted{}, func([]Fact) error { chunks++; cancel(); return nil }); err == nil || chunks != 1 {
		t.Errorf("%d chunks of a caller that left, %v", chunks, err)
	}
}
