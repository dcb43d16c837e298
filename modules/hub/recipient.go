package hub

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
)

// recipient is one installation (or one handle of a direct send) as the
// fan-out sees it.
type recipient struct {
	no       int64 // installation number; negative: -1-i, the direct send's handle i
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

// attribute looks up the installation's own properties, by their lower-case
// names; nil when it has none.
func (rc *recipient) attribute() func(string) (string, bool) {
	if len(rc.attributes) == 0 {
		return nil
	}
	return func(name string) (string, bool) { return attributeOf(rc.attributes, name) }
}

// attributeOf reads one member of a flat JSON object as PostgreSQL writes jsonb.
// A value without escapes, which is nearly every one, is found, and a name that the
// object has nowhere is missed, without decoding the rest: a template asks for one
// or two of them a message.
func attributeOf(object []byte, name string) (string, bool) {
	if bytes.IndexByte(object, '\\') >= 0 {
		return decodedAttribute(object, name)
	}
	key := append(append(make([]byte, 0, 64), '"'), name...)
	key = append(key, '"')
	at := bytes.Index(object, key)
	if at < 0 {
		return "", false
	}
	rest, member := bytes.CutPrefix(object[at+len(key):], []byte(": "))
	if member && at > 0 && len(rest) > 0 && (object[at-1] == '{' || object[at-1] == ' ') {
		if rest[0] == '"' {
			if end := bytes.IndexByte(rest[1:], '"'); end >= 0 {
				return string(rest[1 : 1+end]), true
			}
		}
	}
	return decodedAttribute(object, name)
}

// decodedAttribute is the careful way, for numbers, booleans and escapes.
func decodedAttribute(object []byte, name string) (string, bool) {
	var all map[string]any
	if json.Unmarshal(object, &all) != nil {
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
