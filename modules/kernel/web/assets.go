package web

import (
	"bytes"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Assets serves the static files under assets/ of a file system that does not
// change while we run (it is embedded).
type Assets struct{ files map[string]asset }

type asset struct {
	body []byte
	tag  string // strong, of the content
	kind string // media type
}

// kinds are the media types of what we serve: mime's own table differs between machines.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".json": "application/json", ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml",
	".png": "image/png", ".ico": "image/x-icon", ".webp": "image/webp", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8",
}

// workerSuffix marks our service workers, which serve pages outside /assets/.
const workerSuffix = "-worker.js"

// NewAssets reads and hashes every file under assets/ of files; none is fine.
func NewAssets(files fs.FS) (*Assets, error) {
	a := &Assets{files: map[string]asset{}}
	err := fs.WalkDir(files, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		kind, ok := kinds[path.Ext(name)]
		if !ok {
			kind = mime.TypeByExtension(path.Ext(name))
		}
		a.files[strings.TrimPrefix(name, "assets/")] = asset{body: body, tag: tagOf(body), kind: kind}
		return nil
	})
	if err != nil {
		return nil, fault.E("web.NewAssets", fault.Internal, "cannot read the assets", err)
	}
	return a, nil
}

// URL is the address of an asset for templates ({{asset "app.css"}}): with its
// content's hash, so that browsers may keep it for ever. An unknown name gives
// an address that answers 404.
func (a *Assets) URL(name string) string {
	f, ok := a.files[name]
	if !ok {
		return "/assets/" + name
	}
	return "/assets/" + name + "?v=" + strings.Trim(f.tag, `"`)
}

// Route serves GET /assets/*.
func (a *Assets) Route() Route {
	return Route{Method: http.MethodGet, Path: "/assets/*", Right: Public, Handler: a.serve}
}

// serve allows keeping for ever only what was asked for by its hash: a module's
// relative imports have none and are revalidated by tag instead.
func (a *Assets) serve(c echo.Context) error {
	f, ok := a.files[c.Param("*")]
	if !ok {
		return fault.E("web.Assets", fault.NotFound, "there is no such file", nil)
	}
	h := c.Response().Header()
	h.Set("ETag", f.tag)
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	if strings.HasSuffix(c.Param("*"), workerSuffix) {
		h.Set("Service-Worker-Allowed", "/")
	}
	if c.QueryParam("v") == strings.Trim(f.tag, `"`) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(f.body))
	return nil
}
