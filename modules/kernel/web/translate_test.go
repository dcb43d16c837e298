package web

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestMessages(t *testing.T) {
	for source, want := range map[string][]string{
		`{{define "title"}}Now{{end}}`: {"Now"},
		`<p>{{.Done}} of {{.Total}} sold, <a href="/x{{if .Y}}?y{{end}}" title="Every one">look at  them</a>.</p>`: {"Every one", "{{.Done}} of {{.Total}} sold, <a>look at them</a>."},
		`<h1><bdi>{{.Title}}</bdi></h1>`:                                           nil,
		`<p class="quiet"> Sent by <code>POST /v1</code> </p>`:                     {"Sent by <code/>"},
		`<p>{{if .A}}One{{else}}Two{{end}} &amp; more{{/* no <b>word</b> */}}</p>`: {"One", "Two", "&amp; more"},
		`<a href="{{index .L "a>b"}}">Go</a> <strong>and</strong>`:                 {"<a>Go</a> <strong>and</strong>"},
		`<td data-label="Sent">{{.N}}</td>`:                                        {"Sent"},
		`<pre aria-label="Data">a word</pre>`:                                      {"Data"},
		`<script>let x = "word"</script><p>– {{.X}}</p>`:                           nil,
		`<label><input type="checkbox"> <span>Allow <b>it</b></span></label>`:      {"Allow <b>it</b>"},
		`<strong>Not accepted.</strong> Look below.{{template "x" .}}`:             {"<strong>Not accepted.</strong> Look below."},
	} {
		if got := Messages(source); !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", source, got, want)
		}
		if same := translate(source, func(m string) string { return m }); same != source {
			t.Errorf("%s became %s", source, same)
		}
	}
}

func TestTranslateKeepsWhatPeopleDoNotRead(t *testing.T) {
	german := map[string]string{"{{.N}} sold, <a>look at <b>them</b></a> by <code/>": "Mit <code/> <a>{{.N}} davon <b>ansehen</b></a>", "Sent": "Gesendet"}
	got := translate(`<p id="Sent" title="Sent"> {{.N}} sold, <a href="/{{.ID}}">look at <b class="x">them</b></a> by <code>GET</code> </p>`, func(m string) string {
		if s, ok := german[m]; ok {
			return s
		}
		return m
	})
	if want := `<p id="Sent" title="Gesendet"> Mit <code>GET</code> <a href="/{{.ID}}">{{.N}} davon <b class="x">ansehen</b></a> </p>`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func FuzzTranslate(f *testing.F) {
	f.Add(`<p>{{if .A}}One <a href="{{.B}}">two</a>{{end}}</p>`)
	f.Add(`<a "{{"`)
	f.Add(`{{/* <b> */}}<code>x`)
	f.Fuzz(func(t *testing.T, source string) {
		if same := translate(source, func(m string) string { return m }); same != source {
			t.Errorf("%q became %q", source, same)
		}
	})
}

func TestRendererSpeaks(t *testing.T) {
	files := fstest.MapFS{
		"templates/layout.html":  {Data: []byte(`<html lang="{{.Lang}}">{{block "main" .Page}}{{end}}`)},
		"templates/hub/now.html": {Data: []byte(`{{define "main"}}<p>Sold {{.N}}</p>of {{say .All}} {{say .What}} {{say .State}}{{end}}`)},
		"words/de/hub.json":      {Data: []byte(`{"Sold {{.N}}": "{{.N}} verkauft", ",": ".", "open": "offen", "%s is %s": "%[2]s ist %[1]s"}`)},
	}
	r, err := NewRenderer(files, nil)
	if err != nil {
		t.Fatal(err)
	}
	page := map[string]any{"N": 3, "All": 12345, "What": T("%s is %s", "Gate", T("open")), "State": "open"}
	for lang, want := range map[string]string{
		"en": `<html lang="en"><p>Sold 3</p>of 12,345 Gate is open open`,
		"de": `<html lang="de"><p>3 verkauft</p>of 12.345 offen ist Gate offen`,
	} {
		var out strings.Builder
		drawn, err := r.sets[lang]["hub/now"]()
		if err != nil {
			t.Fatal(err)
		}
		if err := drawn.ExecuteTemplate(&out, "layout.html", Frame{Page: page, Lang: lang}); err != nil || out.String() != want {
			t.Errorf("%s: %v\n got %s\nwant %s", lang, err, out.String(), want)
		}
	}
	for asked, want := range map[string]string{"de-CH,en;q=.5": "de", "fr, de;q=.3": "de", "fr": "en", "": "en", strings.Repeat("de,", 90): "en"} {
		if got := choose(r.tags, r.match, asked); got != want {
			t.Errorf("%s: %s", asked, got)
		}
	}
}
