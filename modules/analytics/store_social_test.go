package analytics

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// network is a server that feeds and Mastodon timelines are polled from.
type network struct {
	*httptest.Server
	mu     sync.Mutex
	answer http.HandlerFunc
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{}
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		answer := n.answer
		n.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(n.Close)
	return n
}

func (n *network) says(answer http.HandlerFunc) { n.mu.Lock(); defer n.mu.Unlock(); n.answer = answer }

func (n *network) host() string { return strings.TrimPrefix(n.URL, "http://") }

// poller is a process with one connector to the network.
func (r watchRig) poller(n *network, c Connector) *Service {
	r.t.Helper()
	cfg := Defaults()
	c.Name, c.Event, c.URL = "net", "gig", n.URL+c.URL
	cfg.Social, cfg.SocialHosts = []Connector{c}, []string{n.host()}
	return r.served(cfg)
}

func (r watchRig) served(cfg Config) *Service {
	r.t.Helper()
	s := r.watcher(cfg, nil)
	r.t.Cleanup(s.Close)
	return s
}

// posts are the texts of the posts in the log, in order.
func (r watchRig) posts() (texts []string) {
	r.t.Helper()
	rows, err := r.db.Pool().Query(r.t.Context(), `SELECT data->>'text' FROM stream.log WHERE type = $1 AND key = 'gig' ORDER BY time, source_id`, socialPost)
	r.must(err)
	defer rows.Close()
	for rows.Next() {
		var text string
		r.must(rows.Scan(&text))
		texts = append(texts, strings.SplitN(text, "\n", 2)[0])
	}
	r.must(rows.Err())
	return texts
}

func (r watchRig) state(s *Service) ConnectorState {
	r.t.Helper()
	list, err := s.Connectors(r.t.Context())
	r.must(err)
	return list[0]
}

func TestFeedIsPolledWithoutRepetition(t *testing.T) {
	r := newWatchRig(t)
	n := newNetwork(t)
	s := r.poller(n, Connector{Kind: kindFeed, URL: "/feed"})
	n.says(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("If-None-Match") == `"v1"` && req.Header.Get("If-Modified-Since") == "Mon, 01 Jun 2026 11:55:00 GMT" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Last-Modified", "Mon, 01 Jun 2026 11:55:00 GMT")
		_, _ = w.Write(sample(t, "feed.rss"))
	})
	for range 2 {
		r.must(s.Poll(t.Context(), "net"))
		if got := fmt.Sprint(r.posts()); got != "[Rain? Doors at seven]" {
			t.Error(got)
		}
	}
	if st := r.state(s); st.Posts != 2 || st.Last != 0 || st.PolledAt == nil || st.Failures != 0 {
		t.Errorf("%+v", st)
	}
	_, err := r.db.Pool().Exec(t.Context(), `UPDATE analytics.social_poll SET etag = '', posts = 0`)
	r.must(err) // as after a crash between the posts and the note: everything comes again
	r.must(s.Poll(t.Context(), "net"))
	if st := r.state(s); len(r.posts()) != 2 || st.Posts != 0 {
		t.Errorf("%v, %+v", r.posts(), st)
	}
}

func TestTimelineIsPolledFromWhereItWasLeft(t *testing.T) {
	r := newWatchRig(t)
	n := newNetwork(t)
	s := r.poller(n, Connector{Kind: kindMastodon, Hashtag: "summerfest"})
	post := func(no int) string {
		return fmt.Sprintf(`{"id": "%d", "uri": "https://s.example/%d", "created_at": "2026-06-01T11:5%d:00Z", "language": "en", "content": "<p>post %d</p>"}`, no, no, no/20, no)
	}
	n.says(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/api/v1/timelines/tag/summerfest" || req.URL.Query().Get("limit") != "40" {
			t.Errorf("asked for %s", req.URL)
		}
		var page []string
		switch req.URL.Query().Get("min_id") {
		case "":
			page = []string{post(99), post(98)}
		case "99":
			for no := 139; no >= 100; no-- { // a full page: there is more
				page = append(page, post(no))
			}
		case "139":
			page = []string{post(140)}
		default:
			t.Errorf("asked for %s", req.URL)
		}
		fmt.Fprintf(w, "[%s]", strings.Join(page, ","))
	})
	r.must(s.Poll(t.Context(), "net"))
	if got := fmt.Sprint(r.posts()); got != "[post 98 post 99]" {
		t.Error(got)
	}
	r.must(s.Poll(t.Context(), "net"))
	if st := r.state(s); len(r.posts()) != 43 || st.Last != 41 || st.Posts != 43 {
		t.Errorf("%d posts, %+v", len(r.posts()), st)
	}
}

