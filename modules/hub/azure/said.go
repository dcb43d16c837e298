package azure

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// said is what a client wrote beyond what the hub keeps in its own form: letters'
// case, the order of members, fields that Usher does nothing with. Answers repeat
// it where it still fits what the hub has.
type said struct {
	Form      string              `json:"form,omitempty"` // platform.form
	Handle    string              `json:"handle,omitempty"`
	BaiduUser string              `json:"baidu_user,omitempty"`
	User      string              `json:"user,omitempty"`
	Tags      []string            `json:"tags,omitempty"`
	Variables map[string]string   `json:"variables,omitempty"`
	Templates map[string]saidBody `json:"templates,omitempty"`
	Tiles     json.RawMessage     `json:"tiles,omitempty"` // secondaryTiles of a Windows installation
	Job       string              `json:"job,omitempty"`   // the job that made it
}

// saidBody is a template as written, by the hub's name of it.
type saidBody struct {
	Name     string            `json:"name,omitempty"` // as written, if the hub's differs
	Body     string            `json:"body"`
	Headers  map[string]string `json:"headers,omitempty"`
	Tags     []string          `json:"tags,omitempty"`
	Expiry   string            `json:"expiry,omitempty"`
	Priority string            `json:"priority,omitempty"`
}

// readSaid gives the zero said for a row that came another way.
func readSaid(raw json.RawMessage) said {
	var s said
	if len(raw) > 0 && json.Unmarshal(raw, &s) != nil {
		return said{}
	}
	return s
}

func (s said) raw() (json.RawMessage, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fault.E("azure.said", fault.Internal, "cannot keep the description", err)
	}
	return b, nil
}

// answer gives the hub's tags in the letters and order they were written in; those
// that came later follow. userSaid reports whether one of them names the user.
func (s said) answer(have []string, user string) (tags []string, userSaid bool) {
	left := map[string]bool{}
	for _, t := range have {
		left[t] = true
	}
	for _, t := range s.Tags {
		_, _, named := claims([]string{t})
		switch n := tagexpr.Normal(t); {
		case left[n]:
			tags = append(tags, t)
			delete(left, n)
		case named != "" && strings.EqualFold(named, user):
			tags, userSaid = append(tags, t), true
		}
	}
	for _, t := range have {
		if left[t] {
			tags = append(tags, t)
		}
	}
	return tags, userSaid
}

// short leaves a body out that would be kept twice at length: it is answered in the
// hub's form then.
func (b saidBody) short() saidBody {
	if len(b.Body) > maxSaid {
		b.Body = ""
	}
	return b
}

// maxSaid is the longest template whose spelling is kept, in bytes.
const maxSaid = 8 << 10

// text is the template's text as it was written, if it still says the same.
func (b saidBody) text(have string) string {
	if b.Body != "" && sameText(b.Body, have) {
		return b.Body
	}
	return have
}

// sameText compares JSON by its meaning, anything else by its letters.
func sameText(a, b string) bool {
	if a == b {
		return true
	}
	one, ok := canonical(a)
	two, ok2 := canonical(b)
	return ok && ok2 && one == two
}

func canonical(text string) (string, bool) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return "", false
	}
	b, err := json.Marshal(v)
	return string(b), err == nil
}

// What the hub assigns by itself; clients of the protocol write it as tags.
const (
	userTag         = "user:"
	reservedID      = "$installationid:{"
	reservedUser    = "$userid:{"
	reservedClosing = "}"
)

// claims takes out of a list of tags those that say which installation or user it
// is: Usher keeps these as what they are.
func claims(tags []string) (rest []string, installation, user string) {
	for _, t := range tags {
		low := strings.ToLower(t)
		switch {
		case strings.HasPrefix(low, reservedID) && strings.HasSuffix(low, reservedClosing):
			installation = t[len(reservedID) : len(t)-1]
		case strings.HasPrefix(low, reservedUser) && strings.HasSuffix(low, reservedClosing):
			user = t[len(reservedUser) : len(t)-1]
		case strings.HasPrefix(low, userTag) && user == "" && !more(tags, t):
			user = t[len(userTag):]
		default:
			rest = append(rest, t)
		}
	}
	return rest, installation, user
}

// more reports whether another tag than this says whose it is: then neither can be kept.
func more(tags []string, this string) bool {
	return slices.ContainsFunc(tags, func(t string) bool {
		return !strings.EqualFold(t, this) && strings.HasPrefix(strings.ToLower(t), userTag)
	})
}

// splitTags reads a comma-separated list.
func splitTags(text string) []string {
	var out []string
	for t := range strings.SplitSeq(text, ",") {
		if t = strings.TrimSpace(t); t != "" {
			out = append(out, t)
		}
	}
	return out
}

// hubName is a template's name in the hub, which takes no spaces: "Template Name"
// becomes "Template_Name".
func hubName(name string) string {
	if name == "" {
		return "default"
	}
	return strings.Map(func(r rune) rune {
		if r < 128 && (r == '_' || r == '-' || r == '.' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z') {
			return r
		}
		return '_'
	}, name)
}
