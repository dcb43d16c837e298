package h2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"pgregory.net/rapid"
)

// draw makes the request that a form is taken of.
func draw(address, body string, header ...string) *http.Request {
	req, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

// TestFormsAreRequests: whatever else goes over the connection, and whatever the peer does
// to its table, a form filled in arrives as the request that it was taken of would.
func TestFormsAreRequests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newConn(&pool{t: New(Config{})}, nil)
		dec := hpack.NewDecoder(tableSize, nil)
		forms := map[string]*Form{}
		for _, topic := range []string{"app", "another"} {
			var err error
			req := draw("https://push.example/x", "{}", "Apns-Topic", topic, "Authorization", "bearer 1", "Apns-Id", "sample")
			if forms[topic], err = NewForm(req, "Apns-Id", "Apns-Collapse-Id"); err != nil {
				t.Fatal(err)
			}
		}
		resized := false // the decoder takes only one change of size at once
		for i := range 30 {
			what := rapid.IntRange(0, 5).Draw(t, "what")
			if what == 0 && resized {
				continue
			}
			resized = what == 0
			switch what {
			case 0:
				size := rapid.SampledFrom([]uint32{0, 60, 200, 4096}).Draw(t, "table")
				if err := c.setting(http2.Setting{ID: http2.SettingHeaderTableSize, Val: size}); err != nil {
					t.Fatal(err)
				}
			case 1:
				st := &stream{}
				req := draw("https://push.example/other", "x", "X-Kind", fmt.Sprint(i%3))
				if err := st.prepare(req); err != nil {
					t.Fatal(err)
				}
				arrives(t, c, dec, st, ":method POST", "x-kind "+fmt.Sprint(i%3))
			default:
				topic := rapid.SampledFrom([]string{"app", "another"}).Draw(t, "topic")
				id := rapid.StringMatching("[a-z0-9]{1,40}").Draw(t, "id")
				want := []string{
					":method POST", ":scheme https", ":authority push.example", ":path /3/device/" + id, "apns-topic " + topic,
					"authorization bearer 1", "content-length 2", "user-agent usher", "apns-id " + id,
				}
				blanks := [MaxBlanks]string{id}
				if rapid.Bool().Draw(t, "collapse") {
					blanks[1] = "c" + id
					want = append(want, "apns-collapse-id c"+id)
				}
				st := &stream{}
				if err := st.fill(forms[topic], Filling{"/3/device/" + id, blanks, []byte("{}")}); err != nil {
					t.Fatal(err)
				}
				arrives(t, c, dec, st, want...)
				if st.listSize != listSize(want) {
					t.Fatalf("the list's size is %d, should be %d", st.listSize, listSize(want))
				}
			}
		}
	})
}

// arrives encodes st's request and compares what is decoded: all of want, and of a form
// nothing else.
func arrives(t *rapid.T, c *conn, dec *hpack.Decoder, st *stream, want ...string) {
	t.Helper()
	c.block.Reset()
	c.encode(&st.request)
	fields, err := dec.DecodeFull(c.block.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, f := range fields {
		got = append(got, f.Name+" "+f.Value)
		if i > 3 && strings.HasPrefix(f.Name, ":") {
			t.Fatalf("%s comes after a regular field: %v", f.Name, fields)
		}
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Fatalf("%q is missing in %q", w, got)
		}
	}
	if st.form != nil && len(got) != len(want) {
		t.Fatalf("%q, want %q", got, want)
	}
}

func listSize(fields []string) (n int) {
	for _, f := range fields {
		n += len(f) - 1 + fieldOverhead
	}
	return n
}

