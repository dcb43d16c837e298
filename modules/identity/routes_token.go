package identity

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

// tokenRoutes are for apps, which sign people in with a provider's own kit.
func (s *Service) tokenRoutes() []web.Route {
	return []web.Route{
		{Method: "POST", Path: "/v1/auth/nonce", Right: web.Public, Handler: s.postNonce, Limit: maxTokenBody,
			Doc: web.Doc{Says: "Makes a nonce for an app's sign-in.", Gives: Nonce{}}},
		{Method: "POST", Path: "/v1/auth/token", Right: web.Public, Handler: s.postToken, Limit: maxTokenBody,
			Doc: web.Doc{Says: "Turns a provider's ID token into an access and a refresh token.", Takes: signingIn{}, Gives: Tokens{}}},
		{Method: "POST", Path: "/v1/auth/refresh", Right: web.Public, Handler: s.postRefresh, Limit: maxTokenBody,
			Doc: web.Doc{Says: "Turns a refresh token into new tokens; each is good once.", Takes: refreshing{}, Gives: Tokens{}}},
		{Method: "POST", Path: "/v1/auth/revoke", Right: web.Public, Handler: s.postRevoke, Limit: maxTokenBody,
			Doc: web.Doc{Says: "Revokes a token and all that came of the same sign-in.", Takes: revoking{}}},
	}
}

// maxTokenBody bounds a request: an ID token with many claims has a few KB.
const maxTokenBody = 32 << 10

func (s *Service) postNonce(c echo.Context) error {
	n, err := s.NewNonce()
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, n)
}

// signingIn is the sign-in that an app has done with a provider.
type signingIn struct {
	Provider string `json:"provider" validate:"required"`
	IDToken  string `json:"id_token" validate:"required"`
	Nonce    string `json:"nonce" validate:"required"`
}

// postToken is no web.Idempotent: its answer holds secrets, which are kept as
// hashes only, and a nonce is good once. An app that lost the answer begins anew.
func (s *Service) postToken(c echo.Context) error {
	in, err := web.Bind[signingIn](c)
	if err != nil {
		return err
	}
	t, err := s.exchange(c.Request().Context(), exchange{provider: in.Provider, idToken: in.IDToken, nonce: in.Nonce, agent: c.Request().UserAgent()})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, t)
}

// refreshing asks for new tokens.
type refreshing struct {
	Refresh string `json:"refresh_token" validate:"required"`
}

func (s *Service) postRefresh(c echo.Context) error {
	in, err := web.Bind[refreshing](c)
	if err != nil {
		return err
	}
	t, err := s.Refresh(c.Request().Context(), in.Refresh)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, t)
}

// revoking ends a token and its family.
type revoking struct {
	Token string `json:"token" validate:"required"`
}

func (s *Service) postRevoke(c echo.Context) error {
	in, err := web.Bind[revoking](c)
	if err != nil {
		return err
	}
	if err := s.Revoke(c.Request().Context(), in.Token); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
