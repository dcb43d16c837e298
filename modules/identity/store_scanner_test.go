package identity

import (
	"encoding/xml"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (h *house) enrolment(name string) (e Enrolment) {
	h.t.Helper()
	h.must(func(tx *db.Tx) (err error) {
		e, err = h.StartEnrolment(tx, ScannerDraft{Name: name, Event: "summer"})
		return err
	})
	return e
}

func (h *house) enrol(code string) (k NewKey, err error) {
	err = h.as(web.Caller{}, func(tx *db.Tx) (err error) { k, err = h.EnrolScanner(tx, code); return err })
	return k, err
}

func TestScannerMayScanForItsEventAlone(t *testing.T) {
	h := newHouse(t)
	k, err := h.enrol(" " + strings.ToLower(h.enrolment("Gate A").Code)) // as somebody types it
	if err != nil {
		t.Fatal(err)
	}
	caller, rights, err := h.keyOf(t.Context(), k.Secret)
	if err != nil || caller.Event != "summer" || !slices.Equal(rights, []web.Right{web.Public, web.Scan}) {
		t.Errorf("%+v %v %v", caller, rights, err)
	}
	h.clock.Advance(scannerAge)
	if knows(h, k.Secret) {
		t.Error("a scanner's key works for ever")
	}
}

func TestEnrolmentCodeIsSpentOnce(t *testing.T) {
	h := newHouse(t)
	e := h.enrolment("Gate A")
	errs := atOnce(func() error { _, err := h.enrol(e.Code); return err }, func() error { _, err := h.enrol(e.Code); return err })
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("of two at once one must win: %v", errs)
	}
	scanners, err := h.Scanners(t.Context())
	if err != nil || len(scanners) != 1 {
		t.Fatalf("%+v %v", scanners, err)
	}
	h.must(func(tx *db.Tx) error { return h.RevokeKey(tx, scanners[0].ID, web.Scan) }) // its name is free again
	_, err = h.enrol(e.Code)
	wantCode(t, "a spent code, the scanner revoked", err, fault.Forbidden)
	late := h.enrolment("Gate B")
	h.clock.Advance(15 * time.Minute)
	_, err = h.enrol(late.Code)
	wantCode(t, "a code after 15 minutes", err, fault.Forbidden)
	_, err = h.enrol("")
	wantCode(t, "no code", err, fault.Forbidden)
	for _, d := range []ScannerDraft{{Name: "x"}, {Event: "x"}, {Name: " ", Event: " "}} {
		wantCode(t, d.Name, h.as(web.Caller{}, func(tx *db.Tx) error { _, err := h.StartEnrolment(tx, d); return err }), fault.Invalid)
	}
}

// Whoever may enrol scanners must not revoke the keys of machines, nor the other way round.
func TestScannersAndKeysAreRevokedApart(t *testing.T) {
	h := newHouse(t)
	scanner, err := h.enrol(h.enrolment("Gate A").Code)
	if err != nil {
		t.Fatal(err)
	}
	key := h.newKey(KeyDraft{Name: "till", Right: web.Manage})
	wantCode(t, "a key as a scanner", h.as(web.Caller{}, func(tx *db.Tx) error { return h.RevokeKey(tx, key.ID, web.Scan) }), fault.NotFound)
	wantCode(t, "a scanner as a key", h.as(web.Caller{}, func(tx *db.Tx) error { return h.RevokeKey(tx, scanner.ID, machineRights...) }), fault.NotFound)
	keys, err := h.Keys(t.Context())
	scanners, err2 := h.Scanners(t.Context())
	if err != nil || err2 != nil || len(keys) != 1 || len(scanners) != 1 || scanners[0].ID != scanner.ID {
		t.Errorf("%+v %+v", keys, scanners)
	}
	h.must(func(tx *db.Tx) error { return h.RevokeKey(tx, scanner.ID, web.Scan) })
	if knows(h, scanner.Secret) || !knows(h, key.Secret) {
		t.Error("the wrong one was revoked")
	}
}

func TestQRPictureIsDrawnWhole(t *testing.T) {
	side, path, err := qrPicture("https://tickets.example.org/scan#" + strings.Repeat("0", 32))
	if err != nil || side < 29 || !strings.HasPrefix(path, "M4 4h7v1h-7z") || xml.Unmarshal([]byte(`<p d="`+path+`"/>`), new(struct{})) != nil {
		t.Errorf("%d %.40s %v", side, path, err)
	}
	if _, _, err := qrPicture(strings.Repeat("x", 4000)); err == nil {
		t.Error("a text that no code holds was drawn")
	}
}
