package analytics

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"
	"golang.org/x/net/html"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// readFeed gives the posts of an RSS, Atom or JSON feed. Items without a date or
// anything to tell them by are left out. Errors: fault.Invalid.
func readFeed(body []byte) ([]Post, error) {
	feed, err := gofeed.NewParser().Parse(bytes.NewReader(body))
	if err != nil {
		return nil, fault.E("analytics.readFeed", fault.Invalid, "the answer is not an RSS or Atom feed", err)
	}
	var posts []Post
	for _, item := range feed.Items {
		p := Post{ID: orElse(item.GUID, item.Link), URL: item.Link, Lang: feed.Language, Text: item.Title}
		if d := item.DublinCoreExt; d != nil && len(d.Language) > 0 {
			p.Lang = d.Language[0]
		}
		if body := plainText(orElse(item.Content, item.Description)); body != "" && body != p.Text {
			p.Text = strings.TrimSpace(p.Text + "\n" + body)
		}
		switch {
		case item.PublishedParsed != nil:
			p.At = item.PublishedParsed.UTC()
		case item.UpdatedParsed != nil:
			p.At = item.UpdatedParsed.UTC()
		}
		if p.ID != "" && p.Text != "" && !p.At.IsZero() {
			posts = append(posts, p)
		}
	}
	return posts, nil
}

// status is a Mastodon post, as far as we read it.
// Source: docs.joinmastodon.org/entities/Status.
type status struct {
	ID        string    `json:"id"`
	URI       string    `json:"uri"` // the same on every server
	URL       string    `json:"url"`
	CreatedAt time.Time `json:"created_at"`
	Language  string    `json:"language"` // null when not stated
	Spoiler   string    `json:"spoiler_text"`
	Content   string    `json:"content"` // HTML
}

const mastodonPage = 40 // the most that a server gives at once

// timelineURL is the timeline of a hashtag: the page right after a post's id, or
// the newest one.
// Source: docs.joinmastodon.org/methods/timelines, GET /api/v1/timelines/tag/:hashtag.
func timelineURL(server, hashtag, newest string) string {
	q := url.Values{"limit": {strconv.Itoa(mastodonPage)}}
	if newest != "" {
		q.Set("min_id", newest)
	}
	return strings.TrimRight(server, "/") + "/api/v1/timelines/tag/" + url.PathEscape(hashtag) + "?" + q.Encode()
}

// readTimeline gives the posts of a page, the id of the newest, after which the next
// page begins, and how many there were, those we cannot use included.
// Errors: fault.Invalid.
func readTimeline(body []byte) (posts []Post, newest string, n int, err error) {
	var all []status
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, "", 0, fault.E("analytics.readTimeline", fault.Invalid, "the answer is not a Mastodon timeline", err)
	}
	for _, s := range all {
		if longerOrGreater(s.ID, newest) {
			newest = s.ID
		}
		text := strings.TrimSpace(s.Spoiler + "\n" + plainText(s.Content))
		if id := orElse(s.URI, s.ID); id != "" && text != "" && !s.CreatedAt.IsZero() {
			posts = append(posts, Post{ID: id, Text: text, Lang: s.Language, URL: s.URL, At: s.CreatedAt.UTC()})
		}
	}
	return posts, newest, len(all), nil
}

// longerOrGreater orders Mastodon's ids, which are numbers of any length as text.
func longerOrGreater(a, b string) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}

// plainText is what a reader sees of HTML: blocks become lines, scripts nothing.
func plainText(source string) string {
	if !strings.ContainsAny(source, "<&") {
		return strings.TrimSpace(source)
	}
	var b strings.Builder
	hidden := 0
	for z := html.NewTokenizer(strings.NewReader(source)); ; {
		kind := z.Next()
		name, _ := z.TagName()
		tag := string(name)
		switch kind {
		case html.ErrorToken:
			return strings.TrimSpace(b.String())
		case html.TextToken:
			if hidden == 0 {
				b.Write(z.Text())
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			if kind == html.StartTagToken && unseen(tag) {
				hidden++
			}
			if onNewLine(tag) {
				b.WriteByte('\n')
			}
		case html.EndTagToken:
			if hidden > 0 && unseen(tag) {
				hidden--
			}
		}
	}
}

// unseen reports whether a reader sees nothing of what is within a tag.
func unseen(tag string) bool { return tag == "script" || tag == "style" }

// onNewLine reports whether a tag begins a line.
func onNewLine(tag string) bool { return tag == "br" || tag == "p" || tag == "li" || tag == "div" }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
