package proximity

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// codeBytes is the entropy of a voucher's code: 80 bits, 16 characters.
const codeBytes = 10

// lockFor is how long a till may take to ring a voucher up.
const lockFor = time.Minute

// States of a voucher.
const (
	VoucherIssued   = "issued"
	VoucherRedeemed = "redeemed"
	VoucherExpired  = "expired"
)

// Voucher is a one-time code that one person holds.
type Voucher struct {
	ID         id.ID      `json:"id"`
	Offer      id.ID      `json:"offer"`
	Event      string     `json:"event"`
	Code       string     `json:"code"`
	Status     string     `json:"status"`
	Title      string     `json:"title"`
	Grant      Grant      `json:"grant"`
	Stall      string     `json:"stall,omitempty"`
	IssuedAt   time.Time  `json:"issued_at"`
	ValidUntil time.Time  `json:"valid_until"`
	PushedAt   *time.Time `json:"pushed_at,omitempty"`
	LockedBy   string     `json:"locked_by,omitempty"` // a till that is ringing it up
	RedeemedAt *time.Time `json:"redeemed_at,omitempty"`
	RedeemedBy string     `json:"redeemed_by,omitempty"`
	WorthMinor int64      `json:"worth_minor,omitempty"`

	eventID      id.ID
	stallID      *id.ID
	text         string
	installation string
	app          string
}

// normalVoucher is a code as people type it: any case, spaces or hyphens between, and the
// letters that look like digits.
func normalVoucher(code string) string {
	return strings.NewReplacer(" ", "", "-", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(strings.TrimSpace(code)))
}

// A grantee is somebody who is to get an offer.
type grantee struct {
	offer        id.ID
	installation string
	app          string
	decision     id.ID // of the policy; id.Nil for none
}

// issue gives vouchers within tx, as far as the limits go: each reserves its worth of
// the budget, is announced, and is on its way to the phone once tx commits. The rows of
// offers are locked in the order of their ids; the result says whose voucher is whose.
func (s *Service) issue(tx *db.Tx, wanted []grantee) (map[grantee]Voucher, error) {
	wanted = slices.Clone(wanted)
	slices.SortStableFunc(wanted, func(a, b grantee) int { return cmp.Compare(a.offer.String(), b.offer.String()) })
	given := map[grantee]Voucher{}
	var all []Voucher
	for from := 0; from < len(wanted); {
		to := from
		for to < len(wanted) && wanted[to].offer == wanted[from].offer {
			to++
		}
		some, err := s.issueOf(tx, wanted[from:to], given)
		if err != nil {
			return nil, err
		}
		all, from = append(all, some...), to
	}
	if len(all) == 0 {
		return given, nil
	}
	if err := insertVouchers(tx, all); err != nil {
		return nil, err
	}
	ids := make([]id.ID, len(all))
	for i, v := range all {
		ids[i] = v.ID
		if err := tx.Emit(facts.VoucherIssued{Event: v.Event, Voucher: v.ID, Offer: v.Offer, WorthMinor: v.WorthMinor, ValidUntil: v.ValidUntil, At: v.IssuedAt}); err != nil {
			return nil, err
		}
	}
	return given, tx.Enqueue(pushJob(ids, tx.Now()))
}

