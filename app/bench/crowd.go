package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
)

// crowd is the installations of one app, made one after the other.
type crowd struct {
	app     string
	n       int
	service func(i int) push.Service
	handles *pushtest.Services // makes handles; nothing is sent to it
	origin  string             // where Web Push subscriptions truly are
}

func onlyAPNs(int) push.Service { return push.APNs }

// mixture is 40 % APNs, 50 % FCM and 10 % Web Push.
func mixture(i int) push.Service {
	switch {
	case i%10 < 4:
		return push.APNs
	case i%10 < 9:
		return push.FCM
	}
	return push.WebPush
}

// person is the ith installation. tenth and city cut across the services.
type person struct {
	app, id, name, locale, zone string
	handle                      push.Handle
	tags                        []string
}

func (c crowd) person(i int) person {
	l := locales[i%len(locales)]
	p := person{
		app: c.app, id: fmt.Sprintf("%s-%d", c.app, i), name: fmt.Sprintf("Guest %d", i), locale: l.tag, zone: l.zone,
		handle: c.handles.Handle(c.service(i), i, ""),
		tags:   []string{fmt.Sprintf("tenth:%d", i/10%10), fmt.Sprintf("city:%d", i/7%200), fmt.Sprintf("genre:%d", i/3%20)},
	}
	if i/11%50 == 0 {
		p.tags = append(p.tags, "vip")
	}
	if rest, ok := strings.CutPrefix(p.handle.Value, c.handles.WebPushOrigin()); ok {
		p.handle.Value = c.origin + rest
	}
	return p
}

// appendJSON writes the person as the API takes it. Nothing in it needs escaping.
func (p person) appendJSON(dst []byte) []byte {
	dst = fmt.Appendf(dst, `{"app":%q,"id":%q,"kind":%q,"handle":%q,"locale":%q,"zone":%q,"tags":["%s"],"attributes":{"name":%q}`,
		p.app, p.id, p.handle.Kind, p.handle.Value, p.locale, p.zone, strings.Join(p.tags, `","`), p.name)
	if p.handle.P256dh != "" {
		dst = fmt.Appendf(dst, `,"p256dh":%q,"auth":%q`, p.handle.P256dh, p.handle.Auth)
	}
	return append(dst, '}')
}

// ndjson is everybody, a line each.
func (c crowd) ndjson() io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		out := bufio.NewWriterSize(w, 1<<20)
		var line []byte
		var err error
		for i := 0; i < c.n && err == nil; i++ {
			line = append(c.person(i).appendJSON(line[:0]), '\n')
			_, err = out.Write(line)
		}
		w.CloseWithError(errors.Join(err, out.Flush()))
	}()
	return r
}

// arrive imports the crowd through the public API.
func (c crowd) arrive(ctx context.Context, a api) (time.Duration, error) {
	body := c.ndjson()
	defer body.Close()
	var t hub.Transfer
	start := time.Now()
	path := "/v1/imports?" + url.Values{"app": {c.app}, "format": {"ndjson"}}.Encode()
	if err := a.call(ctx, http.MethodPost, path, body, &t); err != nil {
		return 0, err
	}
	if t.Accepted != int64(c.n) {
		return 0, fmt.Errorf("the import took %d of %d installations, first fault: %v", t.Accepted, c.n, t.Faults)
	}
	return time.Since(start), nil
}
