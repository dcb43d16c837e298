package hub

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/template"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestAppAPI(t *testing.T) {
	d := newDesk(t)
	d.play(t, []scenario{
		{name: "none yet", method: "GET", path: "/v1/apps", status: 200, has: []string{`"items":[]`}},
		{name: "no app to register with", method: "PUT", path: "/v1/installations/a", body: apnsBody(1, ""), status: 404, has: []string{"POST /v1/apps"}},
		{name: "create", method: "POST", path: "/v1/apps", status: 201,
			body: `{"id":"festival","name":"Summer Festival","locale":"de-ch","zone":"Europe/Zurich","currency":"chf","quiet":{"from":"22:00","to":"07:00"},"cap":{"count":3,"hours":24}}`,
			has:  []string{`"locale":"de-CH"`, `"currency":"CHF"`, `"from":"22:00"`}},
		{name: "taken", method: "POST", path: "/v1/apps", body: `{"id":"festival","name":"x"}`, status: 409},
		{name: "read", method: "GET", path: "/v1/apps/festival", status: 200, has: []string{`"quiet":{"from":"22:00","to":"07:00"}`, `"cap":{"count":3,"hours":24}`}},
		{name: "replace", method: "PUT", path: "/v1/apps/festival", body: `{"name":"Festival"}`, status: 200,
			has: []string{`"locale":"en"`, `"zone":"UTC"`, `"currency":"EUR"`}, hasNot: []string{"quiet", "cap"}},
		{name: "read what was replaced", method: "GET", path: "/v1/apps/festival", status: 200, has: []string{`"locale":"en"`}, hasNot: []string{"quiet", "cap"}},
		{name: "every fault at once", method: "PUT", path: "/v1/apps/Bad_Id", status: 400,
			body: `{"name":" ","locale":"--","zone":"Local","currency":"E","quiet":{"from":"7:00","to":"07:00"},"cap":{"count":0,"hours":999}}`,
			has:  []string{`"id"`, `"name"`, `"locale"`, `"zone"`, `"currency"`, `"quiet.from"`, `"cap.count"`, `"cap.hours"`}},
		{name: "an unknown field", method: "POST", path: "/v1/apps", body: `{"id":"x","name":"x","langauge":"de"}`, status: 400, has: []string{"langauge"}}, //nolint:misspell // that is the fault
		{name: "unknown", method: "GET", path: "/v1/apps/opera", status: 404},
		{name: "register", method: "PUT", path: "/v1/installations/a", body: apnsBody(1, ""), status: 201},
		{name: "not while it is used", method: "DELETE", path: "/v1/apps/festival", status: 409, has: []string{"1 installations", "force=true"}},
		{name: "neither true nor false", method: "DELETE", path: "/v1/apps/festival?force=maybe", status: 400},
		{name: "by force", method: "DELETE", path: "/v1/apps/festival?force=true", status: 204},
		{name: "gone", method: "DELETE", path: "/v1/apps/festival", status: 404},
		{name: "and its installations", method: "PUT", path: "/v1/installations/a", body: apnsBody(1, `,"app":"festival"`), status: 404},
	})
}

func pkcs8(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func ecKey(t *testing.T, curve elliptic.Curve) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, key)
}

func apnsSecret(t *testing.T) APNsCredential {
	t.Helper()
	return APNsCredential{KeyPEM: ecKey(t, elliptic.P256()), KeyID: "ABCDE12345", TeamID: "TEAM567890", Topic: "org.example.festival"}
}