// issueOf gives the vouchers of one offer.
func (s *Service) issueOf(tx *db.Tx, wanted []grantee, given map[grantee]Voucher) ([]Voucher, error) {
	o, err := lockOffer(tx, wanted[0].offer)
	if err != nil || o.State != OfferRunning {
		return nil, err
	}
	had, err := hadBefore(tx, o.ID, wanted)
	if err != nil {
		return nil, err
	}
	stall, err := stallID(tx, &o)
	if err != nil {
		return nil, err
	}
	var out []Voucher
	for _, w := range wanted {
		if had[w.installation] >= o.Limits.PerPerson || !o.affords(int64(len(out))+1) {
			continue
		}
		had[w.installation]++
		v := Voucher{
			ID: id.New(), Offer: o.ID, Event: o.Event, Code: id.Code(codeBytes), Status: VoucherIssued, Title: o.Title, Grant: o.Grant, Stall: o.Stall,
			IssuedAt: tx.Now(), ValidUntil: tx.Now().Add(o.validity()), WorthMinor: o.Grant.WorthMinor,
			eventID: o.eventID, stallID: stall, text: o.Text, installation: w.installation, app: w.app,
		}
		given[w], out = v, append(out, v)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, reserve(tx, o.ID, int64(len(out)), o.Grant.WorthMinor)
}

// affords reports whether n more vouchers fit the offer's limits.
func (o *Offer) affords(n int64) bool {
	l := o.Limits
	return (l.Total == 0 || o.Issued+n <= int64(l.Total)) && (l.BudgetMinor == 0 || o.Committed+n*o.Grant.WorthMinor <= l.BudgetMinor)
}

// Redeem takes a voucher at a till, once. Errors: fault.NotFound for no voucher of
// ours; fault.Conflict when it was redeemed, has expired, is good at another stall, or is
// being rung up at another till; the message says which.
func (s *Service) Redeem(tx *db.Tx, code, till string) (Voucher, error) {
	return s.take(tx, code, till, redeemVoucher)
}

// Lock holds a voucher for a till for a minute, also beyond its validity. Errors: as Redeem.
func (s *Service) Lock(tx *db.Tx, code, till string) (Voucher, error) {
	return s.take(tx, code, till, lockVoucher)
}

// take moves a voucher by one conditional UPDATE; when that finds none it says why.
func (s *Service) take(tx *db.Tx, code, till string, move func(tx *db.Tx, code, till string) (bool, error)) (Voucher, error) {
	const op = "proximity.Redeem"
	code, till = normalVoucher(code), normalCode(till)
	if till == "" || len(till) > 200 {
		return Voucher{}, fault.BadField(op, "till", "is missing or too long", "the name of the till, as its stall lists it")
	}
	moved, err := move(tx, code, till)
	if err != nil {
		return Voucher{}, err
	}
	v, err := voucherOf(tx.Ctx(), tx.Conn(), code)
	if err != nil {
		return Voucher{}, err
	}
	if !moved {
		return v, whyNot(tx, &v, till)
	}
	if v.Status == VoucherRedeemed {
		err = tx.Emit(facts.VoucherRedeemed{Event: v.Event, Voucher: v.ID, Offer: v.Offer, Till: till, WorthMinor: v.WorthMinor, At: tx.Now()})
	}
	return v, err
}

// whyNot explains a voucher that a till could not take.
func whyNot(tx *db.Tx, v *Voucher, till string) error {
	const op = "proximity.Redeem"
	switch {
	case v.Status == VoucherRedeemed:
		return fault.E(op, fault.Conflict, "the voucher was redeemed at "+v.RedeemedAt.Format("15:04:05")+" UTC at "+v.RedeemedBy, nil)
	case v.Status == VoucherExpired || !v.ValidUntil.After(tx.Now()):
		return fault.E(op, fault.Conflict, "the voucher was good until "+v.ValidUntil.Format("15:04:05")+" UTC", nil)
	case v.LockedBy != "" && v.LockedBy != till:
		return fault.E(op, fault.Conflict, "the voucher is being rung up at "+v.LockedBy, nil).WithFix("try again in a minute").After(lockFor)
	}
	return fault.E(op, fault.Conflict, "the voucher is good at "+v.Stall+" only", nil).WithFix("the till " + till + " does not belong to that stall")
}

// expireAtOnce bounds one transaction of expiry.
const expireAtOnce = 1000

// Expire ends vouchers whose time is up and gives their worth back to the budgets. It
// returns how many.
func (s *Service) Expire(ctx context.Context) (int, error) {
	for total := 0; ; {
		n := 0
		err := s.db.InTx(ctx, func(tx *db.Tx) (err error) { n, err = expireVouchers(tx, expireAtOnce); return err })
		total += n
		if err != nil || n < expireAtOnce {
			return total, err
		}
	}
}
