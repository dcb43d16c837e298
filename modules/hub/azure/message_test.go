package azure

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/cert"
	"github.com/usherhq/usher/modules/kernel/fault"
)

const goodBatch = "--b\r\nContent-type: application/json\r\nContent-Disposition: inline; name=notification\r\n\r\n{}\r\n--b\r\n" +
	"Content-type: application/json\r\nContent-Disposition: inline; name=devices\r\n\r\n[\"a\",\"b\"]\r\n--b--"

func TestReadBatch(t *testing.T) {
	for _, header := range []string{`multipart/mixed; boundary = "b"`, `multipart/mixed; boundary="b"`, "multipart/mixed;boundary=b"} {
		b, err := readBatch(header, []byte(goodBatch))
		if err != nil || string(b.body) != "{}" || len(b.devices) != 2 {
			t.Errorf("%s: %+v %v", header, b, err)
		}
	}
	many := strings.Repeat(`"a",`, maxDevices) + `"a"`
	for name, body := range map[string]string{
		"cut": goodBatch[:60], "one part": strings.Split(goodBatch, "--b\r\nContent-type: application/json\r\nContent-Disposition: inline; name=devices")[0] + "--b--",
		"no list": strings.Replace(goodBatch, `["a","b"]`, `{}`, 1), "no handles": strings.Replace(goodBatch, `["a","b"]`, `[]`, 1),
		"too many": strings.Replace(goodBatch, `"a","b"`, many, 1), "no names": strings.ReplaceAll(goodBatch, "; name=", "; nom="),
	} {
		if _, err := readBatch("multipart/mixed; boundary=b", []byte(body)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadBatch(f *testing.F) {
	f.Add("multipart/mixed; boundary=b", []byte(goodBatch))
	f.Add(`multipart/mixed; boundary = "b"`, []byte("--b\r\n\r\n--b--"))
	f.Add("text/plain", []byte{})
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		b, err := readBatch(header, body)
		if err != nil && !fault.Is(err, fault.Invalid) || err == nil && (len(b.devices) < 1 || len(b.devices) > maxDevices) {
			t.Fatalf("%q %q: %+v %v", header, body, b, err)
		}
	})
}

func TestLegacyMessagesBecomeV1(t *testing.T) {
	var d hub.Draft
	got, err := fromLegacy([]byte(`{"data":{"n":7,"b":true,"o":{"x":1},"s":"t","z":null},"notification":{"title":"T","android_channel_id":"c","badge":"1","body_loc_args":"[\"a\"]"},
		"priority":"normal","collapse_key":"k","time_to_live":0,"restricted_package_name":"p"}`), &d)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"android":{"notification":{"body_loc_args":["a"],"channel_id":"c"},"restricted_package_name":"p"},"data":{"b":"true","n":"7","o":"{\"x\":1}","s":"t","z":""},"notification":{"title":"T"}}`
	if string(got) != want || d.Priority != "normal" || d.Collapse != "k" || d.TTLSeconds != 1 {
		t.Errorf("%s %+v", got, d)
	}
	for _, bad := range []string{"", "[]", "{}", `{"data":1}`, `{"notification":{"body_loc_args":"x"}}`} {
		if _, err := fromLegacy([]byte(bad), &d); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestFiltersAreRead(t *testing.T) {
	for filter, want := range map[string]string{
		"":                               " ",
		"DeviceToken eq 'ABCD'":          "apns abcd",
		"GcmRegistrationId eq 't:1'":     "fcm_token t:1",
		"FcmV1RegistrationId eq 'it''s'": "fcm_token it's",
		"BaiduChannelId eq c1' and BaiduUserId eq 'u1'":                       "baidu u1-c1",
		"Endpoint eq 'https%3A%2F%2Fx%2Fy' and P256DH eq 'p' and Auth eq 'a'": "webpush https://x/y",
		"ChannelUri eq 'https%3A%2F%2Fx%2F%3Ft%3Da%252fb'":                    " https://x/?t=a%2fb",
	} {
		q, err := readFilter(filter)
		if err != nil || q.Kind+" "+q.Handle != want {
			t.Errorf("%q: %q %q %v, want %q", filter, q.Kind, q.Handle, err, want)
		}
	}
	for _, bad := range []string{"x", "Tag eq 'a'", "DeviceToken eq ''", "BaiduUserId eq 'u'", strings.Repeat("x", maxFilter+1)} {
		if _, err := readFilter(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPatchesAreApplied(t *testing.T) {
	in := installation{InstallationID: "a", Platform: "apns", PushChannel: json.RawMessage(`"x"`), Tags: []string{"One", "two"}, Templates: map[string]template{"n": {Body: "{}", Tags: []string{"t"}}}}
	op := func(what, path, value string) patchOp { return patchOp{what, path, json.RawMessage(value)} }
	for _, c := range []struct {
		ops  []patchOp
		want string // tags, channel, templates; or the fault
	}{
		{[]patchOp{op("add", "/tags", `"three"`), op("remove", "/tags/one", "")}, "[two three] x n{}[t]"},
		{[]patchOp{op("add", "/tags", `"TWO"`)}, "[One TWO] x n{}[t]"},
		{[]patchOp{op("replace", "/tags", `["a","b"]`)}, "[a b] x n{}[t]"},
		{[]patchOp{op("replace", "/tags/two", `"zwei"`)}, "[One zwei] x n{}[t]"},
		{[]patchOp{op("remove", "/tags", "")}, "[] x n{}[t]"},
		{[]patchOp{op("replace", "/pushChannel", `"y"`), op("add", "/templates/n/tags", `"u"`)}, "[One two] y n{}[t u]"},
		{[]patchOp{op("replace", "/templates/n/body", `"{\"a\":1}"`)}, `[One two] x n{"a":1}[t]`},
		{[]patchOp{op("remove", "/templates/n", "")}, "[One two] x "},
		{[]patchOp{op("add", "/templates/n", `"{\"body\":\"b\"}"`)}, "[One two] x nb[]"},
		{[]patchOp{op("remove", "/templates/none", "")}, "fault"},
		{[]patchOp{op("move", "/tags", `"a"`)}, "fault"},
		{[]patchOp{op("add", "/installationId", `"b"`)}, "fault"},
		{[]patchOp{op("add", "/tags", `7`)}, "fault"},
		{[]patchOp{op("add", "/tags", "")}, "fault"},
		{nil, "fault"},
	} {
		out, err := patched(in, c.ops)
		got := "fault"
		if err == nil {
			got = fmt.Sprint(out.Tags) + " " + strings.Trim(string(out.PushChannel), `"`) + " "
			for name, t := range out.Templates {
				got += name + t.Body + fmt.Sprint(t.Tags)
			}
		} else if !fault.Is(err, fault.Invalid) {
			t.Errorf("%v: %v", c.ops, err)
		}
		if got != c.want {
			t.Errorf("%v: %s, want %s (%v)", c.ops, got, c.want, err)
		}
	}
}

