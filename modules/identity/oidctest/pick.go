package oidctest

import (
	"context"
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed pick.html
var pickHTML string

var pickPage = template.Must(template.New("pick").Parse(pickHTML))

// pick shows who there is to be.
func (p *Provider) pick(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_ = pickPage.Execute(w, map[string]any{"ID": r.URL.Query().Get("id"), "Users": p.cfg.Users})
}

// picked goes on as the chosen person.
func (p *Provider) picked(next func(context.Context, string) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request, subject := r.PostFormValue("id"), r.PostFormValue("user")
		if _, known := p.user(subject); !known || !p.storage.pick(request, subject) {
			http.Error(w, "This sign-in has ended. Begin again.", http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, next(r.Context(), request), http.StatusFound)
	}
}