// What is polled first is not what happened just now.
func TestFirstPollTakesNoHistory(t *testing.T) {
	r := newWatchRig(t)
	n := newNetwork(t)
	s := r.poller(n, Connector{Kind: kindMastodon, Hashtag: "summerfest"})
	r.clock.Advance(9 * time.Minute)
	n.says(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(sample(t, "timeline.json")) })
	r.must(s.Poll(t.Context(), "net"))
	if got := r.posts(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestConnectorsSayWhatIsWrong(t *testing.T) {
	r := newWatchRig(t)
	n := newNetwork(t)
	s := r.poller(n, Connector{Kind: kindFeed, URL: "/feed"})
	elsewhere := newNetwork(t)
	elsewhere.says(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
	for i, tc := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"moved", func(w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, elsewhere.URL, http.StatusFound) }, "it has moved; put the new address into config.yaml"},
		{"gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, "404"},
		{"down", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "502"},
		{"busy", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1800")
			w.WriteHeader(http.StatusTooManyRequests)
		}, "too many requests"},
		{"no feed", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }, "not an RSS or Atom feed"},
		{"endless", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxFetched+1)) }, "larger than 2 MB"},
	} {
		n.says(tc.answer)
		r.must(s.Poll(t.Context(), "net"))
		if st := r.state(s); !strings.Contains(st.Error, tc.want) || st.Failures != i+1 {
			t.Errorf("%s: %+v", tc.name, st)
		}
		if tc.name == "busy" {
			r.clock.Advance(29 * time.Minute)
			if n := r.enqueued(s); n != 0 {
				t.Error("the server's wish was not heard")
			}
			r.clock.Advance(2 * time.Minute)
			if n := r.enqueued(s); n != 1 {
				t.Errorf("%d polls after its wish", n)
			}
		}
	}
	n.says(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(sample(t, "feed.atom")) })
	r.must(s.Poll(t.Context(), "net"))
	if st := r.state(s); st.Error != "" || st.Failures != 0 {
		t.Errorf("%+v", st)
	}
}

// enqueued is how many polls are due now.
func (r watchRig) enqueued(s *Service) (n int) {
	r.t.Helper()
	r.must(s.pollDue(r.t.Context()))
	r.must(r.db.Pool().QueryRow(r.t.Context(), `WITH gone AS (DELETE FROM queue.outbox WHERE name = $1 RETURNING 1) SELECT count(*) FROM gone`, jobPoll).Scan(&n))
	return n
}

func TestEachConnectorHasItsTurns(t *testing.T) {
	r := newWatchRig(t)
	cfg := Defaults()
	cfg.Social = []Connector{
		{Name: "often", Kind: kindFeed, Event: "a", URL: "https://example.org/a", Every: time.Minute},
		{Name: "seldom", Kind: kindFeed, Event: "b", URL: "https://example.org/b", Every: time.Hour},
		{Name: "hook", Kind: kindWebhook, Secret: strings.Repeat("s", minSecret)},
	}
	s := r.served(cfg)
	for _, want := range []int{2, 0} {
		if n := r.enqueued(s); n != want {
			t.Errorf("%d polls, want %d", n, want)
		}
	}
	r.clock.Advance(time.Minute)
	if n := r.enqueued(s); n != 1 {
		t.Errorf("%d polls after a minute", n)
	}
}

func TestPrivateAddressesAreNotAsked(t *testing.T) {
	r := newWatchRig(t)
	n := newNetwork(t)
	n.says(func(http.ResponseWriter, *http.Request) { t.Error("a private address was asked") })
	cfg := Defaults()
	cfg.Social = []Connector{{Name: "net", Kind: kindFeed, Event: "gig", URL: n.URL}}
	s := r.served(cfg)
	r.must(s.Poll(t.Context(), "net"))
	if st := r.state(s); !strings.Contains(st.Error, "cannot reach") {
		t.Errorf("%+v", st)
	}
}