func TestBlobHosts(t *testing.T) {
	cfg := Config{BlobHosts: []string{".blob.core.windows.net", "blobs.example.org", "127.0.0.1:9000"}}
	for address, good := range map[string]bool{
		"https://a.blob.core.windows.net/c?sig=x": true, "https://blobs.example.org:8443/c": true, "https://127.0.0.1:9000/c": true,
		"http://a.blob.core.windows.net/c": false, "https://127.0.0.1:9001/c": false, "https://evil.example/.blob.core.windows.net": false,
		"https://u:p@blobs.example.org/c": false, "https://ablob.core.windows.net/": false, "": false, "%": false,
	} {
		err := cfg.checkBlobURL("x", address)
		if (err == nil) != good || err != nil && strings.Contains(err.Error(), "sig=") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestFormatsAreNamed(t *testing.T) {
	h := http.Header{}
	h.Set("ServiceBusNotification-Format", "Xiaomi")
	if _, err := readMessage(h, nil); !fault.Is(err, fault.Invalid) || !strings.Contains(fmt.Sprint(err), "xiaomi") {
		t.Errorf("%v", err)
	}
	h.Set("ServiceBusNotification-ScheduleTime", "tomorrow")
	m := message{header: h}
	if err := m.schedule(); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}

func TestConfigFaults(t *testing.T) {
	if err := Defaults().Validate(); err != nil {
		t.Fatal(err)
	}
	bad := Config{Listen: "x", PublicHost: "a/b", BlobHosts: []string{"a/b"}, TLS: cert.TLS{CertFile: "c", ACMEHost: "h"},
		Policies: []Policy{{Name: "a;b", Rights: []string{"rule"}, Generation: -1}, {Name: "p"}, {Name: "p", Rights: []string{"send"}}}}
	err := bad.Validate()
	for _, want := range []string{"azure.listen", "azure.public_host", "azure.blob_hosts[0]", "azure.tls", "azure.policies[0].name", "azure.policies[0].rights", "azure.policies[0].generation", "azure.policies[1].rights", "azure.policies[2].name"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s is not told: %v", want, err)
		}
	}
}
