package sales

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/labstack/echo/v4"
	"rsc.io/qr"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// doorkeeper lets scanners' keys do what identity lets them: scan, at one event.
type doorkeeper struct{ event id.ID }

func (d doorkeeper) Allow(c echo.Context, r web.Right) error {
	name, ok := strings.CutPrefix(c.Request().Header.Get("Authorization"), "Bearer key-of-")
	if r != web.Public && (!ok || r != web.Scan) {
		return fault.E("test", fault.Unauthenticated, "this key is not known here", nil)
	}
	c.SetRequest(c.Request().WithContext(web.WithCaller(c.Request().Context(), web.Caller{Name: "key:" + name, Event: d.event.String()})))
	return nil
}

// gate is a site that scanners reach, until the line is cut.
type gate struct {
	URL   string
	cut   atomic.Bool
	slow  atomic.Bool           // answers take longer than a scanner waits
	event atomic.Pointer[id.ID] // for which scanners are enrolled
	keys  sync.Map              // which scanner is for which event, until it is revoked
}

// Allow is what identity does for the keys that the gate gave.
func (g *gate) Allow(c echo.Context, r web.Right) error {
	name := strings.TrimPrefix(c.Request().Header.Get("Authorization"), "Bearer key-of-")
	event, ok := g.keys.Load(name)
	if r == web.Public {
		return nil
	}
	if !ok {
		return fault.E("test", fault.Unauthenticated, "this key is not known here", nil)
	}
	return doorkeeper{event.(id.ID)}.Allow(c, r)
}

// enrolling stands in for identity: the code is the device's name; "used" is none.
func (g *gate) enrolling() web.Route {
	return web.Route{Method: "POST", Path: "/v1/scanners/enrol", Right: web.Public, Handler: func(c echo.Context) error {
		in, err := web.Bind[struct {
			Code string `json:"code"`
		}](c)
		if err != nil {
			return err
		}
		if in.Code == "used" {
			return fault.E("test", fault.Forbidden, "this code does not work, or no longer", nil)
		}
		event := *g.event.Load()
		g.keys.Store(in.Code, event)
		return c.JSON(http.StatusCreated, map[string]string{"name": in.Code, "event": event.String(), "secret": "key-of-" + in.Code})
	}}
}

func (h *house) gate(event id.ID) *gate {
	h.t.Helper()
	g := &gate{}
	g.event.Store(&event)
	site := webtest.NewSite(h.t, g, h.scanPages(), append(h.scanRoutes(), g.enrolling()))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.cut.Load() {
			panic(http.ErrAbortHandler)
		}
		site.ServeHTTP(w, r)
		if g.slow.Load() {
			time.Sleep(4 * time.Second)
		}
	}))
	h.t.Cleanup(server.Close)
	g.URL = server.URL
	return g
}

// phone is a browser that is a scanner.
type phone struct {
	*webtest.Browser
	t *testing.T
}

// scanner enrols a phone of that name; picture is a QR code before its camera, or "".
func (g *gate) scanner(t *testing.T, name, picture string) phone {
	t.Helper()
	flags := []chromedp.ExecAllocatorOption{chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("use-fake-device-for-media-stream", true)}
	if picture != "" {
		flags = append(flags, chromedp.Flag("use-file-for-fake-video-capture", film(t, picture)))
	}
	p := phone{webtest.NewBrowser(t, g.URL, flags...), t}
	p.Dress(390, "light")
	p.enrols(name)
	return p
}

// enrols scans the QR code of the page Scanners.
func (p phone) enrols(name string) {
	p.t.Helper()
	p.Open("/scan#" + name)
	p.Until(`document.documentElement.dataset.kept === "yes" && document.getElementById("net").textContent === "Online"`)
	p.Until(`location.hash === "" && document.getElementById("device").textContent === "` + name + `"`)
}

// film writes a video of a QR code that stands still, as Chromium's fake camera plays it.
func film(t *testing.T, text string) string {
	t.Helper()
	const w, h, module = 640, 480, 8
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	luma := bytes.Repeat([]byte{235}, w*h)
	left, top := (w-code.Size*module)/2, (h-code.Size*module)/2
	for y := range code.Size * module {
		for x := range code.Size * module {
			if code.Black(x/module, y/module) {
				luma[(top+y)*w+left+x] = 16
			}
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\n", w, h)
	for range 3 {
		b.WriteString("FRAME\n")
		b.Write(luma)
		b.Write(bytes.Repeat([]byte{128}, w*h/2))
	}
	path := filepath.Join(t.TempDir(), "code.y4m")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// offline takes the network from the phone, or gives it back.
func (p phone) offline(yes bool) {
	p.t.Helper()
	rules := []*network.Conditions{{Offline: yes, DownloadThroughput: -1, UploadThroughput: -1}}
	if _, err := chromedp.Call(p.Ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: rules}); err != nil {
		p.t.Fatal(err)
	}
	if _, err := chromedp.Call(p.Ctx, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: yes, DownloadThroughput: -1, UploadThroughput: -1}); err != nil {
		p.t.Fatal(err)
	}
}

// shown is the verdict on the phone.
type shown struct{ Kind, Word, Why, Detail string }

// gives types a code, or what is searched for, and sends it.
func (p phone) gives(text string) {
	p.t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Do(chromedp.Steps(chromedp.Evaluate[chromedp.Void](`document.getElementById("hand").value = ` + string(quoted) + `; document.getElementById("hand-form").requestSubmit(); void 0`)))
}

// click touches what has that id.
func (p phone) click(id string) {
	p.t.Helper()
	p.Do(chromedp.Click("#"+id, chromedp.NodeVisible))
}

// checks gives a code to the phone by hand and says what it shows.
func (p phone) checks(code string) (s shown) {
	p.t.Helper()
	p.gives(code)
	p.Until(`!document.getElementById("verdict").hidden`)
	return p.verdict()
}

// verdict reads what is shown, and touches Next.
func (p phone) verdict() (s shown) {
	p.t.Helper()
	text := p.Text(`JSON.stringify({Kind: document.getElementById("verdict").dataset.verdict, Word: document.getElementById("word").textContent,
		Why: document.getElementById("why").textContent, Detail: document.getElementById("detail").textContent})`)
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		p.t.Fatal(err)
	}
	p.Do(chromedp.Steps(chromedp.Evaluate[chromedp.Void](`document.getElementById("next").click(); void 0`)))
	return s
}

// refuses fails unless the phone says stop, for this reason.
func (p phone) refuses(code, why string) {
	p.t.Helper()
	if s := p.checks(code); s.Kind != "bad" || s.Word != "Stop" || !strings.Contains(s.Why, why) {
		p.t.Errorf("%+v, want: %s", s, why)
	}
}

// admits fails unless the phone lets in.
func (p phone) admits(code string) {
	p.t.Helper()
	if s := p.checks(code); s.Kind != "good" || s.Word != "Go in" {
		p.t.Errorf("%+v, want: go in", s)
	}
}