func serviceAccount(t *testing.T) json.RawMessage {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{"type": "service_account", "project_id": "festival-1", "private_key": pkcs8(t, key),
		"client_email": "push@festival-1.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCredentialAPI(t *testing.T) {
	d := newDesk(t, "festival")
	apns, account := apnsSecret(t), serviceAccount(t)
	wrongCurve := apns
	wrongCurve.KeyPEM, wrongCurve.KeyID, wrongCurve.TeamID, wrongCurve.Topic = ecKey(t, elliptic.P384()), "short", "", "a b"
	base := "/v1/apps/festival/credentials/"
	d.play(t, []scenario{
		{name: "none", method: "GET", path: base + "apns", status: 404},
		{name: "no such service", method: "GET", path: base + "sms", status: 404},
		{name: "apns", method: "PUT", path: base + "apns", body: jsonText(t, apns), status: 200, has: []string{`"key_id":"ABCDE12345"`, `"pace":0`}, hasNot: []string{"PRIVATE KEY"}},
		{name: "apns, shown", method: "GET", path: base + "apns", status: 200, has: []string{`"topic":"org.example.festival"`}, hasNot: []string{"PRIVATE KEY", "sealed"}},
		{name: "apns, every fault", method: "PUT", path: base + "apns", body: jsonText(t, wrongCurve), status: 400,
			has: []string{`"key_pem"`, `"key_id"`, `"team_id"`, `"topic"`, ".p8"}, hasNot: []string{"PRIVATE KEY-"}},
		{name: "fcm", method: "PUT", path: base + "fcm", body: fmt.Sprintf(`{"service_account":%s}`, account), status: 200,
			has: []string{`"project_id":"festival-1"`, `"pace":10000`}, hasNot: []string{"PRIVATE KEY"}},
		{name: "fcm with a pace", method: "PUT", path: base + "fcm", body: fmt.Sprintf(`{"service_account":%s,"pace":50}`, account), status: 200, has: []string{`"pace":50`}},
		{name: "fcm, the client's file instead", method: "PUT", path: base + "fcm", body: `{"service_account":{"project_info":{}},"pace":-1}`, status: 400,
			has: []string{`"service_account.type"`, `"service_account.private_key"`, `"service_account.client_email"`, `"pace"`}},
		{name: "web push, a key of its own", method: "PUT", path: base + "webpush", body: `{"subject":"mailto:push@example.org"}`, status: 200, has: []string{`"public_key":"B`}, hasNot: []string{"vapid_private_key"}},
		{name: "web push, faults", method: "PUT", path: base + "webpush", body: `{"vapid_private_key":"AAAA","subject":"nobody"}`, status: 400, has: []string{`"vapid_private_key"`, `"subject"`}},
		{name: "an unknown field", method: "PUT", path: base + "webpush", body: `{"subjekt":"x"}`, status: 400, has: []string{"subjekt"}},
		{name: "no such app", method: "PUT", path: "/v1/apps/opera/credentials/webpush", body: `{"subject":"mailto:push@example.org"}`, status: 404},
		{name: "delete", method: "DELETE", path: base + "webpush", status: 204},
		{name: "delete again", method: "DELETE", path: base + "webpush", status: 404},
		{name: "resume nothing", method: "POST", path: base + "webpush/resume", status: 404},
	})
}

func TestCredentialIsSealedAndPauses(t *testing.T) {
	d := newDesk(t, "festival", "opera")
	given := apnsSecret(t)
	stored, err := d.PutCredential(t.Context(), "festival", given)
	if err != nil {
		t.Fatal(err)
	}
	row, err := d.findCredential(t.Context(), "festival", "apns")
	if err != nil || bytes.Contains(row.Sealed, []byte("PRIVATE")) {
		t.Fatalf("the key is readable in the row (%v)", err)
	}
	opened, err := d.openCredential(t.Context(), "festival", push.APNs)
	if err != nil {
		t.Fatal(err)
	}
	var secret APNsCredential
	if err := json.Unmarshal(opened.Secret, &secret); err != nil || secret != given || opened.Version != stored.Version {
		t.Errorf("opened %+v %v", secret, err)
	}
	row.AppID = "opera" // a row copied to another app stays shut
	copyCredential(t, d, row)
	if _, err := d.openCredential(t.Context(), "opera", push.APNs); !fault.Is(err, fault.Internal) {
		t.Errorf("a sealed secret opens in another row: %v", err)
	}

	if err := d.pauseCredential(t.Context(), "festival", push.APNs, "InvalidProviderToken"); err != nil {
		t.Fatal(err)
	}
	version, pace, paused, err := d.credentialVersion(t.Context(), "festival", push.APNs)
	if err != nil || !paused || version != stored.Version+1 || pace != 0 {
		t.Errorf("after a pause: version %d, paused %v, %v", version, paused, err)
	}
	if err := d.pauseCredential(t.Context(), "festival", push.APNs, "again"); err != nil {
		t.Fatal(err)
	}
	if c, _ := d.Credential(t.Context(), "festival", push.APNs); c.PausedReason != "InvalidProviderToken" || c.Version != version {
		t.Errorf("a second pause changed the first: %+v", c)
	}
	if c, err := d.ResumeCredential(t.Context(), "festival", push.APNs); err != nil || c.PausedAt != nil || c.Version != version+1 {
		t.Errorf("resumed %+v %v", c, err)
	}
	if err := d.DeleteCredential(t.Context(), "festival", push.APNs); err != nil {
		t.Fatal(err)
	}
	d.clock.Advance(1e6)
	if c, err := d.PutCredential(t.Context(), "festival", given); err != nil || c.Version <= version+1 {
		t.Errorf("stored after a deletion, its version %d is not above the deleted one's %d (%v)", c.Version, version+1, err)
	}
}

func TestTemplateAPI(t *testing.T) {
	d := newDesk(t, "festival")
	d.play(t, []scenario{
		{name: "built in", method: "GET", path: "/v1/templates/alert", status: 200, has: []string{`"title":"$(title)"`}},
		{name: "create", method: "PUT", path: "/v1/templates/gates", status: 201,
			body: `{"bodies":{"apns":{"default":{"aps":{"alert":"$(msg)"}},"de-CH":{"aps":{"alert":"{'Tor: ' + $(msg)}"}}},"fcm":{"default":{"notification":{"title":"Hello $(name)"}}}}}`,
			has:  []string{`"de-ch"`, "bodies.fcm.default: "}},
		{name: "read", method: "GET", path: "/v1/templates/gates", status: 200, has: []string{`"de-ch":{"aps":{"alert":"{'Tor: ' + $(msg)}"}}`}},
		{name: "list", method: "GET", path: "/v1/templates", status: 200, has: []string{`"gates"`, `"alert"`}},
		{name: "replace drops what is not there any more", method: "PUT", path: "/v1/templates/gates", body: `{"bodies":{"webpush":{"de":{"t":"$(msg)"}}}}`, status: 200, has: []string{"readers of other languages"}},
		{name: "read again", method: "GET", path: "/v1/templates/gates", status: 200, hasNot: []string{"apns"}},
		{name: "every fault", method: "PUT", path: "/v1/templates/gates", status: 400,
			body: `{"bodies":{"apns":{"default":{"a":"$(x"},"zz-nope-x":{"a":1}},"sms":{"default":"x"},"fcm":{"default":{"token":"x"}}}}`,
			has:  []string{"bodies.apns.default", "bodies.sms", "bodies.fcm.default.token"}},
		{name: "no bodies", method: "PUT", path: "/v1/templates/gates", body: `{"bodies":{}}`, status: 400, has: []string{`"bodies"`}},
		{name: "delete", method: "DELETE", path: "/v1/templates/gates", status: 204},
		{name: "gone", method: "GET", path: "/v1/templates/gates", status: 404},
		{name: "built-in ones stay", method: "DELETE", path: "/v1/templates/alert", status: 404},
	})
}

// TestBuiltInAlert renders what is built in and looks at it as the services do.
func TestBuiltInAlert(t *testing.T) {
	d := newDesk(t, "festival")
	bodies, err := d.templateBodies(t.Context(), "festival", "alert")
	if err != nil {
		t.Fatal(err)
	}
	want := map[push.Service]string{
		push.APNs:    `{"aps":{"alert":{"title":"Gates","body":"Open \"now\""},"badge":3,"sound":"default","mutable-content":1},"url":"https://x/y","image":""}`,
		push.FCM:     `{"notification":{"title":"Gates","body":"Open \"now\""},"data":{"url":"https://x/y","image":"","badge":"3"}}`,
		push.WebPush: `{"title":"Gates","body":"Open \"now\"","url":"https://x/y","image":"","badge":3}`,
	}
	for service, text := range want {
		parsed, err := template.Parse([]byte(bodies[service]["default"]))
		if err != nil {
			t.Fatal(err)
		}
		props, err := template.NewProps(map[string]any{"title": "Gates", "body": `Open "now"`, "badge": "3", "url": "https://x/y"})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(parsed.Append(nil, props.For(template.Reader{Locale: "en"}), nil)); got != text || !json.Valid([]byte(got)) {
			t.Errorf("%s: %s, want %s", service, got, text)
		}
	}
	d.do("PUT", "/v1/templates/alert", `{"bodies":{"apns":{"default":{"own":true}}}}`)
	if bodies, err = d.templateBodies(t.Context(), "festival", "alert"); err != nil || len(bodies) != 1 || !strings.Contains(bodies[push.APNs]["default"], "own") {
		t.Errorf("a stored template does not take the built-in one's place: %v %v", bodies, err)
	}
}
