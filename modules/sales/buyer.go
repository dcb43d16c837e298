package sales

import (
	"encoding/json"
	"net/mail"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Buyer is what we know of somebody who buys.
type Buyer struct {
	Name   string `json:"name"`
	Email  string `json:"email"`
	Locale string `json:"locale"`
}

const (
	maxBuyer  = 4 << 10 // bounds what is kept about a buyer, in bytes
	maxPower  = 300     // of ten, in a number: PostgreSQL's end somewhere beyond
	suchBuyer = `such as {"name": "Ana", "email": "ana@example.org"}`
)

// readBuyer reads who pays, who must have an address; kept is what to store of him.
func readBuyer(raw json.RawMessage) (b Buyer, kept json.RawMessage, err error) {
	const op = "sales.Checkout"
	if kept, err = keepBuyer(op, raw); err != nil {
		return b, nil, err
	}
	if len(kept) == 0 || json.Unmarshal(kept, &b) != nil {
		return b, nil, fault.BadField(op, "buyer", "has no name and address", suchBuyer)
	}
	if a, err := mail.ParseAddress(b.Email); err != nil || a.Address != b.Email {
		return b, nil, fault.BadField(op, "buyer.email", "is no e-mail address", suchBuyer)
	}
	return b, kept, nil
}

// keepBuyer is a buyer's object as it is stored; nil: nothing is known of him. PostgreSQL
// takes less than encoding/json, and what it refuses would fail a whole round at the
// till: broken characters are mended, and what cannot be is fault.Invalid.
func keepBuyer(op string, raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if len(raw) > maxBuyer || raw[0] != '{' || !gjson.ValidBytes(raw) {
		return nil, fault.BadField(op, "buyer", "is no JSON object of at most 4 KB", suchBuyer)
	}
	if storesAsIs(raw) {
		return raw, nil
	}
	var all map[string]any
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber() // as they were written: an account number has more digits than a float
	if err := d.Decode(&all); err != nil {
		return nil, fault.BadField(op, "buyer", "is no JSON object of at most 4 KB", suchBuyer)
	}
	if problem := unstorable(all); problem != "" {
		return nil, fault.BadField(op, "buyer", problem, "leave it out")
	}
	return json.Marshal(all)
}

// storesAsIs reports whether JSON holds nothing that PostgreSQL may refuse: no escapes, no
// broken UTF-8 and, as a digit before an e may be one, no power of ten.
func storesAsIs(raw []byte) bool {
	for i, c := range raw {
		if c == '\\' || (c == 'e' || c == 'E') && raw[i-1] >= '0' && raw[i-1] <= '9' {
			return false
		}
	}
	return utf8.Valid(raw)
}

var power = regexp.MustCompile(`[eE](.*)`)

// unstorable says what in a JSON value jsonb does not take; "": nothing.
func unstorable(v any) string {
	switch v := v.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			return `has the character \u0000`
		}
	case json.Number:
		if m := power.FindStringSubmatch(v.String()); m != nil {
			if p, err := strconv.Atoi(m[1]); err != nil || p > maxPower || p < -maxPower {
				return "has a number that is too large or too small"
			}
		}
	case []any:
		for _, one := range v {
			if problem := unstorable(one); problem != "" {
				return problem
			}
		}
	case map[string]any:
		for name, one := range v {
			if problem := unstorable(name) + unstorable(one); problem != "" {
				return problem
			}
		}
	}
	return ""
}
