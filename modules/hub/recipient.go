package hub

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
)

// recipient is one installation (or one handle of a direct send) as the
// fan-out sees it.
type recipient struct {
	no       int64 // installation number; negative: -1-i, the chunk's target i
	service  push.Service
	handle   push.Handle
	topic    string
	locale   string
	zone     string
	currency string
	units    string
	quiet    quietSpan
	hasQuiet bool // it states quiet hours of its own

	attributes []byte // JSON object or nil
	templates  []byte // JSON object or nil
	handleAt   time.Time
	lapsed     bool // the installation's own expiry has passed
	removed    bool // it was deleted or retired since it was tried
	again      bool // it comes from hub.waiting
	attempts   int  // made so far
}

// attribute looks up the installation's own properties; nil when it has none.
// The JSON is decoded only when a template asks.
func (rc *recipient) attribute() func(string) (string, bool) {
	if len(rc.attributes) == 0 {
		return nil
	}
	var all map[string]any
	return func(name string) (string, bool) {
		if all == nil && json.Unmarshal(rc.attributes, &all) != nil {
			return "", false
		}
		switch v := all[name].(type) {
		case string:
			return v, true
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64), true
		case bool:
			return strconv.FormatBool(v), true
		}
		return "", false
	}
}