// TestSend: a form goes out and its answer comes back whole, with a body and without.
func TestSend(t *testing.T) {
	r := newRig(t, Config{})
	form, err := NewForm(draw(r.base, "", "Apns-Topic", "app"), "Apns-Id")
	if err != nil {
		t.Fatal(err)
	}
	type end struct {
		Answer
		err error
	}
	ends := make(chan end, 1)
	send := func(id, body string) {
		go func() {
			a, err := r.Send(t.Context(), form, Filling{"/3/device/" + id, [MaxBlanks]string{id}, []byte(body)})
			ends <- end{a, err}
		}()
	}
	send("1", "{}")
	p := r.accept()
	p.want("1 POST /3/device/1 end=false", "1 data 2 end=true")
	p.head(1, true, ":status: 200", "apns-id: 1", "server: it")
	if e := <-ends; e.err != nil || e.Status != 200 || len(e.Fields) != 0 || len(e.Body) != 0 || e.Cut != nil {
		t.Fatalf("%+v", e)
	}
	send("2", "")
	p.want("3 POST /3/device/2 end=true")
	p.head(3, false, ":status: 410", "content-type: application/json", "server: it") // by its place in the table
	p.must(p.WriteData(3, true, []byte(`{"reason":"Unregistered"}`)))
	if e := <-ends; e.err != nil || e.Status != 410 || string(e.Body) != `{"reason":"Unregistered"}` || e.Header().Get("Content-Type") != "application/json" || e.Field("server") != "it" {
		t.Fatalf("%+v", e)
	}
	send("3", "{}")
	p.want("5 POST /3/device/3 end=false", "5 data 2 end=true")
	p.must(p.WriteRSTStream(5, http2.ErrCodeInternal))
	if e := <-ends; e.err == nil {
		t.Fatalf("a stream that was reset has the answer %+v", e)
	}
	call := r.send("/", "") // whose sender may want to know anything
	p.want("7 GET / end=true")
	p.head(7, true, ":status: 200", "server: it")
	if call.want(200, ""); call.resp.Header.Get("Server") != "it" {
		t.Fatalf("%+v", call.resp)
	}
}

// TestSendEndsWithItsContext: requests that share a context end with it, on the wire and in
// the line, also such as come later; others go on.
func TestSendEndsWithItsContext(t *testing.T) {
	r := newRig(t, Config{MaxConns: 1})
	form, err := NewForm(draw(r.base, ""))
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithCancelCause(t.Context())
	long := t.Context()
	ends := map[string]chan error{}
	send := func(ctx context.Context, path string) {
		end := make(chan error, 1)
		ends[path] = end
		go func() {
			_, err := r.Send(ctx, form, Filling{Path: path})
			end <- err
		}()
	}
	send(short, "/1")
	p := r.accept(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 2})
	p.want("1 POST /1 end=true")
	send(long, "/2")
	p.want("3 POST /2 end=true")
	send(short, "/3")
	r.waiting(1)
	late := errors.New("too late")
	cancel(late)
	for _, path := range []string{"/1", "/3"} {
		if err := <-ends[path]; !errors.Is(err, late) {
			t.Errorf("%s: %v, want the context's cause", path, err)
		}
	}
	p.want("1 reset CANCEL")
	send(short, "/4")
	if err := <-ends["/4"]; !errors.Is(err, late) {
		t.Errorf("%v, want the context's cause", err)
	}
	p.ok(3, "")
	if err := <-ends["/2"]; err != nil {
		t.Error(err)
	}
}

// TestBadFillings: what is put into the blanks comes from strangers.
func TestBadFillings(t *testing.T) {
	tr := New(Config{})
	defer tr.Close()
	form, err := NewForm(draw("https://push.example/", ""), "Apns-Id")
	if err != nil {
		t.Fatal(err)
	}
	for name, filling := range map[string]Filling{
		"a line end":         {Path: "/", Blanks: [MaxBlanks]string{"1\r\nx: y"}},
		"no path":            {Blanks: [MaxBlanks]string{"1"}},
		"a path with spaces": {Path: "/a\nb", Blanks: [MaxBlanks]string{"1"}},
		"a relative path":    {Path: "a", Blanks: [MaxBlanks]string{"1"}},
		"too long":           {Path: "/", Blanks: [MaxBlanks]string{"1"}, Body: make([]byte, MaxRequest+1)},
	} {
		if _, err := tr.Send(t.Context(), form, filling); err == nil {
			t.Errorf("%s: sent", name)
		}
	}
	if _, err := NewForm(&http.Request{Method: "POST"}); err == nil {
		t.Error("a request without a URL has a form")
	}
	if _, err := NewForm(draw("https://push.example/", ""), "A", "B", "C", "D", "E"); err == nil {
		t.Error("a form may have any number of blanks")
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Send(t.Context(), form, Filling{Path: "/", Blanks: [MaxBlanks]string{"1"}}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
}
