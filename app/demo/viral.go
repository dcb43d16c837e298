package demo

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/pricing"
)

// sayings are what fans post.
var sayings = []struct{ lang, text string }{
	{"en", "River Festival line-up just dropped and it is amazing, see you there!"},
	{"de", "Das Fluss-Festival hat das beste Line-up des Jahres, ich freue mich riesig!"},
	{"en", "Got my weekend ticket for the River Festival, so happy"},
	{"en", "Wow, the headliner of the River Festival. Wonderful news"},
	{"de", "Karten gekauft, wunderbar, bis bald am Fluss!"},
}

const viralPosts = 60

// viral lets a wave of posts come in by the signed webhook, and a wave of buyers after it.
func (f *Festival) viral(ctx context.Context) error {
	f.shop.come(buyersEach / 6)
	for sent := 0; sent < viralPosts; {
		var posts []map[string]any
		for range 5 {
			s := sayings[sent%len(sayings)]
			posts = append(posts, map[string]any{"id": fmt.Sprintf("post-%d-%d", f.Seed, sent), "text": s.text, "lang": s.lang, "event": Slug, "created_at": time.Now().UTC()})
			sent++
		}
		n, err := f.post(ctx, posts)
		if err != nil {
			return err
		}
		f.posts += n
		if err := sleep(ctx, f.span(3*time.Second)); err != nil {
			return err
		}
	}
	if err := sleep(ctx, f.span(40*time.Second)); err != nil {
		return err
	}
	// The promoter has a look too; the guard-rails hold for him as for the detector.
	return f.client.call(ctx, "POST", "/v1/pricing/events/"+f.shop.event.ID.String()+"/decide", nil, nil)
}

// post delivers posts as a social network's webhook does, signed. It returns how many were new.
func (f *Festival) post(ctx context.Context, posts []map[string]any) (int64, error) {
	body, err := json.Marshal(map[string]any{"posts": posts})
	if err != nil {
		return 0, fault.E(op, fault.Internal, "cannot write the posts", err)
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(f.Secret))
	mac.Write([]byte(at + "."))
	mac.Write(body)
	var done struct {
		Accepted int64 `json:"accepted"`
	}
	head := http.Header{"X-Usher-Timestamp": {at}, "X-Usher-Signature": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}
	err = f.client.sendWith(ctx, "POST", "/v1/social/"+Connector, "application/json", body, head, &done)
	return done.Accepted, err
}

// moves are the changes of prices so far.
func (f *Festival) moves(ctx context.Context) (n int64, err error) {
	var list struct{ Items []pricing.Decision }
	err = f.client.call(ctx, "GET", "/v1/pricing/decisions?moves=yes&limit=500", nil, &list)
	for _, d := range list.Items {
		if d.Outcome == pricing.Changed {
			n++
		}
	}
	return n, err
}

func (f *Festival) toldViral() web.Text {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	moved, err := f.moves(ctx)
	if err != nil {
		return web.T("%v posts came in.", web.Number(f.posts))
	}
	return web.T("%v posts came in, and prices moved %v times so far.", web.Number(f.posts), web.Number(moved))
}
