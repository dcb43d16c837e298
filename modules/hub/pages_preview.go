package hub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/web"
)

// preview is a rendered message as its reader will see it.
type preview struct {
	Service   push.Service
	Name      string // of the service
	Locale    string // BCP 47, or "" when the content names none
	Direction string // of its text, "ltr" or "rtl"
	Title     string
	Body      string
	Image     string // address of a picture, shown by name: our policy loads none from elsewhere
	Silent    bool   // it shows nothing: data for the app alone
	Payload   string // indented
	Bytes     web.Number
	Limit     web.Number
	Used      float64 // of the limit, percent, at most 100
	Over      bool    // of the limit
	For       string  // installation it was rendered for, or ""
	Problem   string
}

// gallery is a notification's previews: some of each push service first, so that
// thirty languages do not hide the third service.
type gallery struct{ First, More []preview }

// shownFirst is how many previews of each push service come first.
const shownFirst = 2

// galleryOf prefers what real installations get, and faults before all.
func galleryOf(samples []Sample) gallery {
	var g gallery
	first := map[push.Service]int{}
	take := func(wanted func(preview) bool, rest []preview) (left []preview) {
		for _, p := range rest {
			if wanted(p) && (p.Over || p.Problem != "" || first[p.Service] < shownFirst) {
				first[p.Service]++
				g.First = append(g.First, p)
			} else {
				left = append(left, p)
			}
		}
		return left
	}
	all := make([]preview, len(samples))
	for i, s := range samples {
		all[i] = previewOf(s)
	}
	all = take(func(p preview) bool { return p.Over || p.Problem != "" }, all)
	all = take(func(p preview) bool { return p.For != "" }, all)
	g.More = take(func(preview) bool { return true }, all)
	slices.SortStableFunc(g.First, func(a, b preview) int { return serviceIndex(a.Service) - serviceIndex(b.Service) })
	return g
}

// previewOf reads a sample's payload the way the phone's system does.
func previewOf(s Sample) preview {
	p := preview{
		Service: s.Service, Name: serviceName(s.Service), Locale: s.Locale, Direction: direction(s.Locale), For: s.Installation, Problem: s.Problem,
		Bytes: web.Number(s.Bytes), Limit: web.Number(s.Limit), Over: s.Bytes > s.Limit, Used: min(share(int64(s.Bytes), int64(s.Limit)), 100),
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, s.Payload, "", "  ") == nil {
		p.Payload = pretty.String()
	}
	p.Title, p.Body, p.Image = shownText(s.Service, s.Payload)
	p.Silent = p.Title == "" && p.Body == "" && p.Problem == ""
	return p
}

// shownText is what of a payload its push service's system puts on the screen.
// Text that is nowhere in its usual place is "".
func shownText(service push.Service, payload json.RawMessage) (title, body, image string) {
	switch service {
	case push.APNs:
		// A plain string as alert is the body.
		alert := within(payload, "aps", "alert")
		if json.Unmarshal(alert, &body) == nil && body != "" {
			return "", body, text(payload, "image")
		}
		return text(alert, "title"), text(alert, "body"), text(payload, "image")
	case push.FCM:
		shown, own, data := within(payload, "notification"), within(payload, "android", "notification"), within(payload, "data")
		return firstText("title", own, shown, data), firstText("body", own, shown, data), firstText("image", own, shown, data)
	}
	shown := within(payload, "notification")
	return firstText("title", shown, payload), firstText("body", shown, payload), firstText("image", shown, payload)
}

// within follows names into nested objects; nil when the path ends early.
func within(raw json.RawMessage, path ...string) json.RawMessage {
	for _, name := range path {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			return nil
		}
		raw = object[name]
	}
	return raw
}

// text is the string or number under name in an object.
func text(raw json.RawMessage, name string) string {
	var v any
	if json.Unmarshal(within(raw, name), &v) != nil {
		return ""
	}
	switch v := v.(type) {
	case string:
		return v
	case float64, bool:
		return fmt.Sprint(v)
	}
	return ""
}

func firstText(name string, from ...json.RawMessage) string {
	for _, raw := range from {
		if s := text(raw, name); s != "" {
			return s
		}
	}
	return ""
}

// subjectOf is a short name for a notification, in its default language.
func subjectOf(n Notification) string {
	for _, name := range []string{"title", "Title", "body", "message"} {
		if s, ok := n.Draft.Properties[name].(string); ok && s != "" {
			return clip(s)
		}
	}
	for _, service := range push.Services {
		if title, body, _ := shownText(service, n.Draft.Native[service]); title+body != "" {
			return clip(orElse(title, body))
		}
	}
	return clip(orElse(n.Draft.Template, "Untitled"))
}
