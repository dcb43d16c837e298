package app

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// telltale are words that German does not have: a page that says one speaks English somewhere.
var telltale = regexp.MustCompile(`\b(the|and|of|is|are|has|have|with|there|this|that|from|when|must|cannot|already|until|today|yet|off|an order|Mar|May|Oct|Dec|Tue|Wed|Thu|Fri|Sun|Monday|Friday|January|March|October|December)\b`)

// englishFigure is a number that German writes in another way: 2,443 or 12.50 EUR or €5.
var englishFigure = regexp.MustCompile(`\b\d{1,3},\d{3}\b|\b\d+\.\d{1,2} ?(?:%|[A-Z]{3}\b|[€£$])|\b\d+ EUR\b|[€£$]\d`)

// known are the words that programs know states, roles and kinds by. German has none of them.
var known = []string{"active", "retired", "draft", "published", "paused", "waiting", "offered", "owner", "admin", "staff", "customer", "listen", "send", "manage", "area", "stage", "stall", "queue", "entrance", "passage",
	"up", "down", "free", "none", "pending", "unlimited", "not enough data", "all categories", "first price", "English", "German", "Service", "Language"}

// speakGerman opens the pages that were found in German, and reads what people read there.
func (w *walker) speakGerman(paths []string) {
	w.Helper()
	for _, path := range paths {
		if slices.Contains(foreign, w.routeOf(path)) {
			continue
		}
		status, _, body := w.getIn("de", path)
		if status != http.StatusOK {
			w.Errorf("%s in German: %d", path, status)
			continue
		}
		page, err := html.Parse(strings.NewReader(body))
		if err != nil {
			w.Fatal(path, err)
		}
		for _, text := range readable(page) {
			text = christened.Replace(text)
			said := cmp.Or(telltale.FindString(text), englishFigure.FindString(text))
			if slices.Contains(known, text) {
				said = text
			}
			if said != "" {
				w.Errorf("%s says %q in German: %.160s", path, said, text)
			}
		}
	}
}

// christened is what the demo calls things: promoters' words, not ours.
var christened = strings.NewReplacer("The headliner starts on the main stage", "", "Doors are open", "", "Tickets are on sale", "", "A shower is coming: the food court has a roof", "", "for friends of the house", "")

// foreign pages are English by their nature.
var foreign = []string{"/docs/api"}

// readable are the texts of a page that are ours: not code, not what people have named, not
// what is marked as another language.
func readable(n *html.Node) (texts []string) {
	if n.Type == html.ElementNode {
		if slices.Contains([]string{"code", "pre", "bdi", "script", "style", "kbd", "title"}, n.Data) {
			return nil
		}
		for _, a := range n.Attr {
			if a.Key == "lang" && a.Val != "de" {
				return nil
			}
		}
	}
	if n.Type == html.TextNode && strings.TrimSpace(n.Data) != "" {
		texts = append(texts, strings.Join(strings.Fields(n.Data), " "))
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		texts = append(texts, readable(c)...)
	}
	return texts
}
