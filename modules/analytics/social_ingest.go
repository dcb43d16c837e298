package analytics

import (
	"context"
	"encoding/json"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/stream"
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

// takePosts makes events of a connector's posts and takes them in. It gives the
// number of those that are new: a post that comes again, from a replayed delivery or
// a poll that overlaps the last, is known by its id.
func (s *Service) takePosts(ctx context.Context, c Connector, posts []Post) (taken int, err error) {
	facts := make([]stream.Fact, len(posts))
	for i, p := range posts {
		event := orElse(p.Event, c.Event)
		data, err := json.Marshal(postData{event, clipped(p.Text), p.Lang, p.URL})
		if err != nil {
			return 0, fault.E("analytics.takePosts", fault.Internal, "cannot write a post", err)
		}
		facts[i] = stream.Fact{Type: socialPost, Key: event, Source: c.source(), SourceID: p.ID, Time: p.At.UTC(), Data: data}
	}
	fresh, err := s.stream.Append(ctx, facts)
	for _, is := range fresh {
		if is {
			taken++
		}
	}
	return taken, err
}
