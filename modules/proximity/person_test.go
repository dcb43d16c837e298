package proximity

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
)

// personal makes phones 0 and 1 Anna's and phone 2 Ben's; all are at the stage with a voucher.
func (y *yard) personal() (anna, ben string) {
	y.t.Helper()
	anna, ben = "0199c0de-0000-7000-8000-00000000000a", "0199c0de-0000-7000-8000-00000000000b"
	for i, who := range []string{anna, anna, ben} {
		_, err := y.PutConsent(web.WithCaller(y.t.Context(), web.Caller{Person: who}), Consent{Installation: phone(i), App: "festival", Notice: "2027"})
		y.must(err)
	}
	y.barOffer()
	for i := range 3 {
		y.stay(phone(i), "stage-1", noon, 20*time.Second)
	}
	return anna, ben
}

func (y *yard) exported(person string) (sections []string, text string) {
	y.t.Helper()
	y.must(y.ExportPerson(y.t.Context(), person, func(section string, v any) error {
		b, err := json.Marshal(v)
		sections, text = append(sections, section), text+string(b)+"\n"
		return err
	}))
	return sections, text
}

// A person gets a copy of what is known of their phones, and of nobody else's.
func TestAPersonIsExported(t *testing.T) {
	y := newYard(t)
	anna, ben := y.personal()
	sections, text := y.exported(anna)
	if got := strings.Join(sections, ", "); got != "location consent, visit, voucher, location consent, visit, voucher" {
		t.Errorf("the copy has %s", got)
	}
	for _, want := range []string{phone(0), phone(1), "Main stage", "2 EUR off your drink"} {
		if !strings.Contains(text, want) {
			t.Errorf("the copy does not say %q:\n%s", want, text)
		}
	}
	if _, his := y.exported(ben); strings.Contains(text, phone(2)) || strings.Contains(his, phone(0)) {
		t.Error("a copy has another person's phone in it")
	}
}

// Erasing a person removes every trace of their phones, again and again if need be, and
// leaves the others' alone; what they redeemed stays a number.
func TestAPersonIsErased(t *testing.T) {
	y := newYard(t)
	anna, ben := y.personal()
	mine, err := y.vouchersOf(t.Context(), phone(0))
	y.must(err)
	_, err = y.redeem(mine[0].Code, "bar-till-1")
	y.must(err)
	for range 2 {
		y.must(y.ErasePerson(t.Context(), anna))
	}
	if sections, _ := y.exported(anna); len(sections) != 0 {
		t.Errorf("after the erasure the copy has %v", sections)
	}
	for what, sql := range map[string]string{
		"consents": `SELECT count(*) FROM proximity.consent WHERE installation IN ('phone-0', 'phone-1')`,
		"phones":   `SELECT count(*) FROM proximity.device WHERE installation IN ('phone-0', 'phone-1')`,
		"vouchers": `SELECT count(*) FROM proximity.voucher WHERE installation IN ('phone-0', 'phone-1')`,
	} {
		if n := y.number(sql); n != 0 {
			t.Errorf("%d %s are left", n, what)
		}
	}
	for what, sql := range map[string]string{
		"visits":      `SELECT count(*) FROM proximity.visit`,
		"phones":      `SELECT count(*) FROM proximity.device`,
		"on the grid": `SELECT count(DISTINCT ref) FROM proximity.presence`,
		"redeemed":    `SELECT count(*) FROM proximity.voucher WHERE status = 'redeemed'`,
	} {
		if n := y.number(sql); n != 1 {
			t.Errorf("%s: %d, want Ben's, or the one that was redeemed", what, n)
		}
	}
	if sections, _ := y.exported(ben); len(sections) != 3 {
		t.Errorf("Ben's copy has %v", sections)
	}
}

// What the doors scanned scales what the phones tell, at an event of our own.
func TestDoorsTellHowManyCameIn(t *testing.T) {
	y := newYard(t)
	y.event.Name, y.event.Attendance = "0199c0de-0000-7000-8000-000000000001", 0
	e, _, err := y.PutEvent(t.Context(), y.event)
	y.must(err)
	fact := func(event, count string) stream.Fact {
		return stream.Fact{Type: "sales.tickets_admitted", Time: noon, Data: []byte(`{"event":"` + event + `","count":` + count + `}`)}
	}
	y.must(y.in(func(tx *db.Tx) error {
		return y.admitted(t.Context(), tx, []stream.Fact{fact(y.event.Name, "30"), fact(y.event.Name, "10"), fact("0199c0de-0000-7000-8000-00000000000f", "7")})
	}))
	y.agree(4)
	for i := range 4 {
		y.stay(phone(i), "gate-1", noon, 10*time.Second)
	}
	var share float64
	scenes, err := y.scenes(t.Context(), y.db.Pool(), y.db.Now())
	y.must(err)
	for _, sc := range scenes {
		if sc.ID == e.ID {
			y.must(y.in(func(tx *db.Tx) (err error) { share, err = shareOf(tx, sc); return err }))
		}
	}
	if share != 0.1 {
		t.Errorf("4 phones of 40 scanned tickets are a share of %g", share)
	}
	e.Attendance = 80
	if e, _, err = y.PutEvent(t.Context(), e); err != nil || e.visitors() != 80 || e.Scanned != 40 {
		t.Errorf("%+v %v", e, err)
	}
	for _, c := range []struct {
		count string
		want  int
	}{{"-1", 39}, {"-50", 0}} { // taken back at the door, and more than we know of
		y.must(y.in(func(tx *db.Tx) error { return y.admitted(t.Context(), tx, []stream.Fact{fact(y.event.Name, c.count)}) }))
		if e, _, err = y.PutEvent(t.Context(), e); err != nil || e.Scanned != c.want {
			t.Errorf("after %s: %d scanned, %v; want %d", c.count, e.Scanned, err, c.want)
		}
	}
}
