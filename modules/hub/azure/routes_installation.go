package azure

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// pathID is the last part of the path. Echo hands it over as it was sent when its
// escapes are unusual.
func pathID(c echo.Context) (string, error) {
	given := c.Param("id")
	if c.Request().URL.RawPath == "" {
		return given, nil
	}
	plain, err := url.PathUnescape(given)
	if err != nil {
		return "", fault.BadField("azure.Path", "id", "is not well escaped", "escape it as a part of a path (RFC 3986)")
	}
	return plain, nil
}

// mayName refuses a device that says whose it is: it could listen to somebody else's
// messages. Back ends hold Manage; azure.trust_devices allows it to all.
func (s *Service) mayName(c echo.Context, user string) error {
	if user == "" || s.cfg.TrustDevices {
		return nil
	}
	if err := web.Require(c, web.Manage); err != nil {
		return fault.E("azure.mayName", fault.Unauthenticated, "Manage claim is required to say whose a device is.", err).
			WithFix("leave userId out, let the back end register it, or set azure.trust_devices")
	}
	return nil
}

func (s *Service) putInstallation(c echo.Context) error {
	body, err := web.Body(c)
	if err != nil {
		return err
	}
	in, err := readInstallation(body)
	if err != nil {
		return err
	}
	name, err := pathID(c)
	if err != nil {
		return err
	}
	if in.InstallationID == "" {
		in.InstallationID = name
	}
	if in.InstallationID != name {
		return fault.BadField(opInstallation, "installationId", "is not that of the address", "the same in both")
	}
	to, err := in.stored(hubOf(c))
	if err != nil {
		return err
	}
	if err := s.mayName(c, to.User); err != nil {
		return err
	}
	if err := s.put(c.Request().Context(), to); err != nil {
		return err
	}
	s.located(c, "/installations/"+url.PathEscape(name))
	return c.NoContent(http.StatusOK)
}

// put stores an installation, then what it said beyond it: a crash in between costs
// the spelling of an answer, no more.
func (s *Service) put(ctx context.Context, to stored) error {
	if _, err := s.hub.Put(ctx, &to.Installation); err != nil {
		return err
	}
	return s.keepSaid(ctx, to)
}

// find reads an installation as it was said.
func (s *Service) find(ctx context.Context, app, name string) (stored, error) {
	in, err := s.hub.Installation(ctx, app, name)
	if err != nil {
		return stored{}, err
	}
	words, err := s.saidOf(ctx, app, name)
	return stored{in, words}, err
}

func (s *Service) getInstallation(c echo.Context) error {
	name, err := pathID(c)
	if err != nil {
		return err
	}
	found, err := s.find(c.Request().Context(), hubOf(c), name)
	if err != nil {
		return err
	}
	in, err := found.answer()
	if err != nil {
		return err
	}
	s.located(c, "/installations/"+url.PathEscape(name))
	return c.JSON(http.StatusOK, in)
}

func (s *Service) patchInstallation(c echo.Context) error {
	body, err := web.Body(c)
	if err != nil {
		return err
	}
	var ops []patchOp
	if err := json.Unmarshal(body, &ops); err != nil {
		return fault.E("azure.Patch", fault.Invalid, "the patch is no JSON list of operations", err).WithFix(`such as [{"op": "add", "path": "/tags", "value": "vip"}]`)
	}
	name, err := pathID(c)
	if err != nil {
		return err
	}
	for range patchTries {
		if err = s.patch(c, name, ops); !errors.Is(err, errChanged) {
			break
		}
	}
	if err != nil {
		return err
	}
	s.located(c, "/installations/"+url.PathEscape(name))
	return c.NoContent(http.StatusOK)
}

// patchTries is how often a patch is made anew when the installation changed under it.
const patchTries = 5

var errChanged = fault.E("azure.Patch", fault.Conflict, "the installation changes too often to be patched", nil).WithFix("try again")

// patch makes the operations on the protocol's form and replaces the hub's by what came out.
func (s *Service) patch(c echo.Context, name string, ops []patchOp) error {
	ctx, app := c.Request().Context(), hubOf(c)
	found, err := s.find(ctx, app, name)
	if err != nil {
		return err
	}
	before, err := found.answer()
	if err != nil {
		return err
	}
	after, err := patched(before, ops)
	if err != nil {
		return err
	}
	to, err := after.stored(app)
	if err != nil {
		return err
	}
	if to.User != found.User {
		if err := s.mayName(c, to.User); err != nil {
			return err
		}
	}
	replace, err := replacing(to)
	if err != nil {
		return err
	}
	_, err = s.hub.Patch(ctx, app, name, replace, func(current *hub.Installation) error {
		if current.Version != found.Version {
			return errChanged
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.keepSaid(ctx, to)
}

func (s *Service) deleteInstallation(c echo.Context) error {
	name, err := pathID(c)
	if err != nil {
		return err
	}
	// The reference answers the same whether there was one or not.
	if err := s.hub.DeleteInstallation(c.Request().Context(), hubOf(c), name); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
