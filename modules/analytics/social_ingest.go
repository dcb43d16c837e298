package analytics

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/analytics/window"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// socialPost is the type of a post's event.
const socialPost = "social.post"

// postData is the data of a social.post event.
type postData struct {
	Event string `json:"event"`
	Text  string `json:"text"`
	Lang  string `json:"lang,omitempty"`
	URL   string `json:"url,omitempty"`
}

// oldestPost is how old a post may be: an older one is no news, and the log may
// have forgotten that it had it.
const oldestPost = 7 * 24 * time.Hour

// usable reports whether a post can be stored and counted at now.
func (p Post) usable(now time.Time) bool {
	name := p.ID != "" && p.Event != "" && len(p.ID) <= 400 && storable(p.Event) && storable(p.Lang)
	return name && utf8.ValidString(p.ID) && !strings.ContainsRune(p.ID, 0) && p.Text != "" &&
		p.At.After(now.Add(-oldestPost)) && !p.At.After(now.Add(window.EarlyLimit))
}

// socialIntake is what became of posts.
type socialIntake struct{ Taken, Known, Unusable int }

// takePosts makes events of a connector's posts and takes them in. A post that
// comes again, from a replayed delivery or a poll that overlaps the last, is known
// by its id.
func (s *Service) takePosts(ctx context.Context, c Connector, posts []Post) (socialIntake, error) {
	now := s.db.Now()
	events := make([]Event, 0, len(posts))
	for _, p := range posts {
		p.Event, p.Text = orElse(p.Event, c.Event), clipped(p.Text)
		if !p.usable(now) {
			continue
		}
		if p.URL = clipped(p.URL); len(p.URL) > 2000 {
			p.URL = ""
		}
		data, err := json.Marshal(postData{p.Event, p.Text, p.Lang, p.URL})
		if err != nil {
			return socialIntake{}, fault.E("analytics.takePosts", fault.Internal, "cannot write a post", err)
		}
		events = append(events, Event{Type: socialPost, Source: c.source(), ID: p.ID, Key: p.Event, Time: p.At, Data: data})
	}
	if len(events) == 0 {
		return socialIntake{Unusable: len(posts)}, nil
	}
	r, err := s.Ingest(ctx, events)
	if err != nil {
		return socialIntake{}, err
	}
	return socialIntake{Taken: r.Accepted, Known: r.Duplicate, Unusable: len(posts) - len(events) + len(r.Rejected)}, nil
}
