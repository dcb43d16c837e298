package hub

import (
	"context"
	"encoding/json"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Browsers are installations that the portal registers for its visitors. Its methods
// speak in plain words, so that sales needs nothing of the hub's.

// BrowserKey is what browsers subscribe with: the public VAPID key of an app, "" for the
// only one. Errors: fault.NotFound when nothing is sent to browsers.
func (s *Service) BrowserKey(ctx context.Context, app string) (string, error) {
	const op = "hub.BrowserKey"
	app, err := s.appOf(ctx, app)
	if err != nil {
		return "", err
	}
	c, err := s.Credential(ctx, app, push.WebPush)
	if err != nil {
		return "", err
	}
	var shown struct {
		Key string `json:"public_key"`
	}
	if err := json.Unmarshal(c.Shown, &shown); err != nil || shown.Key == "" {
		return "", fault.E(op, fault.NotFound, "the app has no key for browsers", err).WithFix("give it a webpush credential")
	}
	return shown.Key, nil
}

// PutBrowser registers a browser under an id of the caller's: subscription is its
// endpoint, p256dh and auth; person "" is nobody's. Errors: fault.Invalid, fault.NotFound
// (the app), fault.Limited.
func (s *Service) PutBrowser(ctx context.Context, app, browser, person, locale string, subscription [3]string, tags []string, quietFrom, quietTo string) error {
	in := Installation{App: app, ID: browser, Kind: string(push.WebPush), Handle: subscription[0], P256dh: subscription[1], Auth: subscription[2],
		User: person, Locale: locale, Tags: tags, Quiet: quietFromTo(quietFrom, quietTo)}
	_, err := s.Put(ctx, &in)
	return err
}

// Browser tells what a browser wants to hear, and when not. Errors: fault.NotFound.
func (s *Service) Browser(ctx context.Context, app, browser string) (tags []string, quietFrom, quietTo string, err error) {
	in, err := s.Installation(ctx, app, browser)
	if err == nil && in.Quiet != nil {
		quietFrom, quietTo = in.Quiet.From, in.Quiet.To
	}
	return in.Tags, quietFrom, quietTo, err
}

// ChangeBrowser replaces what a browser wants to hear, and when not ("", "": always).
// Errors: fault.NotFound, fault.Invalid.
func (s *Service) ChangeBrowser(ctx context.Context, app, browser string, tags []string, quietFrom, quietTo string) error {
	in, err := s.Installation(ctx, app, browser)
	if err != nil {
		return err
	}
	in.Tags, in.Quiet = tags, quietFromTo(quietFrom, quietTo)
	_, err = s.Put(ctx, &in)
	return err
}

// ForgetBrowser ends it. Errors: fault.NotFound.
func (s *Service) ForgetBrowser(ctx context.Context, app, browser string) error {
	return s.DeleteInstallation(ctx, app, browser)
}

func quietFromTo(from, to string) *Quiet {
	if from == "" && to == "" {
		return nil
	}
	return &Quiet{From: from, To: to}
}
