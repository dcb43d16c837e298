package azure

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// installation is the protocol's JSON. As in the reference, members it does not
// know are passed over and names are compared without case.
type installation struct {
	InstallationID string              `json:"installationId"`
	UserID         string              `json:"userId,omitempty"`
	Platform       string              `json:"platform"`
	PushChannel    json.RawMessage     `json:"pushChannel"`
	Tags           []string            `json:"tags,omitempty"`
	Templates      map[string]template `json:"templates,omitempty"`
	PushVariables  map[string]string   `json:"pushVariables,omitempty"`
	SecondaryTiles json.RawMessage     `json:"secondaryTiles,omitempty"`

	// Told by the hub; what a client writes here is ignored.
	Expired        bool   `json:"pushChannelExpired"`
	ExpirationTime string `json:"expirationTime,omitempty"`
	LastUpdate     string `json:"lastUpdate,omitempty"`
}

// template is one of an installation's.
type template struct {
	Body    string            `json:"body"`
	Headers map[string]string `json:"headers,omitempty"`
	Tags    []string          `json:"tags,omitempty"`
	Expiry  string            `json:"expiry,omitempty"`
}

// channel is a browser's pushChannel.
type channel struct {
	Endpoint string `json:"endpoint"`
	P256dh   string `json:"p256dh"`
	Auth     string `json:"auth"`
}

const opInstallation = "azure.Installation"

// readInstallation reads what a client sends. Errors: fault.Invalid.
func readInstallation(data []byte) (installation, error) {
	var in installation
	if !json.Valid(data) {
		return in, web.Decode(data, &in) // it says where
	}
	err := json.Unmarshal(data, &in)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return in, fault.BadField(opInstallation, cmp.Or(wrong.Field, "body"), "is a "+wrong.Value, "what the reference of installations says")
	}
	return in, err
}

// stored is an installation as the hub keeps it, and what it said beyond that.
type stored struct { //nolint:recvcheck // read by pointer, written by value
	hub.Installation
	said said
}

// stored turns the protocol's form into the hub's. Errors: fault.Invalid.
func (in installation) stored(app string) (stored, error) {
	p := find(func(p *platform) bool { return strings.EqualFold(p.installation, in.Platform) })
	if p == nil {
		return stored{}, fault.BadField(opInstallation, "platform", fmt.Sprintf("%q is no platform that Usher knows", in.Platform),
			"one of "+words(func(p platform) string { return p.installation }))
	}
	out := stored{said: said{Form: p.form, Tags: in.Tags, Variables: in.PushVariables, User: in.UserID, Tiles: in.SecondaryTiles}}
	out.App, out.ID, out.Kind = app, in.InstallationID, p.kind
	if err := out.address(in.PushChannel, p); err != nil {
		return out, err
	}
	var named string
	out.Tags, named, out.User = claims(in.Tags)
	if named != "" && !strings.EqualFold(named, in.InstallationID) {
		return out, fault.BadField(opInstallation, "tags", "names another installation", "leave $InstallationId out: every installation has its own")
	}
	if in.UserID != "" {
		out.User = in.UserID
	}
	for name, value := range in.PushVariables {
		text, err := json.Marshal(value)
		if err != nil {
			return out, fault.BadField(opInstallation, "pushVariables."+name, "cannot be kept", "a text")
		}
		if out.Props == nil {
			out.Props = map[string]json.RawMessage{}
		}
		out.Props[name] = text
	}
	return out, out.templates(in.Templates)
}

// address reads the push channel: a handle, or a browser's subscription.
func (s *stored) address(raw json.RawMessage, p *platform) error {
	if p.service == push.WebPush {
		var c channel
		if err := json.Unmarshal(raw, &c); err != nil {
			return fault.BadField(opInstallation, "pushChannel", "is no browser's subscription", `{"endpoint": "…", "p256dh": "…", "auth": "…"}`)
		}
		s.Handle, s.P256dh, s.Auth = c.Endpoint, c.P256dh, c.Auth
	} else if err := json.Unmarshal(raw, &s.Handle); err != nil {
		return fault.BadField(opInstallation, "pushChannel", "is no text", "the handle that the device got from its push service")
	}
	s.said.Handle = s.Handle
	return nil
}

func (s *stored) templates(all map[string]template) error {
	for name, t := range all {
		short := hubName(name)
		if _, twice := s.Templates[short]; twice {
			return fault.BadField(opInstallation, "templates."+name, "has a name too like another's", "names that differ in their letters or digits")
		}
		if s.Templates == nil {
			s.Templates, s.said.Templates = map[string]hub.Template{}, map[string]saidBody{}
		}
		b := saidBody{Body: t.Body, Headers: t.Headers, Tags: t.Tags, Expiry: t.Expiry}
		if short != name {
			b.Name = name
		}
		s.said.Templates[short], s.Templates[short] = b.short(), b.template()
	}
	return nil
}

// plain reports whether the hub's own form says all that the client did.
func (s stored) plain() bool {
	p := platformOf(s.Kind, "")
	for _, t := range s.said.Tags {
		if t != strings.ToLower(t) {
			return false
		}
	}
	return p != nil && p.form == s.said.Form && len(s.said.Templates) == 0 && len(s.said.Variables) == 0 && len(s.said.Tiles) == 0 &&
		strings.EqualFold(s.said.Handle, s.Handle) && s.said.Handle == strings.ToLower(s.said.Handle)
}

// answer is the protocol's form of an installation.
func (s stored) answer() (installation, error) {
	p := platformOf(s.Kind, s.said.Form)
	if p == nil {
		return installation{}, fault.E(opInstallation, fault.Internal, "the installation has no platform", nil)
	}
	in := installation{InstallationID: s.ID, UserID: s.User, Platform: p.installation, SecondaryTiles: s.said.Tiles,
		Expired: s.Status == hub.StatusRetired, ExpirationTime: expiration(s.ExpiresAt), LastUpdate: s.UpdatedAt.UTC().Format(time.RFC3339)}
	in.Tags, _ = s.said.answer(s.Tags, s.User)
	handle := s.Handle
	if strings.EqualFold(s.said.Handle, handle) {
		handle = s.said.Handle
	}
	var address any = handle
	if p.service == push.WebPush {
		address = channel{handle, s.P256dh, s.Auth}
	}
	var err error
	if in.PushChannel, err = json.Marshal(address); err != nil {
		return in, fault.E(opInstallation, fault.Internal, "cannot write the push channel", err)
	}
	in.PushVariables = s.variables()
	for short, t := range s.Templates {
		b, known := s.said.Templates[short]
		if !known {
			b = saidBody{Headers: t.Headers}
		}
		if b.Name == "" {
			b.Name = short
		}
		if in.Templates == nil {
			in.Templates = map[string]template{}
		}
		in.Templates[b.Name] = template{Body: b.text(string(t.Body)), Headers: b.Headers, Tags: t.Tags, Expiry: b.Expiry}
	}
	return in, nil
}

// variables are the installation's properties under the names they were given.
func (s stored) variables() map[string]string {
	if len(s.Props) == 0 {
		return nil
	}
	out := map[string]string{}
	for name, raw := range s.Props {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		for written := range s.said.Variables {
			if strings.EqualFold(written, name) {
				name = written
			}
		}
		out[name] = text
	}
	return out
}
