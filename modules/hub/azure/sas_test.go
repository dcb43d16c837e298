package azure

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/seal"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func testKeys(t testing.TB, generation int) Keys {
	t.Helper()
	key, err := seal.Parse(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, seal.KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	return Keys{Seal: key, Policies: []Policy{{Name: "listen", Rights: []string{"listen"}, Generation: generation}, {Name: FullPolicy, Rights: []string{"listen", "send", "manage"}, Generation: generation}}}
}

// signed makes a token as the clients do.
func signed(key, audience, policy string, expires time.Time) string {
	sr, se := url.QueryEscape(audience), fmt.Sprint(expires.Unix())
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(sr + "\n" + se))
	return "SharedAccessSignature sr=" + sr + "&sig=" + url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil))) + "&se=" + se + "&skn=" + url.QueryEscape(policy)
}

func TestTokensAreChecked(t *testing.T) {
	keys := testKeys(t, 3)
	now3, before2, old1 := keys.key("main", FullPolicy, 3), keys.key("main", FullPolicy, 2), keys.key("main", FullPolicy, 1)
	later := noon.Add(time.Hour)
	for _, c := range []struct {
		name, header, want string
	}{
		{"good", signed(now3, "https://push.example.org/", FullPolicy, later), ""},
		{"the generation before", signed(before2, "https://push.example.org/main", FullPolicy, later), ""},
		{"this path", signed(now3, "sb://PUSH.example.org:8443/Main/Messages", FullPolicy, later), ""},
		{"a query behind the path", signed(now3, "https://push.example.org/main?api-version=2015-01", FullPolicy, later), ""},
		{"two generations ago", signed(old1, "https://push.example.org/", FullPolicy, later), "InvalidSignature"},
		{"generation zero is nobody's", signed(keys.key("main", "listen", 0), "https://push.example.org/", "listen", later), "InvalidSignature"},
		{"another hub's key", signed(keys.key("other", FullPolicy, 3), "https://push.example.org/", FullPolicy, later), "InvalidSignature"},
		{"another policy's key", signed(now3, "https://push.example.org/", "listen", later), "InvalidSignature"},
		{"no such policy", signed(now3, "https://push.example.org/", "nobody", later), "InvalidSignature"},
		{"expired", signed(now3, "https://push.example.org/", FullPolicy, noon), "ExpiredToken"},
		{"another host", signed(now3, "https://push.example.com/", FullPolicy, later), "InvalidAudience"},
		{"another hub", signed(now3, "https://push.example.org/mainland", FullPolicy, later), "InvalidAudience"},
		{"the beginning of its name", signed(now3, "https://push.example.org/mai", FullPolicy, later), "InvalidAudience"},
		{"another path", signed(now3, "https://push.example.org/main/jobs", FullPolicy, later), "InvalidAudience"},
		{"another port", signed(now3, "https://push.example.org:9/", FullPolicy, later), "InvalidAudience"},
		{"none", "", "MissingToken"},
		{"another scheme", "Bearer usher_abc", "MalformedToken"},
		{"no signature", "SharedAccessSignature sr=https%3a%2f%2fa&se=1&skn=a", "MalformedToken"},
		{"twice", signed(now3, "https://push.example.org/", FullPolicy, later) + "&skn=listen", "MalformedToken"},
		{"no number", strings.Replace(signed(now3, "https://push.example.org/", FullPolicy, later), "&se=", "&se=x", 1), "MalformedToken"},
		{"too long", "SharedAccessSignature " + strings.Repeat("x", maxToken), "MalformedToken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tok, err := parseToken(c.header)
			if err == nil {
				_, err = keys.verify(tok, "main", []string{"push.example.org:8443"}, "/main/messages", noon)
			}
			if c.want == "" && err != nil || c.want != "" && (!fault.Is(err, fault.Unauthenticated) || !strings.HasPrefix(fault.Message(err), c.want+": ")) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestGenerationOneHasNoKeyBefore(t *testing.T) {
	keys := testKeys(t, 1)
	tok, err := parseToken(signed(keys.key("main", FullPolicy, 0), "https://h/", FullPolicy, noon.Add(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.verify(tok, "main", []string{"h"}, "/main", noon); err == nil {
		t.Error("the key of generation 0 opens the door")
	}
}

func TestConnectionString(t *testing.T) {
	keys := testKeys(t, 1)
	s, err := keys.ConnectionString("sb://push.example.org:8443/", "main", FullPolicy)
	if err != nil || !strings.HasPrefix(s, "Endpoint=sb://push.example.org:8443/;SharedAccessKeyName="+FullPolicy+";SharedAccessKey=") {
		t.Errorf("%q %v", s, err)
	}
	if _, err := keys.ConnectionString("sb://h/", "main", "nobody"); !fault.Is(err, fault.Invalid) || !strings.Contains(fixOf(err), FullPolicy) {
		t.Errorf("an unknown policy: %v", err)
	}
}

func FuzzParseToken(f *testing.F) {
	keys := testKeys(f, 2)
	good := signed(keys.key("main", FullPolicy, 2), "https://h/", FullPolicy, noon.Add(time.Hour))
	forged := signed("made up", "https://h/", FullPolicy, noon.Add(time.Hour))
	for _, s := range []string{good, forged, "", "SharedAccessSignature ", "SharedAccessSignature sr=%zz&sig=%&se=-1&skn=", strings.ToUpper(good)} {
		f.Add(s)
	}
	sound, err := parseToken(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		tok, err := parseToken(header)
		if err != nil {
			if !fault.Is(err, fault.Unauthenticated) {
				t.Fatalf("%q: %v", header, err)
			}
			return
		}
		// Nobody but the keys' holder can sign: what is let in was signed above, all of it.
		if _, err := keys.verify(tok, "main", []string{"h"}, "/main", noon); err == nil && (tok.signed != sound.signed || !bytes.Equal(tok.sig, sound.sig) || tok.policy != FullPolicy) {
			t.Fatalf("%q was let in", header)
		}
	})
}

// fixOf is what a fault says to do.
func fixOf(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Fix
	}
	return ""
}
