package identity

import (
	"context"

	"github.com/usherhq/usher/modules/kernel/web"
)

// Glance is what identity has to say on the page Now: whether people can sign in.
func (s *Service) Glance(context.Context, string) (g web.Glance, err error) {
	g.Steps = []web.Step{{
		Done: len(s.Choices()) > 0, What: web.T("Choose how people sign in"),
		Why: web.T("Usher keeps no passwords: people sign in with a provider they have, such as Google, Apple, GitHub or one of your own. Name it in the configuration and start Usher again."),
		Examples: []web.Example{{Label: web.T("A provider that speaks OpenID Connect, in config.yaml"), Command: `identity:
  providers:
    - {name: work, kind: oidc, label: Work account, issuer: "https://login.example.org", client_id: "…", client_secret: "…"}`}},
	}}
	return g, nil
}
