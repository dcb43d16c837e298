package admission

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"rsc.io/qr"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

func signer(b byte) *Signer { return NewSigner(bytes.Repeat([]byte{b}, 32)) }

func anyTicket(t *rapid.T) Ticket {
	uuid := rapid.SliceOfN(rapid.Byte(), 16, 16)
	return Ticket{Event: id.ID(uuid.Draw(t, "event")), Order: id.ID(uuid.Draw(t, "order")),
		N: rapid.IntRange(1, 1000).Draw(t, "n"), Version: rapid.IntRange(1, 32767).Draw(t, "version")}
}

func TestCodeSaysWhatWasSigned(t *testing.T) {
	s := signer(1)
	ring := NewKeyring(s.Public())
	rapid.Check(t, func(t *rapid.T) {
		want := anyTicket(t)
		code := s.Code(want)
		if len(code) != CodeLength {
			t.Fatalf("%d characters, want %d", len(code), CodeLength)
		}
		for _, written := range []string{code, strings.ToLower(code), " " + code[:40] + "\r\n" + code[40:] + "\t"} {
			if got, err := ring.Open(written); err != nil || got != want {
				t.Fatalf("%q: %+v, %v; want %+v", written, got, err, want)
			}
		}
	})
}

func TestNoCharacterOfACodeCanBeChanged(t *testing.T) {
	s := signer(1)
	ring := NewKeyring(s.Public())
	rapid.Check(t, func(t *rapid.T) {
		code := []byte(s.Code(anyTicket(t)))
		at := rapid.IntRange(0, len(code)-1).Draw(t, "at")
		other := rapid.SampledFrom([]byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")).Draw(t, "other")
		if code[at] == other {
			return
		}
		code[at] = other
		if got, err := ring.Open(string(code)); !fault.Is(err, fault.Invalid) {
			t.Fatalf("a changed code is good for %+v: %v", got, err)
		}
	})
}

func TestCodesOfAnEarlierKeyStayGoodWhileItIsKept(t *testing.T) {
	old, now := signer(1), signer(2)
	want := Ticket{Event: id.New(), Order: id.New(), N: 3, Version: 2}
	code := old.Code(want)
	if got, err := NewKeyring(now.Public(), old.Public()).Open(code); err != nil || got != want {
		t.Error(got, err)
	}
	if _, err := NewKeyring(now.Public()).Open(code); !fault.Is(err, fault.Invalid) {
		t.Error("a key that is gone still opens codes:", err)
	}
}

// A denser picture is harder to read on a wet screen.
func TestPictureOfACodeIs45ModulesWide(t *testing.T) {
	picture, err := qr.Encode(signer(1).Code(Ticket{Event: id.New(), Order: id.New(), N: 1, Version: 1}), qr.M)
	if err != nil || picture.Size != 45 {
		t.Fatal(picture.Size, err)
	}
}

func FuzzOpen(f *testing.F) {
	s := signer(1)
	ring := NewKeyring(s.Public())
	f.Add(s.Code(Ticket{N: 1, Version: 1}))
	f.Add("")
	f.Add(strings.Repeat("A", CodeLength))
	f.Add("ÄÖ 1")
	f.Fuzz(func(t *testing.T, code string) {
		ticket, err := ring.Open(code)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
			return
		}
		if again := s.Code(ticket); again != strings.ToUpper(strings.Join(strings.Fields(code), "")) {
			t.Fatalf("%q opens, but %q is the code", code, again)
		}
	})
}
