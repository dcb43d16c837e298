package identity

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// maxSkew is how far our clock may be from an issuer's: its tokens begin and end
// by its own, and go-oidc gives no leeway at their end.
const maxSkew = 30 * time.Second

// CheckProvider is what doctor asks about one provider: can it be reached, which
// redirect address must be registered there, and do the clocks agree?
// origin is ours, such as "https://tickets.example.org".
// Errors: fault.Transient, fault.Conflict, each with what to do.
func CheckProvider(ctx context.Context, p Provider, origin string, clk clock.Clock) (string, error) {
	_, asked, err := newProviders([]Provider{p}, clk, newProviderClient()).named(p.Name)
	if err != nil {
		return "", err
	}
	said, err := asked.check(ctx)
	if err != nil {
		return "", err
	}
	return said + "; register the redirect URI " + origin + callbackPath(p.Name), nil
}

func (o *openID) check(ctx context.Context) (string, error) {
	d, err := o.discover(ctx)
	if err != nil {
		return "", fault.E("identity.CheckProvider", fault.Transient, o.kind.issuer+" gives no discovery document", err).
			WithFix("check the issuer's address; this must open: " + strings.TrimSuffix(o.kind.issuer, "/") + "/.well-known/openid-configuration")
	}
	if err := skew(ctx, o.client, o.clock, o.kind.issuer+"/.well-known/openid-configuration"); err != nil {
		return "", err
	}
	return d.issuer + " answers", nil
}

func (o *oauthProvider) check(ctx context.Context) (string, error) {
	begun, err := o.address(ctx, signInRequest{redirect: "https://usher.invalid/", state: "doctor", verifier: "doctor"})
	if err != nil {
		return "", err
	}
	u, err := url.Parse(begun)
	if err != nil {
		return "", away(o.cfg, err)
	}
	if err := skew(ctx, o.client, o.clock, u.Scheme+"://"+u.Host+"/"); err != nil {
		return "", err
	}
	return u.Host + " answers", nil
}

// skew compares our clock with the Date of an answer, which has whole seconds.
func skew(ctx context.Context, client *http.Client, clk clock.Clock, address string) error {
	const op = "identity.CheckProvider"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fault.E(op, fault.Invalid, address+" is no address", err).WithFix("check the issuer")
	}
	res, err := client.Do(req)
	if err != nil {
		return fault.E(op, fault.Transient, req.URL.Host+" does not answer", withoutAddress(err)).
			WithFix("check this machine's name resolution and its way out to the internet")
	}
	_ = res.Body.Close()
	theirs, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return nil //nolint:nilerr // an answer without a date tells nothing about clocks
	}
	if off := clk.Now().Sub(theirs); off.Abs() > maxSkew {
		return fault.E(op, fault.Conflict, fmt.Sprintf("our clock differs from %s by %s", req.URL.Host, off.Round(time.Second)), nil).
			WithFix("let this machine follow a time server (timedatectl set-ntp true)")
	}
	return nil
}
