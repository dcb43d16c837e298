package choice

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// hillstromColumns must be there; others are ignored.
var hillstromColumns = []string{"recency", "history", "zip_code", "channel", "segment", "visit", "conversion", "spend"}

// hillstromArms are the groups that customers were put into at random, a third each.
var hillstromArms = []string{"No E-Mail", "Mens E-Mail", "Womens E-Mail"}

// ReadHillstrom reads Kevin Hillstrom's e-mail data (MineThatData, 2008) as CSV with its
// header, calling take for each customer, so that policies can be judged by a true
// experiment. A decision is the group, with the propensity of a third; Bought is a visit
// to the shop (bought alone is one in a hundred), worth 1 to the promoter, less 0.01 for
// an e-mail. The context: segment is the channel, zone the kind of place, Purchases the
// money spent in the year before in hundreds, Paid the same, Hour the months since the last.
// Errors: fault.Invalid with the line; those of take.
func ReadHillstrom(in io.Reader, take func(Record) error) error {
	const op = "choice.ReadHillstrom"
	r := csv.NewReader(in)
	r.TrimLeadingSpace, r.ReuseRecord = true, true
	header, err := r.Read()
	if err != nil {
		return fault.E(op, fault.Invalid, "the file has no header of CSV", err)
	}
	at := map[string]int{}
	for _, name := range hillstromColumns {
		k := slices.IndexFunc(header, func(h string) bool {
			return strings.EqualFold(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")), name)
		})
		if k < 0 {
			return fault.BadField(op, name, "the header names no such column", "the columns are "+strings.Join(hillstromColumns, ", "))
		}
		at[name] = k
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.E(op, fault.Invalid, "the file is no CSV", err)
		}
		line, _ := r.FieldPos(0)
		record, err := customer(func(name string) string { return strings.Clone(strings.TrimSpace(row[at[name]])) })
		if err != nil {
			return fault.E(op, fault.Invalid, fmt.Sprintf("line %d: %v", line, err), nil)
		}
		if err := take(record); err != nil {
			return err
		}
	}
}

func customer(field func(string) string) (r Record, err error) {
	number := func(name string) float64 {
		v, e := strconv.ParseFloat(field(name), 64)
		if err == nil && (e != nil || math.IsNaN(v) || v < 0 || v > 1e9) {
			err = fmt.Errorf("%s is %q, want a number", name, field(name))
		}
		return v
	}
	months, spent, visit := number("recency"), number("history"), number("visit")
	number("conversion")
	number("spend")
	r.Chosen = slices.IndexFunc(hillstromArms, func(a string) bool { return strings.EqualFold(a, field("segment")) })
	if err == nil && r.Chosen < 0 {
		err = fmt.Errorf("segment is %q, want one of %s", field("segment"), strings.Join(hillstromArms, ", "))
	}
	if err != nil {
		return r, err
	}
	r.Intended, r.Policy, r.Propensity = r.Chosen, Uniform{}.Name(), 1.0/3
	r.Context = Context{Zone: field("zip_code"), Segment: field("channel"), Hour: months, Purchases: spent / 100, Paid: spent}
	r.Options = []Option{{Kind: None, Value: 1}, {Offer: "mens", Kind: Item, Value: 0.99}, {Offer: "womens", Kind: Item, Value: 0.99}}
	if visit > 0 {
		r.Bought, r.Reward = true, r.Options[r.Chosen].Value
	}
	return r, nil
}
