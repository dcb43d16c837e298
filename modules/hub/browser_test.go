package hub

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"testing"

	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestPortalsBrowserIsAnInstallation(t *testing.T) {
	d := newDesk(t, "festival")
	ctx := t.Context()
	if _, err := d.BrowserKey(ctx, ""); !fault.Is(err, fault.NotFound) {
		t.Error("a key without a credential:", err)
	}
	if r := d.do("PUT", "/v1/apps/festival/credentials/webpush", `{"subject":"mailto:push@example.org"}`); r.status != 200 {
		t.Fatal(r)
	}
	if key, err := d.BrowserKey(ctx, ""); err != nil || len(key) != 87 || key[0] != 'B' {
		t.Errorf("%q %v", key, err)
	}
	own, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	subscription := [3]string{"https://updates.push.services.mozilla.com/wpush/v2/x", base64.RawURLEncoding.EncodeToString(own.PublicKey().Bytes()), base64.RawURLEncoding.EncodeToString(make([]byte, 16))}
	if err := d.PutBrowser(ctx, "", "b-1", "", "de", subscription, []string{"follow:jazz"}, "22:00", "07:00"); err != nil {
		t.Fatal(err)
	}
	tags, from, to, err := d.Browser(ctx, "", "b-1")
	if err != nil || !slices.Equal(tags, []string{"follow:jazz"}) || from != "22:00" || to != "07:00" {
		t.Errorf("%v %s %s %v", tags, from, to, err)
	}
	if err := d.ChangeBrowser(ctx, "", "b-1", nil, "22:00", ""); !fault.Is(err, fault.Invalid) {
		t.Error("half a quiet span:", err)
	}
	if err := d.ChangeBrowser(ctx, "", "b-1", []string{"follow:rock"}, "", ""); err != nil {
		t.Fatal(err)
	}
	in, err := d.Installation(ctx, "", "b-1")
	if err != nil || !slices.Equal(in.Tags, []string{"follow:rock"}) || in.Quiet != nil || in.Handle != subscription[0] || in.Locale != "de" {
		t.Errorf("%+v %v", in, err)
	}
	if err := d.ForgetBrowser(ctx, "", "b-1"); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := d.Browser(ctx, "", "b-1"); !fault.Is(err, fault.NotFound) {
		t.Error("it is still there:", err)
	}
}
