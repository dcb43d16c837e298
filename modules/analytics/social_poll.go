package analytics

import (
	"context"
	"errors"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/queue"
)

const (
	laneSocial = "social"

	jobPoll      = "analytics:poll-social" // ask one connector for new posts
	jobPollDue   = "analytics:poll-due"    // enqueue those whose time has come
	pollDueEvery = 30 * time.Second

	firstPoll = 10 * time.Minute // a connector's first poll takes posts of that age: older ones are no news
)

type pollPayload struct {
	Connector string `json:"connector"`
}

// socialJobs registers the polls. Each connector has a schedule of its own in
// analytics.social_poll.
func (s *Service) socialJobs(q *queue.Queue) {
	queue.On(q, jobPoll, func(ctx context.Context, p pollPayload) error { return s.Poll(ctx, p.Connector) })
	queue.On(q, jobPollDue, func(ctx context.Context, _ struct{}) error { return s.pollDue(ctx) })
	q.Every(pollDueEvery, func(time.Time) db.Job {
		return db.Job{Name: jobPollDue, Queue: laneSocial, Payload: struct{}{}, Timeout: time.Minute, Retries: -1}
	})
}

// pollDue enqueues the connectors whose time has come, and sets their next time,
// in one transaction: two replicas poll each once.
func (s *Service) pollDue(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		for _, c := range s.cfg.Social {
			if !c.polled() {
				continue
			}
			due, err := takeTurn(tx, c.Name, c.every())
			if err != nil {
				return err
			}
			if !due {
				continue
			}
			job := db.Job{Name: jobPoll, Queue: laneSocial, Payload: pollPayload{c.Name}, Timeout: 2 * fetchTimeout, Retries: -1}
			if err := tx.Enqueue(job); err != nil {
				return err
			}
		}
		return nil
	})
}

// Poll asks a connector for new posts and takes them in. A failure is noted for
// the page and left to the next turn. It is safe to run twice and at once: a post
// counts once, by its id.
func (s *Service) Poll(ctx context.Context, name string) error {
	c, err := s.connector(name)
	if err != nil || !c.polled() {
		return err
	}
	known, err := s.pollState(ctx, name)
	if err != nil {
		return err
	}
	next, err := s.pollOnce(ctx, c, known)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		s.log.Warn("cannot poll for posts", "connector", name, "error", err)
		return s.notePollFailed(ctx, c, said(err), retryAfter(err))
	}
	return s.notePolled(ctx, c, next)
}

// pollOnce gives the state after a poll.
func (s *Service) pollOnce(ctx context.Context, c Connector, known pollState) (pollState, error) {
	var posts []Post
	var err error
	first, known := known.PolledAt == nil, pollState{ETag: known.ETag, Modified: known.Modified, Newest: known.Newest}
	if c.Kind == kindMastodon {
		posts, known.Newest, err = s.readTag(ctx, c, known.Newest)
	} else {
		posts, err = s.readFeed(ctx, c, &known)
	}
	if err != nil {
		return known, err
	}
	if first {
		posts = since(posts, s.db.Now().Add(-firstPoll))
	}
	in, err := s.takePosts(ctx, c, posts)
	known.LastPosts = in.Taken
	return known, err
}

// readFeed asks a feed; no posts when it has not changed.
func (s *Service) readFeed(ctx context.Context, c Connector, known *pollState) ([]Post, error) {
	const accept = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.1"
	got, err := s.fetch.get(ctx, c.URL, accept, known.ETag, known.Modified)
	if err != nil || got.Unchanged {
		return nil, err
	}
	known.ETag, known.Modified = got.ETag, got.Modified
	return readFeed(got.Body)
}

// timelinePages bounds what one poll reads; the next goes on from there.
const timelinePages = 5

// readTag asks for the posts after the newest that is known, page by page, and
// gives the newest now.
func (s *Service) readTag(ctx context.Context, c Connector, newest string) (all []Post, now string, err error) {
	for range timelinePages {
		got, err := s.fetch.get(ctx, timelineURL(c.URL, c.Hashtag, newest), "application/json", "", "")
		if err != nil {
			return nil, newest, err
		}
		posts, last, n, err := readTimeline(got.Body)
		if err != nil {
			return nil, newest, err
		}
		all = append(all, posts...)
		known := newest != ""
		if longerOrGreater(last, newest) {
			newest = last
		}
		if n < mastodonPage || !known { // the first poll wants no history
			break
		}
	}
	return all, newest, nil
}

func since(posts []Post, from time.Time) (young []Post) {
	for _, p := range posts {
		if !p.At.Before(from) {
			young = append(young, p)
		}
	}
	return young
}

// said is what the page shows of an error: what is wrong and how to mend it.
func said(err error) string {
	text := fault.Message(err)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Fix != "" {
		text += "; " + f.Fix
	}
	return text
}

func retryAfter(err error) time.Duration {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.RetryAfter
	}
	return 0
}

// ConnectorState is a connector and how it fares, for the page.
type ConnectorState struct {
	Name     string     `json:"name"`
	Kind     string     `json:"kind"`
	Event    string     `json:"event"`
	PolledAt *time.Time `json:"polled_at"` // last poll or delivery
	Posts    int64      `json:"posts"`     // taken in, ever
	Last     int        `json:"last_posts"`
	Failures int        `json:"failures"` // in a row
	Error    string     `json:"error,omitempty"`
}

// Connectors lists the configured connectors, in their order.
func (s *Service) Connectors(ctx context.Context) ([]ConnectorState, error) {
	out := make([]ConnectorState, len(s.cfg.Social))
	for i, c := range s.cfg.Social {
		p, err := s.pollState(ctx, c.Name)
		if err != nil {
			return nil, err
		}
		out[i] = ConnectorState{Name: c.Name, Kind: c.Kind, Event: c.Event, PolledAt: p.PolledAt, Posts: p.Posts, Last: p.LastPosts, Failures: p.Failures, Error: p.Error}
	}
	return out, nil
}
