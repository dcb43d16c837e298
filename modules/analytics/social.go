package analytics

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// The kinds of a connector.
const (
	kindWebhook  = "webhook"  // another system posts to us, signed
	kindFeed     = "feed"     // RSS or Atom, polled
	kindMastodon = "mastodon" // the timeline of a hashtag, polled
)

// Connector brings posts about an event in, as social.post events.
type Connector struct {
	Name    string        `koanf:"name"`
	Kind    string        `koanf:"kind"`
	Event   string        `koanf:"event"`   // what its posts are about; a webhook's may say so themselves
	URL     string        `koanf:"url"`     // of the feed, or of the Mastodon server
	Hashtag string        `koanf:"hashtag"` // without #
	Every   time.Duration `koanf:"every"`   // between polls; 0: 2m
	Secret  string        `koanf:"secret" secret:"true"`
}

func (c Connector) polled() bool { return c.Kind != kindWebhook }

func (c Connector) every() time.Duration {
	if c.Every == 0 {
		return 2 * time.Minute
	}
	return c.Every
}

// source is what the connector's posts are told apart from others by.
func (c Connector) source() string { return "social/" + c.Name }

var plainName = regexp.MustCompile(`^[a-z0-9_-]{1,60}$`)

const minSecret = 20 // characters

// validateSocial reports every fault of analytics.social.
func validateSocial(all []Connector) (f []fault.Field) {
	seen := map[string]bool{}
	for i, c := range all {
		bad := func(field, problem, fix string) {
			f = append(f, fault.Field{Name: fmt.Sprintf("analytics.social[%d].%s", i, field), Problem: problem, Fix: fix})
		}
		if !plainName.MatchString(c.Name) {
			bad("name", "is not a name", "1 to 60 of a-z, 0-9, - and _")
		}
		if seen[c.Name] {
			bad("name", "is another connector's too", "give each its own")
		}
		seen[c.Name] = true
		switch c.Kind {
		case kindWebhook:
			if len(c.Secret) < minSecret {
				bad("secret", fmt.Sprintf("is shorter than %d characters", minSecret), "make one with: usher keys secret")
			}
		case kindFeed, kindMastodon:
			c.checkPoll(bad)
		default:
			bad("kind", "is none", "webhook, feed or mastodon")
		}
		if c.Event == "" && c.polled() {
			bad("event", "is missing", "name what the posts are about")
		}
	}
	return f
}

func (c Connector) checkPoll(bad func(field, problem, fix string)) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		bad("url", "is not an http or https URL", "such as https://example.org/feed.xml")
	} else if c.Kind == kindMastodon && strings.Trim(u.Path, "/")+u.RawQuery != "" {
		bad("url", "has more than a host", "the server alone, such as https://mastodon.example")
	}
	if c.Kind == kindMastodon && (c.Hashtag == "" || strings.ContainsFunc(c.Hashtag, func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r)
	})) {
		bad("hashtag", "is none", "letters, digits and _ without #, such as summerfest")
	}
	if d := c.every(); d < time.Minute || d > 24*time.Hour {
		bad("every", "is "+d.String(), "between 1m and 24h")
	}
}

// connector finds one by name. Errors: fault.NotFound.
func (s *Service) connector(name string) (Connector, error) {
	i := slices.IndexFunc(s.cfg.Social, func(c Connector) bool { return c.Name == name })
	if i < 0 {
		return Connector{}, fault.E("analytics.connector", fault.NotFound, "there is no such connector", nil).
			WithFix("connectors stand in config.yaml under analytics.social")
	}
	return s.cfg.Social[i], nil
}

// Post is one social post as every connector delivers it. Who wrote it is not kept.
type Post struct {
	ID    string    `json:"id" validate:"required,max=400"` // the network's own, unique in it
	Text  string    `json:"text" validate:"required,max=20000"`
	Lang  string    `json:"lang" validate:"max=35"` // BCP 47; "": unknown
	URL   string    `json:"url" validate:"max=2000"`
	Event string    `json:"event" validate:"max=200"` // "": the connector's
	At    time.Time `json:"created_at" validate:"required"`
}

const maxPostText = 5000 // bytes that are kept

// clipped is text of at most maxPostText bytes that a database can hold.
func clipped(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "�"), "\x00", "")
	if len(text) > maxPostText {
		text = strings.ToValidUTF8(text[:maxPostText], "")
	}
	return strings.TrimSpace(text)
}
