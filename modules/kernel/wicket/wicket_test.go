package wicket

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// house is a server behind a wicket, whose handler tells what it was asked, and by whom
// it was read.
type house struct {
	*Wicket
	door  string
	begun chan bool // a request to stay has begun
	leave chan bool
}

func open(t *testing.T) *house {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{door: l.Addr().String(), begun: make(chan bool), leave: make(chan bool)}
	h.Wicket = Listen(l, Config{Paths: []string{"/v1/orders", "/v1/stay", "/v1/fall", "/v1/nothing"}, Handler: http.HandlerFunc(h.serve), Context: t.Context(),
		First: time.Minute, Idle: time.Minute, Write: time.Minute})
	server := &http.Server{Handler: http.HandlerFunc(h.serve)}
	go func() { _ = server.Serve(h.Wicket) }()
	t.Cleanup(func() {
		_ = server.Close()
		_ = h.Shutdown(context.Background())
	})
	return h
}

func (h *house) serve(w http.ResponseWriter, r *http.Request) {
	if _, ours := w.(*answer); ours {
		w.Header().Set("Read-By", "wicket")
	}
	switch r.URL.Path {
	case "/v1/stay":
		h.begun <- true
		<-h.leave
	case "/v1/fall":
		panic(http.ErrAbortHandler)
	case "/v1/nothing":
		w.WriteHeader(http.StatusNoContent)
		return
	}
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Told", "one\nline")
	w.Header().Add("Set-Cookie", "a=1")
	w.Header().Add("Set-Cookie", "b=2")
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, "%s %s %s %s %q", r.Method, r.RequestURI, r.Host, r.Header.Get("X-Forwarded-For"), body)
}

// caller is one connection.
type caller struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func call(t *testing.T, door string) *caller {
	t.Helper()
	c, err := net.Dial("tcp", door)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return &caller{t, c, bufio.NewReader(c)}
}

func (c *caller) say(raw string) { _, _ = io.WriteString(c, raw) }

// hear reads an answer: status, headers but for the date and who read the request, body.
func (c *caller) hear() (told, by string) {
	c.t.Helper()
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if _, wrong := http.ParseTime(res.Header.Get("Date")); err != nil || wrong != nil {
		c.t.Fatal(err, wrong)
	}
	by = res.Header.Get("Read-By")
	res.Header.Del("Date")
	res.Header.Del("Read-By")
	return fmt.Sprintf("%s %d %v %d %s", res.Status, res.ContentLength, res.Header, len(res.TransferEncoding), body), by
}

func to(path string) string { return strings.Replace(order, "/v1/orders", path, 1) }

// The same requests over one connection each, with and without a wicket in front.
func TestAnswersAreThoseOfNetHTTP(t *testing.T) {
	h := open(t)
	plain := httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(plain.Close)
	ours, theirs := call(t, h.door), call(t, strings.TrimPrefix(plain.URL, "http://"))
	wicketRead := 0
	for i, raw := range []string{order, to("/v1/nothing"), order, strings.ReplaceAll(order, "event", "EVENT"), to("/v1/elsewhere"), order, order + order} {
		for range strings.Count(raw, "HTTP/1.1") {
			ours.say(raw)
			theirs.say(raw)
			raw = ""
			got, by := ours.hear()
			want, _ := theirs.hear()
			if got != want {
				t.Errorf("request %d: %s, without a wicket %s", i, got, want)
			}
			if by != "" {
				wicketRead++
			}
		}
	}
	// The fifth is for net/http, which keeps the connection.
	if wicketRead != 4 {
		t.Errorf("the wicket read %d requests, not the first 4", wicketRead)
	}
}

// What is unusual is answered as without a wicket, whatever the answer is.
func TestUnusualRequestsAreAnswered(t *testing.T) {
	h := open(t)
	plain := httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(plain.Close)
	for _, raw := range unusualRequests {
		both := [2]string{}
		for i, door := range []string{h.door, strings.TrimPrefix(plain.URL, "http://")} {
			c := call(t, door)
			c.say(raw)
			_ = c.Conn.(*net.TCPConn).CloseWrite()
			answer, _ := io.ReadAll(c)
			for line := range strings.Lines(string(answer)) {
				if !strings.HasPrefix(line, "Date: ") {
					both[i] += line
				}
			}
		}
		if both[0] != both[1] {
			t.Errorf("%q is answered with %q, without a wicket %q", raw, both[0], both[1])
		}
	}
}

func TestARequestInTwoPiecesIsAnswered(t *testing.T) {
	c := call(t, open(t).door)
	c.say(order[:100])
	time.Sleep(20 * time.Millisecond)
	c.say(order[100:])
	if told, by := c.hear(); by != "" || !strings.HasPrefix(told, "201 ") {
		t.Errorf("answered %q, read by %q", told, by)
	}
}

// A handler that gives up takes its connection with it, and no other.
func TestAHandlerThatGivesUp(t *testing.T) {
	h := open(t)
	other, c := call(t, h.door), call(t, h.door)
	c.say(to("/v1/fall"))
	if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil {
		t.Errorf("heard %q, %v", rest, err)
	}
	other.say(order)
	other.hear()
}

// A house that closes answers what has begun, says that it was the last, and sends
// home who only waits.
func TestShutdownFinishesWhatHasBegun(t *testing.T) {
	h := open(t)
	waiting, busy := call(t, h.door), call(t, h.door)
	waiting.say(order)
	waiting.hear()
	busy.say(to("/v1/stay"))
	<-h.begun
	_ = h.Close()
	over := make(chan error)
	go func() { over <- h.Shutdown(context.Background()) }()
	if rest, err := io.ReadAll(waiting); len(rest) > 0 || err != nil {
		t.Errorf("who waited heard %q, %v", rest, err)
	}
	select {
	case <-over:
		t.Error("the house closed over a request")
	default:
	}
	h.leave <- true
	rest, err := io.ReadAll(busy)
	if err != nil || !strings.HasPrefix(string(rest), "HTTP/1.1 201 ") || !strings.Contains(string(rest), "Connection: close\r\n") {
		t.Errorf("heard %q, %v", rest, err)
	}
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// When there is no more time, what goes on is cut off.
func TestShutdownCutsOff(t *testing.T) {
	h := open(t)
	c := call(t, h.door)
	c.say(to("/v1/stay"))
	<-h.begun
	_ = h.Close()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Shutdown(now); err == nil {
		t.Error("nothing was cut off")
	}
	if rest, _ := io.ReadAll(c); len(rest) > 0 {
		t.Errorf("heard %q", rest)
	}
	h.leave <- true
}

// Who connects and says nothing is sent home.
func TestASilentConnectionEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := Listen(l, Config{Context: t.Context(), First: 20 * time.Millisecond, Idle: time.Minute, Write: time.Minute})
	t.Cleanup(func() { _ = w.Close() })
	if rest, err := io.ReadAll(call(t, l.Addr().String())); len(rest) > 0 || err != nil {
		t.Errorf("heard %q, %v", rest, err)
	}
}
