package hub

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
)

// States of an installation. Only an active one is sent to.
const (
	StatusActive      = "active"
	StatusRetired     = "retired"     // the push service said the handle is gone
	StatusQuarantined = "quarantined" // it does not fit the app; a person must look
)

// Installation is one app on one device with one push handle.
//
// Empty Locale, Zone, Currency and Quiet mean the app's. The fields from Status
// on are told by the hub; what a caller writes there is ignored, save that an
// import keeps a Status, so that a restored handle that was gone stays gone.
type Installation struct {
	App       string                     `json:"app"`
	ID        string                     `json:"id"`
	Service   push.Service               `json:"service,omitempty"` // follows from Kind
	Kind      string                     `json:"kind,omitempty"`    // apns, fcm_token, fcm_fid, webpush, or a platform that is only stored: wns, mpns, adm, baidu; follows from Service but for fcm_fid
	Handle    string                     `json:"handle"`            // device token, or subscription endpoint
	P256dh    string                     `json:"p256dh,omitempty"`  // Web Push only
	Auth      string                     `json:"auth,omitempty"`    // Web Push only
	Topic     string                     `json:"topic,omitempty"`   // APNs only: another bundle id than the credential's
	User      string                     `json:"user,omitempty"`    // the hub adds the tag user:<id>
	Locale    string                     `json:"locale,omitempty"`
	Zone      string                     `json:"zone,omitempty"`
	Currency  string                     `json:"currency,omitempty"`
	Units     string                     `json:"units,omitempty"` // metric or imperial; empty: by locale
	Quiet     *Quiet                     `json:"quiet,omitempty"`
	Tags      []string                   `json:"tags,omitempty"`
	Props     map[string]json.RawMessage `json:"attributes,omitempty"` // personal template properties: strings, numbers, booleans
	Templates map[string]Template        `json:"templates,omitempty"`
	ExpiresAt *time.Time                 `json:"expires_at,omitempty"`

	Status       string     `json:"status,omitempty"`
	StatusReason string     `json:"status_reason,omitempty"`
	StatusAt     *time.Time `json:"status_at,omitempty"`
	HandleAt     time.Time  `json:"handle_at,omitzero"` // the app last confirmed the handle, give or take a day
	CreatedAt    time.Time  `json:"created_at,omitzero"`
	UpdatedAt    time.Time  `json:"updated_at,omitzero"`
	Version      int64      `json:"version,omitempty"` // counts changes of the content

	no int64 // order of the fan-out
}

// Template is an installation's own template.
type Template struct {
	Body    Body              `json:"body"`
	Headers map[string]string `json:"headers,omitempty"` // for the push service, such as apns-priority; a value may be an expression
	Tags    []string          `json:"tags,omitempty"`    // beside the installation's own: it is reached by either
}

// Body is a template's text. In JSON it is the text as a string, or (for a JSON
// body) the object itself.
type Body string

// UnmarshalJSON takes a string's content, or anything else as it is written.
func (b *Body) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(b))
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return err
	}
	*b = Body(compact.String())
	return nil
}

// MarshalJSON is the inverse: objects as objects, other text as a string.
func (b Body) MarshalJSON() ([]byte, error) {
	if strings.HasPrefix(string(b), "{") && json.Valid([]byte(b)) {
		return []byte(b), nil
	}
	return json.Marshal(string(b))
}
