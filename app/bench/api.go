package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// api is Usher's public API.
type api struct{ url, key string }

// call sends body (JSON, or an io.Reader as it is) and reads the answer into out.
func (a api) call(ctx context.Context, method, path string, body, out any) error {
	in, err := reader(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, in)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+a.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 2000))
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, text)
	}
	if stream, ok := out.(func(io.Reader) error); ok {
		return stream(res.Body)
	}
	if out != nil {
		return json.NewDecoder(res.Body).Decode(out)
	}
	_, err = io.Copy(io.Discard, res.Body) // so that the connection is used again
	return err
}

// post sends body as JSON of a media type.
func (a api) post(ctx context.Context, path, kind string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+a.key)
	req.Header.Set("Content-Type", kind)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 2000))
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("POST %s: %s: %s", path, res.Status, text)
	}
	return err
}

func reader(body any) (io.Reader, error) {
	switch b := body.(type) {
	case nil:
		return nil, nil
	case io.Reader:
		return b, nil
	}
	raw, err := json.Marshal(body)
	return bytes.NewReader(raw), err
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// put is one PUT of the set-up.
type put struct {
	path string
	body any
}

// setUp makes an app with its credentials and the personalised template "news".
// FCM's default pace, 10,000 a second, is lifted: it is Google's quota, not a cost
// of ours.
func (a api) setUp(ctx context.Context, app string, near, apns *services) error {
	base := "/v1/apps/" + app
	steps := []put{
		{base, map[string]any{"name": "Benchmark " + app, "locale": "en", "zone": "Europe/Berlin", "currency": "EUR"}},
		{base + "/credentials/apns", map[string]any{"key_pem": apns.APNsKeyPEM, "key_id": apns.APNsKeyID, "team_id": apns.APNsTeamID, "topic": apns.APNsTopic}},
		{base + "/credentials/fcm", map[string]any{"service_account": near.ServiceAccount, "pace": 0}},
		{base + "/credentials/webpush", map[string]any{"subject": "mailto:bench@usher.example"}},
		{"/v1/templates/news", map[string]any{"app": app, "bodies": news()}},
	}
	for _, s := range steps {
		if err := a.call(ctx, http.MethodPut, s.path, s.body, nil); err != nil {
			return err
		}
	}
	return nil
}

// locales of the crowd, and how the news greets in each.
var locales = []struct{ tag, zone, greeting string }{
	{"en", "Europe/London", "Hello, "},
	{"de", "Europe/Berlin", "Hallo, "},
	{"fr", "Europe/Paris", "Bonjour, "},
	{"es", "Europe/Madrid", "Hola, "},
	{"it", "Europe/Rome", "Ciao, "},
}

// news is a template in every locale for every service, personal by $(name).
func news() map[string]map[string]any {
	bodies := map[string]map[string]any{"apns": {}, "fcm": {}, "webpush": {}}
	for _, l := range locales {
		tag := l.tag
		if tag == "en" {
			tag = "default"
		}
		title := "{'" + l.greeting + "' + $(name)}"
		text := map[string]any{"title": title, "body": "$(text)"}
		bodies["apns"][tag] = map[string]any{"aps": map[string]any{"alert": text, "sound": "default"}, "url": "$(url)"}
		bodies["fcm"][tag] = map[string]any{"notification": text, "data": map[string]any{"url": "$(url)"}}
		bodies["webpush"][tag] = map[string]any{"title": title, "body": "$(text)", "url": "$(url)"}
	}
	return bodies
}

// newsTo is the draft of a notification to a tag expression of an app.
func newsTo(app, tags string) map[string]any {
	return map[string]any{
		"app": app, "tags": tags, "template": "news",
		"properties": map[string]any{"text": "The gates open at six. The first band plays at seven.", "url": "https://festival.example/tonight"},
	}
}
