package azure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/seal"
)

// Keys makes and checks shared access signatures. Source: Service Bus, "Shared
// Access Signature authentication".
type Keys struct {
	Seal     *seal.Key
	Policies []Policy
}

// policy finds one by name, compared as the reference does: exactly.
func (k Keys) policy(name string) (Policy, bool) {
	i := slices.IndexFunc(k.Policies, func(p Policy) bool { return p.Name == name })
	if i < 0 {
		return Policy{}, false
	}
	return k.Policies[i], true
}

// key is the policy's key for a hub, as text: signatures are made with its letters,
// not with the bytes they stand for.
func (k Keys) key(hub, policy string, generation int) string {
	context := "azure sas|" + hub + "|" + policy + "|" + strconv.Itoa(generation)
	return base64.StdEncoding.EncodeToString(k.Seal.Derive(context))
}

// ConnectionString is what a client of the protocol is made from. endpoint is
// "sb://host[:port]/". Errors: fault.Invalid for an unknown policy.
func (k Keys) ConnectionString(endpoint, hub, policy string) (string, error) {
	p, ok := k.policy(policy)
	if !ok {
		names := make([]string, len(k.Policies))
		for i, p := range k.Policies {
			names[i] = p.Name
		}
		return "", fault.BadField("azure.ConnectionString", "--policy", fmt.Sprintf("%q is not among azure.policies", policy), "one of "+strings.Join(names, ", "))
	}
	return fmt.Sprintf("Endpoint=%s;SharedAccessKeyName=%s;SharedAccessKey=%s", endpoint, p.Name, k.key(hub, p.Name, p.current())), nil
}

// Token is a shared access signature for a resource and everything below it, as the
// clients make theirs. Errors: fault.Invalid for an unknown policy.
func (k Keys) Token(resource, hub, policy string, expires time.Time) (string, error) {
	p, ok := k.policy(policy)
	if !ok {
		return "", fault.BadField("azure.Token", "policy", fmt.Sprintf("%q is not among azure.policies", policy), "keep "+FullPolicy+" among them")
	}
	sr, se := url.QueryEscape(strings.ToLower(resource)), strconv.FormatInt(expires.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(k.key(hub, p.Name, p.current())))
	mac.Write([]byte(sr + "\n" + se))
	sig := url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return "SharedAccessSignature sr=" + sr + "&sig=" + sig + "&se=" + se + "&skn=" + url.QueryEscape(p.Name), nil
}

// token is a shared access signature as it was sent.
type token struct {
	audience string // a URL, decoded, in lower case
	signed   string // what the signature is over
	sig      []byte
	expires  time.Time
	policy   string
}

// maxToken is the longest header that is looked at, in bytes.
const maxToken = 4096

// refused is a fault in the words of the reference.
func refused(code, problem string) *fault.Error {
	return fault.E("azure.SAS", fault.Unauthenticated, code+": "+problem, nil)
}

// parseToken reads the Authorization header. Errors: fault.Unauthenticated.
func parseToken(header string) (token, error) {
	if header == "" {
		return token{}, refused("MissingToken", "The Authorization header is missing; it must hold a SharedAccessSignature.")
	}
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "SharedAccessSignature") || len(header) > maxToken {
		return token{}, refused("MalformedToken", "The Authorization header is no SharedAccessSignature.")
	}
	given := map[string]string{}
	for pair := range strings.SplitSeq(strings.TrimSpace(rest), "&") {
		name, value, ok := strings.Cut(pair, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := given[name]; !ok || twice || !slices.Contains([]string{"sr", "sig", "se", "skn"}, name) {
			return token{}, refused("MalformedToken", "The token must have sr, sig, se and skn, each once, and nothing else.")
		}
		given[name] = value
	}
	return readToken(given)
}

func readToken(given map[string]string) (token, error) {
	audience, err := url.QueryUnescape(given["sr"])
	if err != nil || audience == "" {
		return token{}, refused("MalformedToken", "sr must be the resource's address, URL-encoded.")
	}
	text, err := url.PathUnescape(given["sig"])
	if err != nil {
		return token{}, refused("MalformedToken", "sig must be URL-encoded.")
	}
	sig, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sig) != sha256.Size {
		return token{}, refused("MalformedToken", "sig must be the base64 of an HMAC-SHA256.")
	}
	seconds, err := strconv.ParseInt(given["se"], 10, 64)
	if err != nil || seconds < 0 || seconds > maxExpiry {
		return token{}, refused("MalformedToken", "se must be a number of seconds since 1970.")
	}
	policy, err := url.QueryUnescape(given["skn"])
	if err != nil || policy == "" {
		return token{}, refused("MalformedToken", "skn must be the name of a policy.")
	}
	return token{audience: strings.ToLower(audience), signed: given["sr"] + "\n" + given["se"], sig: sig,
		expires: time.Unix(seconds, 0).UTC(), policy: policy}, nil
}

// maxExpiry is the end of the year 9999, which the reference's "never" is.
const maxExpiry = 253402300799

// verify checks that the token was signed with a key of the hub, is in time and is
// meant for the resource, a host and path. It gives the policy. Errors:
// fault.Unauthenticated, in the words of the reference.
func (k Keys) verify(t token, hub string, hosts []string, path string, now time.Time) (Policy, error) {
	p, known := k.policy(t.policy)
	good := false
	for _, generation := range []int{p.current(), p.current() - 1} {
		mac := hmac.New(sha256.New, []byte(k.key(hub, p.Name, generation)))
		mac.Write([]byte(t.signed))
		// Both keys are always tried, and an unknown policy costs the same as a known one.
		good = hmac.Equal(mac.Sum(nil), t.sig) && generation > 0 || good
	}
	switch {
	case !known || !good:
		return p, refused("InvalidSignature", "The token has an invalid signature.")
	case !now.Before(t.expires):
		return p, refused("ExpiredToken", "The token is expired. Expiration time: '"+t.expires.Format(time.RFC3339)+"'.")
	case !covers(t.audience, hosts, path):
		return p, refused("InvalidAudience", "The token's audience '"+t.audience+"' does not cover this resource.")
	}
	return p, nil
}

// covers reports whether the audience is the resource or one above it: the name
// space ("https://host/"), the hub, or the path itself. Schemes do not matter, nor
// does a port that the client left out.
func covers(audience string, hosts []string, path string) bool {
	_, rest, ok := strings.Cut(audience, "://")
	if !ok {
		return false
	}
	host, below, _ := strings.Cut(rest, "/")
	below, _, _ = strings.Cut(below, "?")
	below = strings.Trim(below, "/")
	if !slices.ContainsFunc(hosts, func(h string) bool { return sameHost(host, h) }) {
		return false
	}
	path = strings.Trim(strings.ToLower(path), "/")
	return below == "" || path == below || strings.HasPrefix(path, below+"/")
}

func sameHost(audience, host string) bool {
	host = strings.ToLower(host)
	if audience == host {
		return host != ""
	}
	bare, _, err := net.SplitHostPort(host)
	return err == nil && audience == bare
}

// current is the generation of the key that is given out.
func (p Policy) current() int { return max(p.Generation, 1) }

// allows reports whether the policy holds a right.
func (p Policy) allows(right string) bool { return slices.Contains(p.Rights, right) }
